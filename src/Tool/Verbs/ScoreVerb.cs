using System.CommandLine;
using RealNvp.ML.Tool.Models;
using RealNvp.ML.Tool.Rows;
using RealNvp.ML.Tool.Running;
using RealNvp.ML.Tool.Tables;
using RealNvp.ML.Transforms;

namespace RealNvp.ML.Tool.Verbs;

/// <summary><c>realnvp score</c>: rows in, the same rows with their scores out.</summary>
internal sealed class ScoreVerb
{
    private static readonly Option<string[]> s_add = VerbOptions.Names("--add",
        "The results to add: Score, PValue, PredictedLabel, LogLikelihood, Typicality, TypicalityPValue. Default: the first three.",
        "RESULTS");

    private readonly Argument<string> _model = VerbOptions.Model();
    private readonly RowSettings _rows = new();
    private readonly AlarmSettings _alarms = new();
    private readonly Option<bool> _quiet = VerbOptions.Quiet();

    /// <summary>The verb.</summary>
    public static Command Create(Terminal terminal) => new ScoreVerb().Command(terminal);

    private Command Command(Terminal terminal)
    {
        var verb = new Command("score", """
            Add scores to rows.

            Every row comes out in its place, as it was, with
              Score           -log p(row): the higher, the more anomalous
              PValue          the share of rows like the training rows that score as high
              PredictedLabel  true where the row is flagged

            Columns are found by name, in any order; others pass through. Without DATA it is a filter from standard input to standard
            output. With several files, or -o FOLDER/, each file has an output of its own, which appears whole or not at all; one that is
            newer than the model and its rows is not made again, so a command that was stopped goes on where it was.

            realnvp score model.zip new.csv
            cat new.csv | realnvp score model.zip --keep id > scores.csv
            realnvp score model.zip parts/ -o scored/ --shard $SLURM_ARRAY_TASK_ID/4
            """) { _model };
        _rows.AddTo(verb, sharded: true);
        verb.Add(s_add);
        _alarms.AddTo(verb);
        verb.Add(_quiet);
        verb.Does(terminal, _quiet, (said, cancellation) => Score(said, terminal, cancellation));
        return verb;
    }

    private void Score(ParseResult said, Terminal terminal, CancellationToken cancellation)
    {
        string path = said.GetRequiredValue(_model);
        using SavedModel model = SavedModel.LoadForRows(path, _rows.Device(said), terminal);
        using RealNvpTransformer? adjusted = _alarms.Adjusted(said, model);
        string[] names = Results(model.Flow.Columns, said.GetRequiredValue(s_add));
        var work = _rows.Work(said, model, path, terminal,
            [.. names.Select(name => (name, name == model.Flow.Columns.PredictedLabel ? typeof(bool) : typeof(float)))],
            (view, rows) => ResultColumn.Of(model.Transform(view, adjusted), names, rows));
        work.Run(_rows.Files(said), _rows.Output(said), cancellation);
    }

    private static string[] Results(RealNvpColumns columns, string[] asked)
    {
        if (asked.Length == 0)
            return [columns.Score, columns.PValue, columns.PredictedLabel];
        string[] known = [.. ColumnChoice.ResultNames(columns)];
        return [.. asked.Select(name => known.Contains(name, StringComparer.Ordinal) ? name
            : throw new UsageException($"--add: there is no result '{name}'. There are: {string.Join(", ", known)}."))];
    }
}
