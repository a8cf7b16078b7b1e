using Microsoft.ML;
using Microsoft.ML.Data;

namespace RealNvp.ML.Tool.Rows;

/// <summary>A column that is added to rows: numbers, truths or texts.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Values">An array of <see cref="float"/>, <see cref="bool"/> or <see cref="string"/>, a value for each row.</param>
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
        for (int row = 0; cursor.MoveNext(); row++)
        {
            foreach (Action<int> take in takes)
                take(row);
        }
        return results;
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
