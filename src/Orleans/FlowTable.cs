using Orleans;

namespace RealNvp.ML.Orleans;

/// <summary>
/// Rows by columns, as callers and silos send them: the rows that a model is to score, and what comes of them. A column holds the values of
/// all rows one after the other. Arrays are not copied: they must not change afterwards.
/// </summary>
/// <example>
/// <code>
/// FlowTable rows = new FlowTable(2).With("Kind", ["press", "fan"]).With("Pressure", [1.5f, 2f]);
/// </code>
/// </example>
[GenerateSerializer]
[Immutable]
[Alias("RealNvp.ML.Orleans.FlowTable")]
public sealed class FlowTable
{
    [Id(1)]
    private readonly Dictionary<string, object> _columns;

    /// <summary>A table without columns.</summary>
    /// <param name="rows">How many rows its columns will have.</param>
    /// <exception cref="ArgumentOutOfRangeException">The number is negative.</exception>
    public FlowTable(int rows) : this(rows, "", [])
    {
        ArgumentOutOfRangeException.ThrowIfNegative(rows);
    }

    internal FlowTable(int rows, string version, Dictionary<string, object> columns)
        => (Rows, Version, _columns) = (rows, version, columns);

    /// <summary>How many rows.</summary>
    [Id(0)]
    public int Rows { get; }

    /// <summary>The version of the model that computed it: the beginning of its file's SHA-256. Empty of rows that a caller made.</summary>
    [Id(2)]
    public string Version { get; }

    /// <summary>The names of its columns.</summary>
    public IReadOnlyCollection<string> Columns => _columns.Keys;

    /// <summary>Rows of a single column of vectors.</summary>
    /// <param name="rows">Each row's values.</param>
    /// <param name="column">The column's name; Features by default.</param>
    /// <exception cref="ArgumentException">The rows are not of one length.</exception>
    public static FlowTable Of(float[][] rows, string column = "Features")
    {
        ArgumentNullException.ThrowIfNull(rows);
        int width = rows.Length == 0 ? 0 : rows[0].Length;
        float[] values = new float[rows.Length * width];
        foreach ((int i, float[] row) in rows.Index())
        {
            if (row.Length != width)
                throw new ArgumentException($"Row {i} has {row.Length} values, and row 0 has {width}.", nameof(rows));
            row.CopyTo(values, i * width);
        }
        return new FlowTable(rows.Length).With(column, values);
    }

    /// <summary>The same rows with one more column, of numbers.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="values">The values of all rows, one row after the other.</param>
    /// <exception cref="ArgumentException">The values are not a multiple of the rows, or there is such a column.</exception>
    public FlowTable With(string name, float[] values) => WithAny(name, values);

    /// <summary>The same rows with one more column, of numbers that need more than seven digits.</summary>
    /// <inheritdoc cref="With(string, float[])"/>
    public FlowTable With(string name, double[] values) => WithAny(name, values);

    /// <summary>The same rows with one more column, of truths.</summary>
    /// <inheritdoc cref="With(string, float[])"/>
    public FlowTable With(string name, bool[] values) => WithAny(name, values);

    /// <summary>The same rows with one more column, of texts.</summary>
    /// <inheritdoc cref="With(string, float[])"/>
    public FlowTable With(string name, string[] values) => WithAny(name, values);

    /// <summary>The numbers of a column, one row after the other.</summary>
    /// <exception cref="ArgumentException">There is no such column, or it holds something else.</exception>
    public float[] Numbers(string name) => Values<float>(name);

    /// <summary>The truths of a column, one row after the other.</summary>
    /// <exception cref="ArgumentException">There is no such column, or it holds something else.</exception>
    public bool[] Flags(string name) => Values<bool>(name);

    /// <summary>The numbers of a column, row by row.</summary>
    /// <exception cref="ArgumentException">There is no such column, or it holds something else.</exception>
    public float[][] Vectors(string name)
    {
        float[] values = Numbers(name);
        return Rows == 0 ? [] : [.. values.Chunk(Math.Max(1, values.Length / Rows))];
    }

    /// <summary>A column as it is; null where there is none.</summary>
    internal Array? Find(string name) => _columns.GetValueOrDefault(name) as Array;

    private TValue[] Values<TValue>(string name) => Find(name) switch
    {
        TValue[] values => values,
        null => throw new ArgumentException($"There is no column '{name}'. There are: {string.Join(", ", Columns)}.", nameof(name)),
        var other => throw new ArgumentException($"The column '{name}' is {other.GetType().Name}, not {typeof(TValue).Name}[].",
            nameof(name)),
    };

    private FlowTable WithAny(string name, Array values)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        ArgumentNullException.ThrowIfNull(values);
        if (Rows == 0 ? values.Length > 0 : values.Length % Rows != 0)
        {
            throw new ArgumentException($"The column '{name}' has {values.Length} values, expected a multiple of the {Rows} rows.",
                nameof(values));
        }
        if (_columns.ContainsKey(name))
            throw new ArgumentException($"There is a column '{name}' already.", nameof(name));
        return new FlowTable(Rows, Version, new(_columns, StringComparer.Ordinal) { [name] = values });
    }
}
