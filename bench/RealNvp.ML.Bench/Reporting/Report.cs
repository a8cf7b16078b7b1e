using System.Globalization;
using System.Text;

namespace RealNvp.ML.Bench.Reporting;

/// <summary>What a subcommand found: text and tables for people, figures for machines.</summary>
internal sealed class Report(string name, string question)
{
    private readonly List<object> _body = []; // a table may get more rows after it was added
    private readonly List<Figure> _figures = [];

    /// <summary>The figures so far.</summary>
    public IReadOnlyList<Figure> Figures => _figures;

    /// <summary>Whether nothing was found yet.</summary>
    public bool IsEmpty => _body.Count == 0;

    /// <summary>Adds a paragraph.</summary>
    public void Add(string paragraph) => _body.Add(paragraph + Environment.NewLine);

    /// <summary>Adds a table.</summary>
    public void Add(MarkdownTable table) => _body.Add(table);

    /// <summary>Adds a figure.</summary>
    public void Add(Figure figure) => _figures.Add(figure);

    /// <summary>The whole report.</summary>
    public string ToMarkdown()
    {
        var text = new StringBuilder();
        text.AppendLine($"# {name}: {question}").AppendLine();
        text.AppendLine(CultureInfo.InvariantCulture, $"{DateTime.UtcNow:yyyy-MM-dd}, {Machine.Describe()}.").AppendLine();
        foreach (object part in _body)
            text.AppendLine(part.ToString());
        if (_figures.Count > 0)
        {
            var table = new MarkdownTable("Figure", "Value", "Baseline", "Unit", "Ratio", "Baseline is");
            foreach (Figure figure in _figures)
                table.Add($"`{figure.Name}`", Number(figure.Value), Number(figure.Baseline), figure.Unit, Number(figure.Ratio),
                    figure.BaselineName);
            text.Append(table);
        }
        return text.ToString();
    }

    /// <summary>A number as tables show it: three or more significant digits, thousands apart.</summary>
    public static string Number(double value)
        => value.ToString(Math.Abs(value) >= 1000 ? "N0" : Math.Abs(value) >= 10 ? "F1" : "F3", CultureInfo.InvariantCulture);
}
