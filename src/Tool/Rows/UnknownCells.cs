using RealNvp.ML.Tool.Models;
using RealNvp.ML.Tool.Running;
using RealNvp.ML.Tool.Tables;
using RealNvp.ML.Transforms;

namespace RealNvp.ML.Tool.Rows;

/// <summary>
/// Counts categories that a model does not know and columns without a value. Rows with them get scores, but where it is all rows the files
/// are written otherwise ("True" here, "true" there) rather than odd.
/// </summary>
internal sealed class UnknownCells
{
    private readonly List<Watched> _columns = [];
    private long _rows;

    /// <param name="model">Knows its categories.</param>
    /// <param name="found">Which of its inputs blocks have, as <see cref="SavedModel.Find"/> says.</param>
    public UnknownCells(SavedModel model, IReadOnlyList<Wanted?> found)
    {
        FeatureGroup[] groups = [.. model.Groups, .. model.ConditionGroups];
        int place = 0;
        foreach (((string name, CellKind kind), Wanted? wanted) in model.Inputs.Zip(found))
        {
            if (wanted is null)
                continue;
            HashSet<string>? known = kind == CellKind.Number ? null
                : groups.FirstOrDefault(group => group.Name == name && group.Categories.Count > 0)?.Categories
                    .ToHashSet(StringComparer.Ordinal);
            if (kind == CellKind.Number || known is not null)
                _columns.Add(new(name, place, known, model.CodesOf(name)));
            place++;
        }
    }

    /// <summary>Looks at the cells of a block.</summary>
    public void Look(Block block)
    {
        _rows += block.Rows;
        foreach (Watched column in _columns)
            column.Look(block);
    }

    /// <summary>Says what was found, at the end of a file.</summary>
    public void Tell(string file, Terminal terminal)
    {
        foreach (Watched column in _columns)
        {
            if (column.Missing == _rows && _rows > 1)
                terminal.Warn($"{file}: all cells of the column '{column.Name}' are missing.");
            if (column.Unknown > 0)
            {
                string cells = $"{file}: {column.Unknown:N0} of {Counted.Of(_rows, "cell")} of '{column.Name}'";
                terminal.Warn(column.Unknown == 1 ? $"{cells} is a category that the model does not know, '{column.FirstUnknown}'."
                    : $"{cells} are categories that the model does not know, the first is '{column.FirstUnknown}'.");
            }
        }
    }

    private sealed class Watched(string name, int place, HashSet<string>? known, float[] codes)
    {
        public string Name => name;

        public long Missing { get; private set; }

        public long Unknown { get; private set; }

        public string? FirstUnknown { get; private set; }

        public void Look(Block block)
        {
            if (known is null)
            {
                foreach (float number in block.Numbers(place))
                    Missing += float.IsNaN(number) || codes.AsSpan().Contains(number) ? 1 : 0;
                return;
            }
            HashSet<string>.AlternateLookup<ReadOnlySpan<char>> lookup = known.GetAlternateLookup<ReadOnlySpan<char>>();
            foreach (ReadOnlyMemory<char> cell in block.Texts(place))
            {
                if (cell.IsEmpty)
                    Missing++;
                else if (!lookup.Contains(cell.Span))
                {
                    Unknown++;
                    FirstUnknown ??= cell.ToString();
                }
            }
        }
    }
}
