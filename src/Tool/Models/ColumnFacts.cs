using System.Text.RegularExpressions;
using RealNvp.ML.Tool.Tables;

namespace RealNvp.ML.Tool.Models;

/// <summary>What the cells of a column are like, after one look at all of them.</summary>
internal sealed partial class ColumnFacts
{
    /// <summary>Different texts that are counted; a column of more is no category anyway.</summary>
    public const int MostTexts = 10_000;

    private readonly CellKind? _declared;
    private readonly HashSet<string> _texts = new(StringComparer.Ordinal);
    private float _last = float.NaN;
    private long _numbers, _commas, _dates; // cells that are numbers, that would be without their commas, and that are dates
    private bool _counts = true, _isConstant = true;

    private readonly CellNumbers _written;

    private ColumnFacts(string name, CellKind? declared, CellNumbers written) => (Name, _declared, _written) = (name, declared, written);

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

    /// <summary>The one value that all its cells have; null where they differ, or some are missing.</summary>
    public string? Constant => Rows == 0 || Missing > 0 ? null
        : Kind == CellKind.Number ? _isConstant && !float.IsNaN(_last) ? Cell.Text(_last) : null
        : _texts.Count == 1 ? _texts.Single() : null;

    /// <summary>Its first cell that is neither a number nor missing; null where there is none, or the format says what cells are.</summary>
    public string? FirstText { get; private set; }

    /// <summary>Whether all its cells that are not missing are dates: in new rows they will be others.</summary>
    public bool HoldsDates => _dates > 0 && _dates + Missing == Rows;

    /// <summary>
    /// Whether it is read as texts for the sake of a few cells, or of how its numbers are written: hardly what its owner takes it for.
    /// </summary>
    public bool LooksLikeNumbers => _declared is null && Kind == CellKind.Text && _numbers + _commas > (Rows - Missing) / 2;

    /// <summary>Reads a table through.</summary>
    /// <param name="table">The table.</param>
    /// <param name="label">The column that says which rows are looked at, or null for all.</param>
    /// <param name="isLeftOut">Whether a row with this label is not.</param>
    /// <param name="cancellation">Ends it between two blocks.</param>
    /// <exception cref="Running.ToolException">The table is damaged.</exception>
    public static IReadOnlyList<ColumnFacts> Of(ITable table, int? label, Predicate<ReadOnlyMemory<char>> isLeftOut,
        CancellationToken cancellation)
    {
        ColumnFacts[] facts = [.. table.Columns.Select((name, i) => new ColumnFacts(name, table.KindOf(i), table.Numbers))];
        Wanted[] wanted = [.. facts.Select((column, i) => new Wanted(i, column._declared ?? CellKind.Text))
            .Where(column => column.Kind != CellKind.Other)];
        Wanted[] read = label is { } place ? [.. wanted, new Wanted(place, CellKind.Text)] : wanted;
        foreach (Block block in table.Read(read, Kept.None, Range.All).Ahead(cancellation))
        {
            bool[] takes = label is null ? [] : Array.ConvertAll(block.Texts(wanted.Length), cell => !isLeftOut(cell));
            for (int i = 0; i < wanted.Length; i++)
            {
                if (wanted[i].Kind == CellKind.Number)
                    facts[wanted[i].Column].AddNumbers(block.Numbers(i), takes);
                else
                    facts[wanted[i].Column].AddTexts(block.Texts(i), takes);
            }
        }
        return facts;
    }

    private void AddNumbers(float[] numbers, bool[] takes)
    {
        foreach ((int row, float number) in numbers.Index())
        {
            if (takes.Length == 0 || takes[row])
                Add(number);
        }
    }

    private void AddTexts(ReadOnlyMemory<char>[] texts, bool[] takes)
    {
        HashSet<string>.AlternateLookup<ReadOnlySpan<char>> seen = _texts.GetAlternateLookup<ReadOnlySpan<char>>();
        foreach ((int row, ReadOnlyMemory<char> text) in texts.Index())
        {
            if (takes.Length > 0 && !takes[row])
                continue;
            ReadOnlySpan<char> cell = text.Span;
            // a column of texts may hold the word "NA": there only an empty cell is missing
            bool isNumber = _written.TryRead(cell, out float number) && (_declared is null || cell.IsEmpty);
            if (isNumber)
                Add(number);
            else
                Rows++;
            if (_texts.Count < MostTexts && !cell.IsEmpty)
                seen.Add(cell);
            if (isNumber || _declared is not null)
                continue;
            _commas += IsNumberWithComma(cell) ? 1 : 0;
            _dates += Date().IsMatch(cell) ? 1 : 0;
            FirstText ??= cell.ToString();
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
        _isConstant &= _numbers == 0 || number == _last;
        (_last, _numbers) = (number, _numbers + 1);
    }

    /// <summary>2026-11-26, with a time or without, 26.11.2026, 11/26/26, 2026/11/26.</summary>
    [GeneratedRegex(@"^\s*(\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.](\d{4}|\d\d))([T ].*)?$")]
    private static partial Regex Date();

    /// <summary>Whether a cell is a number but for commas: before its decimals, or between thousands.</summary>
    private static bool IsNumberWithComma(ReadOnlySpan<char> cell)
    {
        Span<char> without = stackalloc char[40];
        if (!cell.Contains(',') || cell.Length > without.Length)
            return false;
        int length = 0;
        foreach (char letter in cell)
        {
            if (letter != ',')
                without[length++] = letter;
        }
        return Cell.TryNumber(without[..length], out float number) && !float.IsNaN(number);
    }
}
