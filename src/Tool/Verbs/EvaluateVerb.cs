using System.CommandLine;
using System.Text.Json;
using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Tool.Models;
using RealNvp.ML.Tool.Rows;
using RealNvp.ML.Tool.Running;
using RealNvp.ML.Tool.Tables;
using RealNvp.ML.Transforms;

namespace RealNvp.ML.Tool.Verbs;

/// <summary><c>realnvp evaluate</c>: how likely rows are, and how well scores tell anomalies.</summary>
internal sealed class EvaluateVerb
{
    private readonly Argument<string> _model = VerbOptions.Model();
    private readonly Argument<string[]> _data = VerbOptions.Data(
        "CSV or Parquet files, a folder of such, a folder of images, or - (default) for CSV on standard input: one set of rows.");
    private readonly Option<string?> _label = new("--label")
    {
        Description = "The column that says which rows are anomalies: says how well the scores find them.", HelpName = "COLUMN",
    };
    private readonly Option<string[]> _anomaly = Labels.Option();
    private readonly AlarmSettings _alarms = new();
    private readonly Option<bool> _asJson = new("--json") { Description = "For machines." };
    private readonly Option<string?> _device = VerbOptions.Device();
    private readonly CsvSettings _csv = new();
    private readonly Option<bool> _quiet = VerbOptions.Quiet();

    /// <summary>The verb.</summary>
    public static Command Create(Terminal terminal) => new EvaluateVerb().Command(terminal);

    private Command Command(Terminal terminal)
    {
        var verb = new Command("evaluate", """
            Say how likely rows are, and how well scores tell anomalies.

            Of rows that were not learned from: the mean log-likelihood in nats with its standard error, and how many are flagged. With a
            label the mean is that of the rows that it calls no anomalies, as those that were learned, and there are also the area under
            the ROC curve, the average precision, how many anomalies (recall) and how many other rows are flagged, and how many of the
            flagged rows are anomalies (precision); rows whose label is empty are left out of all this.

            realnvp evaluate model.zip test.csv --label fraud
            """) { _model, _data };
        verb.Add(_label);
        verb.Add(_anomaly);
        _alarms.AddTo(verb);
        verb.Add(_asJson);
        verb.Add(_device);
        _csv.AddTo(verb);
        verb.Add(_quiet);
        verb.Does(terminal, _quiet, (said, cancellation) => Evaluate(said, terminal, cancellation));
        return verb;
    }

    private void Evaluate(ParseResult said, Terminal terminal, CancellationToken cancellation)
    {
        Labels.RequireColumn(said, _anomaly, _label);
        using SavedModel model = SavedModel.LoadForRows(said.GetRequiredValue(_model), said.GetValue(_device), terminal);
        using RealNvpTransformer? adjusted = _alarms.Adjusted(said, model);
        Scored[] rows = [.. Sources.Files(said.GetRequiredValue(_data))
            .SelectMany(file => Rows(said, terminal, model, adjusted, file, cancellation))];
        if (rows.Length == 0)
            throw new ToolException("There are no rows to evaluate.");
        Scored[] finite = [.. rows.Where(row => float.IsFinite(row.Score))];
        if (finite.Length == 0)
            throw new ToolException("No row has a score: all have missing or infinite features.");

        var figures = new Dictionary<string, double> { ["rows"] = rows.Length, ["rowsWithoutScore"] = rows.Length - finite.Length };
        string? label = said.GetValue(_label);
        // of a row that nobody has labelled it is not known whether it is like those that were learned
        Scored[] learnable = label is null ? finite : [.. finite.Where(row => row.Label == 0)];
        if (learnable.Length > 0)
        {
            var estimate = LogLikelihoodEstimate.Of(learnable.Select(row => -row.Score));
            figures["meanLogLikelihood"] = estimate.Mean;
            if (learnable.Length > 1)
                figures["standardError"] = estimate.StandardError;
        }
        figures["flagged"] = Share(rows);
        if (label is not null)
            AddDetection(figures, model.Context, finite, label, new Labels(said.GetRequiredValue(_anomaly)));
        Write(figures, said.GetValue(_asJson), terminal);
    }

    private static double Share(IReadOnlyCollection<Scored> rows) => rows.Count(row => row.PredictedLabel) / (double)rows.Count;

    private static void AddDetection(Dictionary<string, double> figures, MLContext context, Scored[] rows, string label, Labels labels)
    {
        Scored[] anomalies = [.. rows.Where(row => row.Label == 1)], others = [.. rows.Where(row => row.Label == 0)];
        figures["rowsWithoutLabel"] = rows.Length - anomalies.Length - others.Length;
        if (anomalies.Length == 0 || others.Length == 0)
        {
            throw new ToolException($"The column '{label}' has {anomalies.Length} anomalies and {others.Length} other rows; both "
                + $"are needed. Anomalies are labelled {labels}; --anomaly names others.");
        }
        figures["anomalies"] = anomalies.Length;
        figures["areaUnderRocCurve"]
            = context.AnomalyDetection.Evaluate(context.Data.LoadFromEnumerable([.. anomalies, .. others])).AreaUnderRocCurve;
        figures["averagePrecision"] = AveragePrecision(anomalies, others);
        figures["anomaliesFlagged"] = Share(anomalies);
        figures["othersFlagged"] = Share(others);
        int found = anomalies.Count(row => row.PredictedLabel), flagged = found + others.Count(row => row.PredictedLabel);
        if (flagged > 0)
            figures["precision"] = found / (double)flagged;
    }

    /// <summary>
    /// The mean over the anomalies of the precision that a threshold at their score has: scikit-learn's average_precision_score.
    /// </summary>
    private static double AveragePrecision(Scored[] anomalies, Scored[] others)
    {
        double sum = 0;
        (long found, long flagged) = (0, 0);
        foreach (IGrouping<float, Scored> equal in anomalies.Concat(others).GroupBy(row => row.Score).OrderByDescending(rows => rows.Key))
        {
            int here = equal.Count(row => row.Label == 1);
            (found, flagged) = (found + here, flagged + equal.Count());
            sum += here * (found / (double)flagged);
        }
        return sum / anomalies.Length;
    }

    private IEnumerable<Scored> Rows(
        ParseResult said, Terminal terminal, SavedModel model, RealNvpTransformer? flow, string file, CancellationToken cancellation)
    {
        using ITable table = Sources.Open(file, terminal, _csv.Read(said), model.InputNames);
        IReadOnlyList<Wanted?> found = model.Find(table);
        List<Wanted> wanted = [.. found.OfType<Wanted>()];
        Labels? labels = null;
        if (said.GetValue(_label) is { } label)
        {
            labels = new Labels(said.GetRequiredValue(_anomaly));
            wanted.Add(new(table.Find(label), CellKind.Text));
        }
        RealNvpColumns columns = model.Flow.Columns;
        var unknown = new UnknownCells(model, found);
        foreach (Block block in table.Read(wanted, Kept.None, Range.All).Ahead(cancellation))
        {
            unknown.Look(block);
            IReadOnlyList<ResultColumn> results = ResultColumn.Of(
                model.Transform(model.View(found, () => [block]), flow), [columns.Score, columns.PredictedLabel], block.Rows);
            for (int row = 0; row < block.Rows; row++)
            {
                yield return new Scored
                {
                    Score = ((float[])results[0].Values)[row],
                    PredictedLabel = ((bool[])results[1].Values)[row],
                    Label = labels is null ? float.NaN : LabelOf(labels, block.Texts(wanted.Count - 1)[row].Span),
                };
            }
        }
        unknown.Tell(table.Name, terminal);
    }

    /// <summary>1 for an anomaly, 0 for another row, NaN where nobody has said which it is.</summary>
    private static float LabelOf(Labels labels, ReadOnlySpan<char> cell)
        => labels.Contains(cell) ? 1 : Cell.IsMissing(cell) ? float.NaN : 0;

    private static void Write(Dictionary<string, double> figures, bool asJson, Terminal terminal)
    {
        using StreamWriter text = terminal.Results();
        if (asJson)
        {
            text.WriteLine(JsonSerializer.Serialize(figures, ReadableJson.Indented));
            return;
        }
        text.WriteLine($"rows                       {figures["rows"]:N0}"
            + (figures["rowsWithoutScore"] > 0 ? $" ({figures["rowsWithoutScore"]:N0} without a score)" : ""));
        text.WriteLine($"mean log-likelihood        {figures["meanLogLikelihood"]:0.####}"
            + (figures.TryGetValue("standardError", out double error) ? $" +- {error:0.####} nats" : " nats")
            + (figures.TryGetValue("anomalies", out double left) ? $" ({Counted.Of((long)(figures["rows"] - figures["rowsWithoutScore"]
                - figures["rowsWithoutLabel"] - left), "row")} that are no anomalies)" : ""));
        text.WriteLine($"flagged                    {figures["flagged"]:P1}");
        if (!figures.TryGetValue("areaUnderRocCurve", out double area))
            return;
        text.WriteLine($"anomalies                  {figures["anomalies"]:N0}"
            + (figures["rowsWithoutLabel"] > 0 ? $" ({Counted.Of((long)figures["rowsWithoutLabel"], "row")} without a label left out)"
                : ""));
        text.WriteLine($"area under the ROC curve   {area:F4}");
        text.WriteLine($"average precision          {figures["averagePrecision"]:F4}");
        text.WriteLine($"anomalies flagged          {figures["anomaliesFlagged"]:P1} (recall)");
        text.WriteLine($"other rows flagged         {figures["othersFlagged"]:P1}");
        if (figures.TryGetValue("precision", out double precision))
            text.WriteLine($"flagged that are anomalies {precision:P1} (precision)");
    }

    /// <summary>What ML.NET's evaluation reads.</summary>
    private sealed class Scored
    {
        /// <summary>1 for an anomaly, 0 for another row, NaN where it is not known.</summary>
        public float Label { get; set; }

        public float Score { get; set; }

        public bool PredictedLabel { get; set; }
    }
}
