using RealNvp.ML.Tool.Tables;

namespace RealNvp.ML.Tool.Models;

/// <summary>What the cells of a column are like, after one look at all of them.</summary>
internal sealed class ColumnFacts
{
    /// <summary>Different texts that are counted; a column of more is no category anyway.</summary>
    public const int MostTexts = 10_000;

    private readonly CellKind? _declared;
    private readonly HashSet<string> _texts = new(StringComparer.Ordinal);
    private float _last = float.NaN;
    private long _numbers;
    private bool _counts = true, _hasCommas;

    private ColumnFacts(string name, CellKind? declared) => (Name, _declared) = (name, declared);

    /// <summary>Its name.</summary>
    public string Name { get; }

    /// <summary>Rows in all.</summary>
    public long Rows { get; private set; }

    /// <summary>Rows without a value.</summary>
    public long Missing { get; private set; }

    /// <summary>
    /// Different texts, not more than <see cref="MostTexts"/>; of numbers too, where the format does not say what cells are.
    /// </summary>
    public int Texts => _texts.Count;

    /// <summary>What it holds: numbers where every cell that is not missing is one.</summary>
    public CellKind Kind => _declared ?? (_numbers + Missing == Rows ? CellKind.Number : CellKind.Text);

    /// <summary>Whether it numbers the rows: each is the one before plus one.</summary>
    public bool Counts => _counts && Kind == CellKind.Number && Rows >= 10 && Missing == 0;

    /// <summary>Whether its texts would be numbers with decimal points in place of commas.</summary>
    public bool HasDecimalCommas => _hasCommas && Kind == CellKind.Text;

    /// <summary>Reads a table through.</summary>
    /// <exception cref="Running.ToolException">The table is damaged.</exception>
    public static IReadOnlyList<ColumnFacts> Of(ITable table)
    {
        ColumnFacts[] facts = [.. table.Columns.Select((name, i) => new ColumnFacts(name, table.KindOf(i)))];
        Wanted[] wanted = [.. facts.Select((column, i) => new Wanted(i, column._declared ?? CellKind.Text))
            .Where(column => column.Kind != CellKind.Other)];
        foreach (Block block in table.Read(wanted, Kept.None, Range.All))
        {
            for (int i = 0; i < wanted.Length; i++)
            {
                if (wanted[i].Kind == CellKind.Number)
                    facts[wanted[i].Column].AddNumbers(block.Numbers(i));
                else
                    facts[wanted[i].Column].AddTexts(block.Texts(i));
            }
        }
        return facts;
    }

    private void AddNumbers(float[] numbers)
    {
        foreach (float number in numbers)
            Add(number);
    }

    private void AddTexts(ReadOnlyMemory<char>[] texts)
    {
        HashSet<string>.AlternateLookup<ReadOnlySpan<char>> seen = _texts.GetAlternateLookup<ReadOnlySpan<char>>();
        foreach (ReadOnlyMemory<char> text in texts)
        {
            ReadOnlySpan<char> cell = text.Span;
            // a column of texts may hold the word "NA": there only an empty cell is missing
            bool isNumber = Cell.TryNumber(cell, out float number) && (_declared is null || cell.IsEmpty);
            if (isNumber)
                Add(number);
            else
                Rows++;
            if (_texts.Count < MostTexts && !cell.IsEmpty)
                seen.Add(cell);
            _hasCommas |= !isNumber && IsNumberWithComma(cell);
        }
    }

    private void Add(float number)
    {
        Rows++;
        if (float.IsNaN(number))
        {
            Missing++;
            return;
        }
        _counts &= _numbers == 0 || number == _last + 1;
        (_last, _numbers) = (number, _numbers + 1);
    }

    private static bool IsNumberWithComma(ReadOnlySpan<char> cell)
    {
        int comma = cell.IndexOf(',');
        Span<char> dotted = stackalloc char[Math.Min(cell.Length, 40)];
        if (comma < 0 || cell.Length > dotted.Length)
            return false;
        cell.CopyTo(dotted);
        dotted[comma] = '.';
        return Cell.TryNumber(dotted, out _);
    }
}
