using System.CommandLine;
using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Tool.Models;
using RealNvp.ML.Tool.Rows;
using RealNvp.ML.Tool.Running;
using RealNvp.ML.Transforms;

namespace RealNvp.ML.Tool.Verbs;

/// <summary><c>realnvp explain</c>: rows in, the same rows with the columns that make their scores.</summary>
internal sealed class ExplainVerb
{
    /// <summary>What the column and the output of a graph are called.</summary>
    public const string Contributions = "Contributions";

    /// <summary>Less is rounding, and no second reason.</summary>
    private const float LeastNats = 1e-3f;

    private readonly Argument<string> _model = VerbOptions.Model();
    private readonly RowSettings _rows = new();
    private readonly Option<int> _top = VerbOptions.Checked(new Option<int>("--top")
    {
        Description = "How many reasons a row has: the columns that add most to its score.", HelpName = "N", DefaultValueFactory = _ => 3,
    }, count => count >= 1, "expected a number from 1 on");
    private readonly Option<bool> _all = new("--all")
    {
        Description = "Instead of reasons a column for each feature column, with its nats.",
    };
    private readonly Option<bool> _flagged = new("--flagged") { Description = "Only rows that are flagged." };
    private readonly Option<bool> _quiet = VerbOptions.Quiet();

    /// <summary>The verb.</summary>
    public static Command Create(Terminal terminal) => new ExplainVerb().Command(terminal);

    private Command Command(Terminal terminal)
    {
        var verb = new Command("explain", """
            Say why rows score as they do.

            Each row gets the columns that add most to its score, in nats, beside a row of the training medians and most frequent
            categories; fewer where fewer add anything. What all columns add is the difference of the two scores. A row of D columns
            takes 2 D - 1 scores for it.

            realnvp explain model.zip new.csv --flagged --keep id
            """) { _model };
        _rows.AddTo(verb, sharded: false);
        foreach (Option option in new Option[] { _top, _all, _flagged, _quiet })
            verb.Add(option);
        verb.Does(terminal, _quiet, (said, cancellation) => Explain(said, terminal, cancellation));
        return verb;
    }

    private void Explain(ParseResult said, Terminal terminal, CancellationToken cancellation)
    {
        string path = said.GetRequiredValue(_model);
        using SavedModel model = SavedModel.LoadForRows(path, _rows.Device(said), terminal);
        if (model.ReadsImages)
            throw new ToolException("explain is for tables; of an image, single pixels say nothing.");
        RealNvpColumns columns = model.Flow.Columns;
        using RealNvpTransformer flow = model.Flow.WithColumns(columns with { Contributions = Contributions });
        IReadOnlyList<FeatureGroup> groups = model.Groups.Count > 0 ? model.Groups
            : [.. Enumerable.Range(0, flow.Model.InputShape.Size).Select(i => new FeatureGroup($"feature {i + 1}", i, []))];
        string[] results = [columns.Score, columns.PValue, columns.PredictedLabel];
        int top = Math.Min(said.GetValue(_top), groups.Count);
        (string, Type)[] reasons = said.GetValue(_all) ? [.. groups.Select(group => ($"nats.{group.Name}", typeof(float)))]
            : [.. Enumerable.Range(1, top).SelectMany(i => new[] { ($"Reason{i}", typeof(string)), ($"Nats{i}", typeof(float)) })];

        IReadOnlyList<ResultColumn> compute(IDataView view, int rows)
        {
            IDataView explained = model.Transform(view, flow);
            float[][] shares = [.. explained.GetColumn<float[]>(Contributions)
                .Select(features => groups.Select(group => group.Sum(features)).ToArray())];
            ResultColumn.RequireAll(shares.Length == rows);
            return [.. ResultColumn.Of(explained, results, rows),
                .. said.GetValue(_all) ? Each(reasons, shares) : Top(reasons, shares, groups, top)];
        }

        (string, Type)[] added = [(columns.Score, typeof(float)), (columns.PValue, typeof(float)), (columns.PredictedLabel, typeof(bool)),
            .. reasons];
        Func<IReadOnlyList<ResultColumn>, IReadOnlyList<int>>? choose = !said.GetValue(_flagged) ? null
            : results => [.. ((bool[])results[2].Values).Index().Where(row => row.Item).Select(row => row.Index)];
        _rows.Work(said, model, path, terminal, added, compute, choose).Run(_rows.Files(said), _rows.Output(said), cancellation);
    }

    private static IEnumerable<ResultColumn> Each((string Name, Type)[] columns, float[][] shares)
        => columns.Select((column, i) => new ResultColumn(column.Name, Array.ConvertAll(shares, row => row[i])));

    private static IEnumerable<ResultColumn> Top((string Name, Type)[] columns, float[][] shares, IReadOnlyList<FeatureGroup> groups,
        int top)
    {
        int[][] order = Array.ConvertAll(shares, row => Enumerable.Range(0, row.Length).OrderByDescending(i => row[i]).ToArray());
        for (int i = 0; i < top; i++)
        {
            int place = i;
            bool isReason(float nats) => place == 0 || nats > LeastNats;
            yield return new(columns[2 * i].Name, order.Select((row, at)
                => isReason(shares[at][row[place]]) ? groups[row[place]].Name : "").ToArray());
            yield return new(columns[2 * i + 1].Name, shares.Select((row, at)
                => row[order[at][place]] is var nats && isReason(nats) ? nats : 0).ToArray());
        }
    }
}
