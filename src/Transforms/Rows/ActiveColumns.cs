using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Transforms.Image;

namespace RealNvp.ML.Transforms.Rows;

/// <summary>
/// Which columns a reader asked for, and what that means upstream. The output schema lists the input's columns first, under the same
/// indices, then the added ones.
/// </summary>
internal sealed class ActiveColumns
{
    private readonly DataViewSchema _input;
    private readonly bool[] _active;

    /// <summary>From the columns asked for, which are columns of <paramref name="output"/>.</summary>
    public ActiveColumns(
        DataViewSchema input, DataViewSchema output, DataViewSchema.Column[] inputs, IEnumerable<DataViewSchema.Column> needed)
    {
        ArgumentNullException.ThrowIfNull(needed);
        _input = input;
        Output = output;
        Inputs = inputs;
        _active = new bool[output.Count];
        foreach (DataViewSchema.Column column in needed)
            _active[InRange(column)] = true;
        Added = _active[input.Count..];
        AnyAdded = Added.Contains(true);
    }

    /// <summary>The schema of the rows that are given out.</summary>
    public DataViewSchema Output { get; }

    /// <summary>The input's columns that the computation reads.</summary>
    public DataViewSchema.Column[] Inputs { get; }

    /// <summary>Which of the added columns are asked for.</summary>
    public bool[] Added { get; }

    /// <summary>Whether any added column is asked for; without one nothing needs to be computed.</summary>
    public bool AnyAdded { get; }

    /// <summary>The input's columns that are given out.</summary>
    public IEnumerable<DataViewSchema.Column> PassedThrough => _input.Where(column => _active[column.Index]);

    /// <summary>The input's columns that must be read: those given out, and those of the computation where something is computed.</summary>
    public IEnumerable<DataViewSchema.Column> Upstream
        => _input.Where(column => _active[column.Index] || (AnyAdded && InputIndex(column) >= 0));

    /// <summary>About how many values of 4 bytes a row holds that is read ahead: what bounds the memory of batches.</summary>
    public long ValuesPerRow() => 1 + Upstream.Sum(column => column.Type switch
    {
        ImageDataViewType { Height: > 0 } image => (long)image.Height * image.Width,
        ImageDataViewType => 1 << 18, // of unknown size
        VectorDataViewType { Size: > 0 } vector => vector.Size,
        VectorDataViewType => 1 << 10,
        _ => 1,
    });

    /// <summary>Whether a column was asked for.</summary>
    public bool Contains(DataViewSchema.Column column) => _active[InRange(column)];

    /// <summary>Whether a column comes from the input; gives it there.</summary>
    public bool IsPassedThrough(DataViewSchema.Column column, out DataViewSchema.Column upstream)
    {
        bool passed = InRange(column) < _input.Count;
        upstream = passed ? _input[column.Index] : default;
        return passed;
    }

    /// <summary>The position of a column of the input among those that the computation reads, or -1.</summary>
    public int InputIndex(DataViewSchema.Column column) => Array.FindIndex(Inputs, other => other.Index == column.Index);

    /// <summary>The position of an added column among the added ones.</summary>
    public int AddedIndex(DataViewSchema.Column column) => column.Index - _input.Count;

    /// <summary>Requires that a column was asked for.</summary>
    /// <exception cref="InvalidOperationException">It was not.</exception>
    public void Require(DataViewSchema.Column column)
    {
        if (!Contains(column))
            throw new InvalidOperationException($"Column '{column.Name}' was not asked for when the cursor was made.");
    }

    /// <summary>What is thrown where a value is read before the first row, or after the last.</summary>
    public static InvalidOperationException OnNoRow() => new("The cursor stands on no row: call MoveNext first.");

    /// <summary>A getter as the type that a reader wants.</summary>
    /// <exception cref="InvalidOperationException">The column is of another type.</exception>
    public static ValueGetter<TValue> Cast<TValue>(Delegate getter, DataViewSchema.Column column) => getter as ValueGetter<TValue>
        ?? throw new InvalidOperationException(
            $"Column '{column.Name}' is {column.Type}, read as {column.Type.RawType}; asked for {typeof(TValue)}.");

    private int InRange(DataViewSchema.Column column) => column.Index < Output.Count && Output[column.Index].Name == column.Name
        ? column.Index
        : throw new ArgumentException($"Column '{column.Name}' (index {column.Index}) is not one of this schema.", nameof(column));
}
