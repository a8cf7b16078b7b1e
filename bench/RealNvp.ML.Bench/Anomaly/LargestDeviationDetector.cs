namespace RealNvp.ML.Bench.Anomaly;

/// <summary>max |z|: what a look at each column alone finds.</summary>
internal sealed class LargestDeviationDetector : GeometricDetector
{
    /// <inheritdoc/>
    public override string Name => "max abs z";

    /// <inheritdoc/>
    protected override float[] Scores(float[][] train, float[][] test) => Array.ConvertAll(test, row => row.Max(Math.Abs));
}
