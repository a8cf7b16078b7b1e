using RealNvp.ML.Trainers.Data;
using RealNvp.ML.Trainers.Data.Columns;
using RealNvp.ML.Trainers.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Trainers.Data.Batches;

/// <summary>
/// How much wider noise is far out in stretched columns. Beyond the tail bound the flow sees logarithms: noise that stays as it is would be
/// none there, and a code that stands a million scales away would be a spike of endless density, the most normal value of all. So it grows
/// with the distance, and is the same in the flow's eyes.
/// </summary>
internal sealed class NoiseReach : IDisposable
{
    private static readonly Scalar s_one = 1.0.ToScalar();

    private readonly Tensor _centers;
    private readonly Tensor _reach;

    private NoiseReach(Tensor centers, Tensor reach) => (_centers, _reach) = (centers, reach);

    /// <summary>The reach of noise in columns of these facts.</summary>
    /// <param name="facts">Centres and scales.</param>
    /// <param name="bound">The tail bound, in scales.</param>
    /// <param name="device">Where the rows are.</param>
    public static NoiseReach Of(ColumnFacts facts, double bound, Device device)
    {
        Tensor Lasting(IEnumerable<float> values)
            => LastingTensor.Of(() => tensor(values.ToArray(), dtype: ScalarType.Float32, device: device));
        int conditions = facts.Condition?.Size ?? 0; // which get no noise
        return new(Lasting([.. facts.Mean, .. new float[conditions]]),
            Lasting([.. facts.StandardDeviation.Select((scale, j)
                => facts.IsStretched[j] ? (float)(bound * scale) : float.PositiveInfinity),
                .. Enumerable.Repeat(float.PositiveInfinity, conditions)]));
    }

    /// <summary>A factor per value, 1 within the reach.</summary>
    public Tensor Growth(Tensor rows) => ((rows - _centers).abs() / _reach).clamp(min: s_one);

    public void Dispose()
    {
        _centers.Dispose();
        _reach.Dispose();
    }
}
