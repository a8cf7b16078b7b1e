using Microsoft.ML;
using Microsoft.ML.Data;

namespace RealNvp.ML.Tool.Rows;

/// <summary>A column that is added to rows: numbers, truths or texts.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Values">An array of <see cref="float"/>, where cells may be empty nullable, of <see cref="bool"/> or of
/// <see cref="string"/>, a value for each row.</param>
internal sealed record ResultColumn(string Name, Array Values)
{
    /// <summary>Reads columns of a view of this many rows, in one pass.</summary>
    public static IReadOnlyList<ResultColumn> Of(IDataView view, IReadOnlyList<string> names, int rows)
    {
        DataViewSchema.Column[] columns = [.. names.Select(name => view.Schema[name])];
        ResultColumn[] results = [.. columns.Select(column
            => new ResultColumn(column.Name, column.Type == BooleanDataViewType.Instance ? new bool[rows] : new float[rows]))];
        using DataViewRowCursor cursor = view.GetRowCursor(columns);
        Action<int>[] takes = [.. columns.Zip(results, (column, result) => Take(cursor, column, result.Values))];
        int row = 0;
        for (; cursor.MoveNext(); row++)
        {
            RequireAll(row < rows);
            foreach (Action<int> take in takes)
                take(row);
        }
        RequireAll(row == rows);
        return results;
    }

    /// <summary>Results without their row, or of none, would stand beside other rows.</summary>
    public static void RequireAll(bool hasOnePerRow)
    {
        if (!hasOnePerRow)
            throw new InvalidOperationException("The model does not give one result for each row: its results cannot be told apart.");
    }

    private static Action<int> Take(DataViewRow cursor, DataViewSchema.Column column, Array values)
    {
        if (values is bool[] truths)
        {
            ValueGetter<bool> truth = cursor.GetGetter<bool>(column);
            return row => truth(ref truths[row]);
        }
        var numbers = (float[])values;
        ValueGetter<float> number = cursor.GetGetter<float>(column);
        return row => number(ref numbers[row]);
    }
}
