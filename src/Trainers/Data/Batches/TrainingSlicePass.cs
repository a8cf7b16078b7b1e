using RealNvp.ML.Trainers.Data.Rows;

namespace RealNvp.ML.Trainers.Data.Batches;

/// <summary>A pass over the rows of the training slice of a stream.</summary>
internal sealed class TrainingSlicePass(RowSource source, SliceRule rule) : IDisposable
{
    private readonly RowSource.Pass _pass = source.Open();
    private long _row = -1;

    public ReadOnlySpan<float> Row => _pass.Row;

    public float Weight => _pass.Weight;

    public bool MoveNext()
    {
        while (_pass.MoveNext())
        {
            if (rule.Of(++_row, _pass.Key) == Slice.Training)
                return true;
        }
        return false;
    }

    public void Dispose() => _pass.Dispose();
}
