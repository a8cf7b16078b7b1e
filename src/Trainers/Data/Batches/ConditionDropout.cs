using RealNvp.ML.Trainers.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Trainers.Data.Batches;

/// <summary>
/// Takes the condition from a share of the rows of a batch, so that a flow learns p(features) beside p(features | condition). A part of
/// these rows keeps some of its values: nets that have never read one unknown value beside known ones would make anything of them.
/// </summary>
/// <param name="features">Values of a row before its condition.</param>
/// <param name="share">Above 0 and below 1.</param>
/// <param name="random">Draws the rows.</param>
internal sealed class ConditionDropout(int features, double share, DeviceRandom random)
{
    /// <summary>The part of the rows with a dropped condition that loses each of its values with a chance of a half.</summary>
    private const double Partly = 0.25;

    private static readonly Scalar s_unknown = double.NaN.ToScalar(), s_half = 0.5.ToScalar();

    private readonly Scalar _share = share.ToScalar(), _whole = ((1 - Partly) * share).ToScalar();

    /// <summary>Rows [n, features + conditions].</summary>
    public Tensor Apply(Tensor rows)
    {
        Tensor[] parts = rows.split([features, rows.shape[1] - features], 1);
        long values = parts[1].shape[1], more = values > 1 ? values : 0;
        // a number for each row, and where a part of a condition can stay one for each value
        Tensor[] drawn = rand([rows.shape[0], 1 + more], dtype: rows.dtype, device: rows.device, generator: random.Generator)
            .split([1, more], 1);
        Tensor dropped = drawn[0].lt(more > 0 ? _whole : _share);
        if (more > 0)
            dropped = dropped.logical_or(drawn[0].lt(_share).logical_and(drawn[1].lt(s_half)));
        return cat([parts[0], parts[1].masked_fill(dropped, s_unknown)], 1);
    }
}
