namespace RealNvp.ML.Bench.Cuda;

/// <summary>How far the results of one lane are from those of another.</summary>
/// <param name="Largest">The largest difference.</param>
/// <param name="Share">The largest share of what runtimes may differ by; above 1 is wrong.</param>
internal sealed record Parity(double Largest, double Share)
{
    /// <summary>Compares.</summary>
    /// <param name="expected">The results of the reference.</param>
    /// <param name="found">The others.</param>
    /// <param name="least">D for log-likelihoods, the square root of D for latents, 1 for values.</param>
    public static Parity Between(float[] expected, float[] found, double least)
    {
        if (found.Length != expected.Length)
            return new(double.PositiveInfinity, double.PositiveInfinity);
        double largest = 0, share = 0;
        for (int i = 0; i < expected.Length; i++)
        {
            double difference = Math.Abs((double)expected[i] - found[i]);
            if (double.IsNaN(difference))
                difference = double.PositiveInfinity; // comparisons with NaN would pass
            largest = Math.Max(largest, difference);
            share = Math.Max(share, difference / (1e-4 * Math.Max(least, Math.Abs(expected[i]))));
        }
        return new(largest, share);
    }
}
