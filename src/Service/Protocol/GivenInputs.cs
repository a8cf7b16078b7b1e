using RealNvp.ML.AspNetCore.Http;
using RealNvp.ML.Serving.Rows;

namespace RealNvp.ML.AspNetCore.Protocol;

/// <summary>The inputs of a request to infer as they are found, in whatever the request is written.</summary>
/// <param name="inputs">What the model reads.</param>
/// <param name="outputs">What it gives.</param>
/// <param name="mostRows">The most rows.</param>
internal sealed class GivenInputs(IReadOnlyList<ModelColumn> inputs, IReadOnlyList<ModelColumn> outputs, int mostRows)
{
    private readonly Array?[] _values = new Array?[inputs.Count];
    private int? _rows;

    /// <summary>Begins an input: no memory is taken before its place is asked for it.</summary>
    /// <exception cref="RequestException">The model has no such input, or it is of another type or shape.</exception>
    public Place Begin(string name, string datatype, IReadOnlyList<long> shape)
    {
        int place = Find(inputs, name, "input");
        if (_values[place] is not null)
            throw new RequestException($"The input '{name}' is there twice.");
        ModelColumn column = inputs[place];
        Datatype.Check(column, datatype);
        return new(this, place, RowsOf(column, shape));
    }

    /// <summary>Where an output stands among those that the model gives.</summary>
    /// <exception cref="RequestException">It has none of the name.</exception>
    public int PlaceOfOutput(string name) => Find(outputs, name, "output");

    /// <summary>All rows, when every input is there.</summary>
    /// <param name="wanted">The places of the outputs that are wanted; one may be there twice.</param>
    /// <exception cref="RequestException">An input is missing.</exception>
    public RowsRequest Rows(IReadOnlyList<int> wanted)
    {
        int rows = _rows ?? throw new RequestException($"The request has no inputs; the model reads {Names(inputs)}.");
        for (int i = 0; i < inputs.Count; i++)
        {
            if (_values[i] is not null)
                continue;
            if (!inputs[i].IsOptional)
                throw new RequestException($"The request has no input '{inputs[i].Name}'; the model reads {Names(inputs)}.");
            _values[i] = inputs[i].NewValues(rows);
            JsonValues.Miss(inputs[i], _values[i]!);
        }
        return new RowsRequest(rows, _values!, outputs, [.. wanted.Distinct()]);
    }

    private ModelColumn ColumnAt(int place) => inputs[place];

    private int RowsOf(ModelColumn column, IReadOnlyList<long> shape)
    {
        long rows = shape is [] ? -1 : shape[0];
        IEnumerable<long> rest = shape.Skip(1);
        bool fits = rest.SequenceEqual(column.Dimensions.Select(dimension => (long)dimension))
            || rest.SequenceEqual([column.Size]) || (column.Size == 1 && shape.Count == 1);
        if (!fits || rows < 0)
        {
            throw new RequestException($"The input '{column.Name}' has the shape [{string.Join(", ", shape)}], expected "
                + $"[rows, {string.Join(", ", column.Dimensions)}].");
        }
        if (rows > mostRows)
            throw RequestException.TooLarge($"The request has {rows} rows, at most {mostRows} are taken at once.");
        if (_rows is { } others && others != rows)
            throw new RequestException($"The input '{column.Name}' has {rows} rows, another one {others}.");
        _rows = (int)rows;
        return (int)rows;
    }

    private static int Find(IReadOnlyList<ModelColumn> columns, string name, string what)
    {
        for (int i = 0; i < columns.Count; i++)
        {
            if (columns[i].Name == name)
                return i;
        }
        throw new RequestException($"The model has no {what} '{name}'. It has: {Names(columns)}.");
    }

    private static string Names(IReadOnlyList<ModelColumn> columns)
        => string.Join(", ", columns.Select(column => column.IsOptional ? $"{column.Name} (may be left out)" : column.Name));

    /// <summary>The place of one input.</summary>
    internal readonly struct Place(GivenInputs given, int place, int rows)
    {
        /// <summary>What it is for.</summary>
        public ModelColumn Column => given.ColumnAt(place);

        /// <summary>How many values it has by its shape.</summary>
        public long Count => (long)rows * Column.Size;

        /// <summary>Memory for them, where there can be as many.</summary>
        /// <param name="bytes">What they have in the request.</param>
        /// <param name="least">The least bytes of one.</param>
        /// <exception cref="RequestException">They are too few.</exception>
        public Array Take(long bytes, int least) => Count * least > bytes
            ? throw new RequestException($"The input '{Column.Name}' has {bytes} bytes, too few for the {Count} values of its shape.")
            : given._values[place] = Column.NewValues(rows);
    }
}
