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
        Description = "Instead of reasons a column nats.NAME for each feature column, with its nats.",
    };
    private readonly AlarmSettings _alarms = new();
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
            takes 2 D - 1 scores for it. The reason of a row without a score is the column that is missing or infinite.

            realnvp explain model.zip new.csv --flagged --keep id
            """) { _model };
        _rows.AddTo(verb, sharded: false);
        verb.Add(_top);
        verb.Add(_all);
        verb.Add(_flagged);
        _alarms.AddTo(verb);
        verb.Add(_quiet);
        verb.Does(terminal, _quiet, (said, cancellation) => Explain(said, terminal, cancellation));
        return verb;
    }

    private void Explain(ParseResult said, Terminal terminal, CancellationToken cancellation)
    {
        if (said.GetValue(_all) && said.GetResult(_top) is { Implicit: false })
            throw new UsageException("--all tells every column and --top some; give one.");
        string path = said.GetRequiredValue(_model);
        using SavedModel model = SavedModel.LoadForRows(path, _rows.Device(said), terminal);
        if (model.ReadsImages)
            throw new ToolException("explain is for tables; of an image, single pixels say nothing.");
        RealNvpColumns columns = model.Flow.Columns;
        using RealNvpTransformer? adjusted = _alarms.Adjusted(said, model);
        using RealNvpTransformer flow = (adjusted ?? model.Flow).WithColumns(columns with { Contributions = Contributions });
        IReadOnlyList<FeatureGroup> groups = model.Groups.Count > 0 ? model.Groups
            : [.. Enumerable.Range(0, flow.Model.InputShape.Size).Select(i => new FeatureGroup($"feature {i + 1}", i, []))];
        string[] results = [columns.Score, columns.PValue, columns.PredictedLabel];
        int top = Math.Min(said.GetValue(_top), groups.Count);
        (string, Type)[] reasons = said.GetValue(_all) ? [.. groups.Select(group => ($"nats.{group.Name}", typeof(float)))]
            : [.. Enumerable.Range(1, top).SelectMany(i => new[] { ($"Reason{i}", typeof(string)), ($"Nats{i}", typeof(float?)) })];

        IReadOnlyList<ResultColumn> compute(IDataView view, int rows)
        {
            IDataView explained = model.Transform(view, flow);
            float[][] shares = [.. explained.GetColumn<float[]>(Contributions)
                .Select(features => groups.Select(group => group.Sum(features)).ToArray())];
            ResultColumn.RequireAll(shares.Length == rows);
            IReadOnlyList<ResultColumn> scored = ResultColumn.Of(explained, results, rows);
            if (said.GetValue(_all))
                return [.. scored, .. Each(reasons, shares)];
            bool[] hasScore = Array.ConvertAll((float[])scored[0].Values, score => !float.IsNaN(score));
            string[][] causes = hasScore.Contains(false) ? Unscored(model, view, groups) : [];
            (string, float?)[][] each = [.. shares.Select((row, at) => hasScore[at] ? Reasons(groups, row)
                : Array.ConvertAll(causes[at], name => (name, (float?)null)))];
            return [.. scored, .. Top(reasons, each, top)];
        }

        (string, Type)[] added = [(columns.Score, typeof(float)), (columns.PValue, typeof(float)), (columns.PredictedLabel, typeof(bool)),
            .. reasons];
        Func<IReadOnlyList<ResultColumn>, IReadOnlyList<int>>? choose = !said.GetValue(_flagged) ? null
            : results => [.. ((bool[])results[2].Values).Index().Where(row => row.Item).Select(row => row.Index)];
        _rows.Work(said, model, path, terminal, added, compute, choose).Run(_rows.Files(said), _rows.Output(said), cancellation);
    }

    private static IEnumerable<ResultColumn> Each((string Name, Type)[] columns, float[][] shares)
        => columns.Select((column, i) => new ResultColumn(column.Name, Array.ConvertAll(shares, row => row[i])));

    /// <summary>The columns that add to a score, from the one that adds most; that one in any case.</summary>
    private static (string Name, float? Nats)[] Reasons(IReadOnlyList<FeatureGroup> groups, float[] shares)
        => [.. groups.Zip(shares, (group, nats) => (group.Name, (float?)nats)).OrderByDescending(reason => reason.Item2)
            .Where((reason, place) => place == 0 || reason.Item2 > LeastNats)];

    private static IEnumerable<ResultColumn> Top((string Name, Type)[] columns, (string Name, float? Nats)[][] reasons, int top)
    {
        for (int i = 0; i < top; i++)
        {
            int place = i;
            yield return new(columns[2 * i].Name, Array.ConvertAll(reasons, row => place < row.Length ? row[place].Name : ""));
            yield return new(columns[2 * i + 1].Name, Array.ConvertAll(reasons, row => place < row.Length ? row[place].Nats : null));
        }
    }

    /// <summary>Of each row the columns whose features, or whose part of the condition, are missing or infinite before the flow.</summary>
    private static string[][] Unscored(SavedModel model, IDataView view, IReadOnlyList<FeatureGroup> groups)
    {
        IDataView given = model.BeforeFlow(view);
        string[][] features = Of(model.Flow.FeatureColumnName, groups);
        return model.Flow.ConditionColumnName is not { } condition ? features
            : [.. features.Zip(Of(condition, model.ConditionGroups), (one, other) => one.Concat(other).ToArray())];

        string[][] Of(string column, IReadOnlyList<FeatureGroup> of) => [.. given.GetColumn<float[]>(column).Select(row => of
            .Where(group => !row[group.First..(group.First + group.Count)].All(float.IsFinite)).Select(group => group.Name).ToArray())];
    }
}
