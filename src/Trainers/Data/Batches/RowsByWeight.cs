using static TorchSharp.torch;

namespace RealNvp.ML.Trainers.Data.Batches;

/// <summary>
/// Draws rows by their weights: a row of weight 2 comes twice as often as one of weight 1, as if it were there twice. To weigh the rows of
/// a batch among each other instead would train batches without a heavy row on light ones at full strength.
/// </summary>
internal static class RowsByWeight
{
    /// <summary>
    /// Which rows come, ascending: each as often as its share of the weight says, to less than one time (systematic resampling: Kitagawa
    /// 1996). Where all weights are alike, and as many rows are drawn, each comes once.
    /// </summary>
    /// <param name="weights">Of the rows [n], not all 0.</param>
    /// <param name="count">How many rows to draw.</param>
    /// <param name="offset">From 0 to below 1, [1], Float64: the only thing that is by chance.</param>
    public static Tensor Draw(Tensor weights, long count, Tensor offset)
    {
        Tensor reached = weights.to(ScalarType.Float64).cumsum(0), total = reached.narrow(0, reached.shape[0] - 1, 1);
        Tensor places = ones(count, dtype: ScalarType.Float64, device: weights.device).cumsum(0);
        // divided first: a sum of the largest weights times a count is still a number
        Tensor wanted = (places - offset) / places.narrow(0, count - 1, 1) * total;
        return searchsorted(reached, wanted.minimum(total));
    }
}
