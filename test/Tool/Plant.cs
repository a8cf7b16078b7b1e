using System.Globalization;
using System.Text;

namespace RealNvp.ML.Tests.Tool;

/// <summary>
/// Readings of a made-up plant: an id, three numbers of which some are missing, a constant, a category that goes with the numbers, a
/// comment that differs in every row, and whether the row is broken.
/// </summary>
internal sealed record Plant(string Id, float Temperature, float Pressure, float Flow, string Valve, string Comment, bool Broken)
{
    public static readonly string[] Header = ["id", "temperature", "pressure", "flow", "unit", "valve", "comment", "broken"];

    public string[] Cells => [Id, Text(Temperature), Text(Pressure), Text(Flow), "7", Valve, Comment, Broken ? "yes" : "no"];

    /// <summary>Rows of a seed.</summary>
    public static Plant[] Rows(int count, int seed, bool withBroken = true)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(i =>
        {
            float load = random.NextSingle(), noise = random.NextSingle();
            bool broken = random.Next(20) == 0 && withBroken;
            return new Plant($"P-{seed}-{i * 7919 % 100_003}",
                random.Next(30) == 0 ? float.NaN : 60 + 20 * load + noise,
                2 + load * load + 0.1f * random.NextSingle() + (broken ? 3 : 0),
                5 - 2 * load + 0.2f * random.NextSingle(),
                random.Next(40) == 0 ? "" : load < 0.4 ? "closed" : load < 0.8 ? "half" : "open",
                $"said \"{i}\", and\nmore", broken);
        })];
    }

    /// <summary>Rows as CSV.</summary>
    public static string Csv(IEnumerable<Plant> rows, char separator = ',', string newLine = "\n", bool header = true,
        IReadOnlyList<string>? columns = null, bool quoteAll = false)
    {
        int[] places = [.. (columns ?? Header).Select(name => Array.IndexOf(Header, name))];
        var text = new StringBuilder();
        if (header)
            Line(places.Select(place => Header[place]));
        foreach (Plant row in rows)
            Line(places.Select(place => row.Cells[place]));
        return text.ToString();

        void Line(IEnumerable<string> cells) => text.AppendJoin(separator, cells.Select(cell
            => quoteAll || cell.AsSpan().IndexOfAny(separator, '"', '\n') >= 0 ? $"\"{cell.Replace("\"", "\"\"")}\"" : cell))
                .Append(newLine);
    }

    private static string Text(float number) => float.IsNaN(number) ? "" : number.ToString(CultureInfo.InvariantCulture);
}
