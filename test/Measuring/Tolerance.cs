namespace RealNvp.ML.Tests.Measuring;

/// <summary>The one tolerance of the project: what different runtimes may differ by.</summary>
internal static class Tolerance
{
    /// <summary>1e-4 max(1, |value|, least): of a log-likelihood the least is D, of an element 1.</summary>
    public static double Of(double expected, double least = 1) => 1e-4 * Math.Max(Math.Max(1, least), Math.Abs(expected));

    /// <summary>1e-4 max(1, |value|) per element.</summary>
    public static void Values(double[] expected, float[] found) => Compare(expected, found, 1);

    /// <summary>1e-4 max(1, |value|, D) per log-likelihood in nats.</summary>
    public static void LogLikelihoods(double[] expected, float[] found, int features) => Compare(expected, found, features);

    private static void Compare(double[] expected, float[] found, int least)
    {
        Assert.Equal(expected.Length, found.Length);
        for (int i = 0; i < expected.Length; i++)
        {
            double tolerance = Of(expected[i], least);
            Assert.True(Math.Abs(expected[i] - found[i]) <= tolerance,
                $"Element {i} is {found[i]}, expected {expected[i]} +- {tolerance}.");
        }
    }
}
