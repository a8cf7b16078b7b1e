using Microsoft.ML;
using Microsoft.ML.Data;

namespace RealNvp.ML.Transforms.Columns;

/// <summary>Reads a column of Single, or of vectors of them, row by row into a matrix, which begins at an offset.</summary>
internal sealed class FeatureReader(DataViewRow source, DataViewSchema.Column column, int size, float[] rows, int offset = 0)
{
    private readonly ValueGetter<float>? _scalar = column.Type is VectorDataViewType ? null : source.GetGetter<float>(column);
    private readonly ValueGetter<VBuffer<float>>? _getter =
        column.Type is VectorDataViewType ? source.GetGetter<VBuffer<float>>(column) : null;
    private VBuffer<float> _value;

    /// <summary>Reads the source's current row as row <paramref name="row"/> of the matrix.</summary>
    public void Take(int row)
    {
        if (_getter is null)
        {
            _scalar!(ref rows[offset + row]);
            return;
        }
        _getter(ref _value);
        if (WrongLength(column, source.Position, _value.Length, size) is { } problem)
            throw new InvalidOperationException(problem);
        _value.CopyTo(rows.AsSpan(offset + row * size, size));
    }

    /// <summary>
    /// What is wrong with a vector whose length is not that of its column, or null. A view only promises the length: without a look, values
    /// of the row before would stand in for those that are not there. ML.NET hands over a null array as a vector of no values.
    /// </summary>
    public static string? WrongLength(DataViewSchema.Column column, long row, int found, int expected) => found == expected ? null
        : $"Row {row} of column '{column.Name}', which is {column.Type}, gave "
        + $"{(found == 0 ? "null or an empty vector" : $"a vector of {found} values")}, expected {expected} values.";

    /// <summary>Copies one row of a matrix into a vector.</summary>
    public static void CopyRow(float[] rows, int row, int size, ref VBuffer<float> value)
    {
        VBufferEditor<float> editor = VBufferEditor.Create(ref value, size);
        rows.AsSpan(row * size, size).CopyTo(editor.Values);
        value = editor.Commit();
    }
}
