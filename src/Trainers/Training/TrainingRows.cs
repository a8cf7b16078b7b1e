using Microsoft.ML;
using Microsoft.ML.Data;
using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Trainers.Training;

/// <summary>The finite rows of a feature column, read once through a cursor into one array.</summary>
internal sealed class TrainingRows
{
    private readonly float[] _values;

    private TrainingRows(float[] values, int count, int features, long skipped) => (_values, Count, Features, Skipped) = (values, count, features, skipped);

    /// <summary>The number of rows kept.</summary>
    public int Count { get; }

    /// <summary>The number of features, D.</summary>
    public int Features { get; }

    /// <summary>The number of rows left out for a NaN or infinite feature.</summary>
    public long Skipped { get; }

    /// <summary>Reads the column <paramref name="feature"/>, a vector of <paramref name="features"/> values.</summary>
    public static TrainingRows Read(IDataView data, DataViewSchema.Column feature, int features, CancellationToken cancellation)
    {
        var values = new float[Math.Max(1, data.GetRowCount() ?? 1024) * features];
        int count = 0;
        long skipped = 0;
        VBuffer<float> row = default;
        using DataViewRowCursor cursor = data.GetRowCursor([feature]);
        ValueGetter<VBuffer<float>> getter = cursor.GetGetter<VBuffer<float>>(feature);
        while (cursor.MoveNext())
        {
            cancellation.ThrowIfCancellationRequested();
            if ((long)(count + 1) * features > values.Length)
                Array.Resize(ref values, checked((int)Math.Min(Array.MaxLength, values.LongLength * 2)));
            getter(ref row);
            Span<float> target = values.AsSpan(count * features, features);
            row.CopyTo(target);
            if (AllFinite(target)) count++;
            else skipped++;
        }
        return new TrainingRows(values, count, features, skipped);
    }

    /// <summary>The rows of these indices as a tensor [n, D] on the CPU.</summary>
    public Tensor ToTensor(ReadOnlySpan<int> rows) => tensor(Gather(rows), [rows.Length, Features]);

    /// <summary>The rows of these indices, row-major.</summary>
    public float[] Gather(ReadOnlySpan<int> rows)
    {
        var gathered = new float[rows.Length * Features];
        for (int i = 0; i < rows.Length; i++)
            _values.AsSpan(rows[i] * Features, Features).CopyTo(gathered.AsSpan(i * Features));
        return gathered;
    }

    private static bool AllFinite(ReadOnlySpan<float> values)
    {
        foreach (float value in values)
        {
            if (!float.IsFinite(value))
                return false;
        }
        return true;
    }
}
