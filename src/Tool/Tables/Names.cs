using RealNvp.ML.Tool.Running;

namespace RealNvp.ML.Tool.Tables;

/// <summary>Finds columns by name.</summary>
internal static class Names
{
    /// <summary>Where a name stands, or -1.</summary>
    public static int IndexOf(this IReadOnlyList<string> names, string name)
    {
        for (int i = 0; i < names.Count; i++)
        {
            if (names[i] == name)
                return i;
        }
        return -1;
    }

    /// <summary>The column of a name.</summary>
    /// <exception cref="ToolException">There is none, or there are two.</exception>
    public static int Find(this ITable table, string name)
    {
        int[] found = [.. table.Columns.Index().Where(column => column.Item == name).Select(column => column.Index)];
        return found.Length switch
        {
            1 => found[0],
            0 => throw new ToolException($"{table.Name} has no column '{name}'. It has: {Listed(table.Columns)}."),
            _ => throw new ToolException($"{table.Name} names the column '{name}' {found.Length} times: give each column a name of its "
                + "own."),
        };
    }

    /// <summary>Names for a message: the first ones, where they are many.</summary>
    public static string Listed(IEnumerable<string> names)
    {
        string[] all = [.. names];
        return string.Join(", ", all.Take(12)) + (all.Length > 12 ? $" and {all.Length - 12} more" : "");
    }
}
