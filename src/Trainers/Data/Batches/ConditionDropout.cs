using RealNvp.ML.Trainers.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Trainers.Data.Batches;

/// <summary>
/// Takes the whole condition from a share of the rows of a batch, so that a flow learns p(features) beside p(features | condition).
/// </summary>
/// <param name="features">Values of a row before its condition.</param>
/// <param name="share">Above 0 and below 1.</param>
/// <param name="random">Draws the rows.</param>
internal sealed class ConditionDropout(int features, double share, DeviceRandom random)
{
    private static readonly Scalar s_unknown = double.NaN.ToScalar();

    /// <summary>Rows [n, features + conditions].</summary>
    public Tensor Apply(Tensor rows)
    {
        Tensor dropped = empty([rows.shape[0], 1], dtype: rows.dtype, device: rows.device).bernoulli_(share, random.Generator)
            .to(ScalarType.Bool);
        Tensor[] parts = rows.split([features, rows.shape[1] - features], 1);
        return cat([parts[0], parts[1].masked_fill(dropped, s_unknown)], 1);
    }
}
