using RealNvp.ML.Trainers.Data.Rows;

namespace RealNvp.ML.Trainers.Data.Columns;

/// <summary>
/// Finds the groups of a one-hot encoding: columns of two values that stand beside each other, of which each training row has one at the
/// higher value. Two columns can be one.
/// </summary>
internal static class OneHotGroups
{
    /// <summary>The columns of each group, ascending; columns that do not vary belong to none and part none.</summary>
    /// <param name="rows">Training rows.</param>
    /// <param name="levels">The different values of each feature, ascending; empty for a continuous one.</param>
    public static int[][] Of(WeightedRows rows, float[][] levels)
    {
        var groups = new List<int[]>();
        var open = new Queue<int>(); // columns beside each other of which no row has two
        var taken = new bool[rows.Count];
        int hits = 0;
        for (int j = 0; j < levels.Length; j++)
        {
            if (levels[j].Length == 1)
                continue;
            while (open.Count > 0 && (levels[j].Length != 2 || Overlaps(j)))
                Count(open.Dequeue(), false);
            if (levels[j].Length != 2)
                continue;
            open.Enqueue(j);
            Count(j, true);
            if (hits < rows.Count)
                continue;
            groups.Add([.. open]);
            open.Clear();
            Array.Clear(taken);
            hits = 0;
        }
        return [.. groups];

        bool IsOn(int row, int column) => rows.Values[row * rows.Features + column] == levels[column][1];

        bool Overlaps(int column)
        {
            for (int i = 0; i < taken.Length; i++)
            {
                if (taken[i] && IsOn(i, column))
                    return true;
            }
            return false;
        }

        void Count(int column, bool added)
        {
            for (int i = 0; i < taken.Length; i++)
            {
                if (IsOn(i, column))
                    (taken[i], hits) = (added, hits + (added ? 1 : -1));
            }
        }
    }
}
