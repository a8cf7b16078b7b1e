namespace RealNvp.ML.Bench.Flows;

/// <summary>Normal numbers, by Box and Muller.</summary>
internal static class NormalRandom
{
    /// <summary>A draw of N(0, 1).</summary>
    public static double NextNormal(this Random random)
        => Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
}
