using RealNvp.ML.Serving.Models;
using RealNvp.ML.Serving.Rows;

namespace RealNvp.ML.Orleans;

/// <summary>Between the columns that callers send and those that a model reads and gives.</summary>
internal static class TableRows
{
    /// <summary>Rows as the model reads them.</summary>
    /// <exception cref="ArgumentException">A column is missing or wrong, or an output is none of the model's.</exception>
    public static RowsRequest Read(FlowTable table, ServedModel model, string[]? outputs)
        => new(table.Rows, [.. model.Inputs.Select(input => Read(table, input, model))], model.Outputs,
            outputs is null ? model.Usual : [.. outputs.Select(name => Place(name, model)).Distinct()]);

    /// <summary>What came of them.</summary>
    public static FlowTable Write(RowsRequest request, ServedModel model) => new(request.Rows, model.Version, new(request.Wanted
        .Select(place => KeyValuePair.Create(model.Outputs[place].Name, (object)request.Results[place]!)), StringComparer.Ordinal));

    /// <summary>What callers are told of a column.</summary>
    public static FlowColumn Describe(ModelColumn column) => new(column.Name, $"{column.Kind}", column.Size, column.IsOptional);

    private static Array Read(FlowTable table, ModelColumn column, ServedModel model)
    {
        Array? values = table.Find(column.Name);
        long count = (long)table.Rows * column.Size;
        if (values is null && column.IsOptional)
        {
            Array unknown = column.NewValues(table.Rows);
            Array.Fill((float[])unknown, float.NaN);
            return unknown;
        }
        if (values is null)
        {
            throw new ArgumentException($"There is no column '{column.Name}', which the model reads. It reads: "
                + $"{string.Join(", ", model.Inputs.Select(input => $"{input.Name} ({input.Kind}, {input.Size} a row)"))}.");
        }
        if (values.Length != count)
        {
            throw new ArgumentException($"The column '{column.Name}' has {values.Length} values, expected {column.Size} for each of the "
                + $"{table.Rows} rows.");
        }
        Array given = (column.Kind, values) switch
        {
            (ColumnKind.Single, float[]) or (ColumnKind.Number, double[]) or (ColumnKind.Boolean, bool[]) => values,
            (ColumnKind.Single, double[] doubles) => Array.ConvertAll(doubles, value => (float)value),
            (ColumnKind.Number, float[] singles) => Array.ConvertAll(singles, value => (double)value),
            (ColumnKind.Text, string[] texts) => Array.ConvertAll(texts, text => text.AsMemory()),
            _ => throw new ArgumentException($"The column '{column.Name}' is {values.GetType().Name}, expected {column.Kind}."),
        };
        return column.Fault(given) is { } fault ? throw new ArgumentException(fault) : given;
    }

    private static int Place(string name, ServedModel model)
    {
        foreach ((int place, ModelColumn output) in model.Outputs.Index())
        {
            if (output.Name == name)
                return place;
        }
        throw new ArgumentException($"The model has no output '{name}'. It has: "
            + $"{string.Join(", ", model.Outputs.Select(output => output.Name))}.");
    }
}
