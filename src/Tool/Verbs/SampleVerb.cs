using System.CommandLine;
using System.Text;
using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Tool.Models;
using RealNvp.ML.Tool.Running;
using RealNvp.ML.Tool.Rows;
using RealNvp.ML.Tool.Tables;
using RealNvp.ML.Transforms;

namespace RealNvp.ML.Tool.Verbs;

/// <summary><c>realnvp sample</c>: new rows, or new images.</summary>
internal sealed class SampleVerb
{
    private readonly Argument<string> _model = VerbOptions.Model();
    private readonly Option<int> _count = VerbOptions.Checked(new Option<int>("--count", "-n")
    {
        Description = "How many rows or images; of a conditional model, for each row of --given.", HelpName = "N",
        DefaultValueFactory = _ => 10,
    }, count => count >= 1, "expected a number from 1 on");
    private readonly Option<string?> _given = new("--given")
    {
        Description = "Of a conditional model: a file with the condition's columns, a row for each condition.", HelpName = "FILE",
    };
    private readonly Option<float> _temperature = VerbOptions.Checked(new Option<float>("--temperature")
    {
        Description = "Below 1 draws nearer to the likeliest rows.", HelpName = "T", DefaultValueFactory = _ => 1,
    }, temperature => temperature is >= 0 and < 1e6f, "expected 0 or more");
    private readonly Option<string?> _output = VerbOptions.Output(
        "CSV, compressed where it ends in .csv.gz; of images a .png with all of them, or a folder (FOLDER/) of one each. Default: "
        + "standard output, for tables.");
    private readonly Option<int> _seed = VerbOptions.Seed();
    private readonly CsvSettings _csv = new();
    private readonly Option<bool> _quiet = VerbOptions.Quiet();

    /// <summary>The verb.</summary>
    public static Command Create(Terminal terminal) => new SampleVerb().Command(terminal);

    private Command Command(Terminal terminal)
    {
        var verb = new Command("sample", """
            Draw new rows, or images.

            They have the columns of the training rows. A category is the one that is likeliest in the drawn row; numbers of columns that
            held whole numbers of few kinds, 0 and 1, or one number are rounded to these. Row i depends on the seed and i alone.

            realnvp sample model.zip -n 1000 -o drawn.csv
            realnvp sample hourly.zip -n 100 --given hours.csv
            realnvp sample photos.zip -n 32 -o drawn.png
            """) { _model };
        foreach (Option option in new Option[] { _count, _given, _temperature, _output, _seed })
            verb.Add(option);
        _csv.AddTo(verb);
        verb.Add(_quiet);
        verb.Does(terminal, _quiet, (said, cancellation) => Sample(said, terminal, cancellation));
        return verb;
    }

    private void Sample(ParseResult said, Terminal terminal, CancellationToken cancellation)
    {
        string modelPath = said.GetRequiredValue(_model);
        using SavedModel model = said.GetValue(_given) is null ? SavedModel.Load(modelPath, device: null, terminal)
            : SavedModel.LoadForRows(modelPath, device: null, terminal);
        string? output = said.GetValue(_output) is { } path && path != Sources.Standard ? path : null;
        bool isConditional = model.ConditionGroups.Count > 0 || model.Flow.Model.Condition is not null;
        if (said.GetValue(_given) is not null && (!isConditional || model.ReadsImages))
            throw new UsageException($"--given is for models of tables with a condition, and {modelPath} is none.");
        if (model.ReadsImages)
        {
            if (output is null || IsOtherFile(output, ".png"))
                throw new UsageException($"Images need a place: -o FILE.png or -o FOLDER/.{(output is null ? "" : $" Found {output}.")}");
            Images(said, model.Flow, output, cancellation);
            return;
        }
        if (output is not null && IsOtherFile(output, ".csv", ".csv.gz"))
            throw new UsageException($"Drawn rows are written as CSV: let -o end in .csv or .csv.gz. Found {output}.");
        if (model.IsNormalised)
        {
            terminal.Warn("The model normalises its features before the flow: drawn rows are normalised too. A flow standardises by "
                + "itself; a pipeline without that step draws in the units of the training rows.");
        }
        using WholeFile? whole = output is null ? null : new WholeFile(output, ofRows: true);
        using (var text = new StreamWriter(whole?.Stream ?? terminal.Output, bufferSize: 1 << 16, leaveOpen: true) { NewLine = "\n" })
        {
            if (isConditional)
                Conditional(said, model, terminal, text, cancellation);
            else
                Table(model, model.Flow.Sample(said.GetValue(_count), said.GetValue(_seed), said.GetValue(_temperature)), text,
                    cancellation);
        }
        whole?.Complete();
    }

    /// <summary>Whether a name promises a file of another format.</summary>
    private static bool IsOtherFile(string output, params string[] formats)
        => !formats.Any(format => output.EndsWith(format, StringComparison.OrdinalIgnoreCase))
        && Path.GetExtension(output).ToLowerInvariant() is ".csv" or ".parquet" or ".gz" or ".zip" or ".json" or ".png" or ".jpg"
            or ".jpeg" or ".webp" or ".bmp" or ".gif";

    private static void Table(SavedModel model, IDataView drawn, TextWriter text, CancellationToken cancellation)
    {
        IReadOnlyList<FeatureGroup> groups = Groups(model.Groups, model.Flow.Model.InputShape.Size, "Feature");
        var numbers = DrawnNumbers.Of(model.Flow.Model);
        text.WriteLine(CsvRowWriter.Plain.Header(groups.Select(group => group.Name)));
        foreach (float[] row in drawn.GetColumn<float[]>(model.Flow.FeatureColumnName))
        {
            cancellation.ThrowIfCancellationRequested();
            float[] meant = numbers.Nearest(row);
            text.WriteLine(Line(groups.Select(group => CellOf(group, row, meant))));
        }
    }

    private void Conditional(ParseResult said, SavedModel model, Terminal terminal, TextWriter text, CancellationToken cancellation)
    {
        string[] names = [.. model.ConditionGroups.Select(group => group.Name)];
        string columns = names.Length == 1 ? "the column" : "the columns";
        string file = said.GetValue(_given)
            ?? throw new UsageException($"The model is conditional: --given FILE with {columns} {string.Join(", ", names)}.");
        using ITable table = Sources.Open(file, terminal, _csv.Read(said), names);
        IReadOnlyList<Wanted?> found = model.Find(table, conditionAlone: true);
        // of the features nothing is known, and nothing is asked
        Wanted[] wanted = [.. found.OfType<Wanted>()];
        var unknown = new UnknownCells(model, found);
        Block[] blocks = [.. table.Read(wanted, Kept.None, Range.All).Select(block =>
        {
            unknown.Look(block);
            return WithoutFeatures(block, model, found);
        })];
        unknown.Tell(file, terminal);
        var all = new TableView([.. model.Inputs.Select(input => ((string?)input.Name, input.Kind))], () => blocks);
        int perRow = said.GetValue(_count);
        IDataView drawn = model.Flow.Sample(model.BeforeFlow(all), perRow, said.GetValue(_seed), said.GetValue(_temperature));

        IReadOnlyList<FeatureGroup> groups = Groups(model.Groups, model.Flow.Model.InputShape.Size, "Feature");
        IReadOnlyList<FeatureGroup> given = Groups(model.ConditionGroups, model.Flow.Model.Condition!.Size, "Condition");
        var numbers = DrawnNumbers.Of(model.Flow.Model);
        text.WriteLine(CsvRowWriter.Plain.Header(given.Concat(groups).Select(group => group.Name)));
        foreach ((float[] condition, float[] row) in drawn.GetColumn<float[]>(model.Flow.ConditionColumnName!)
            .Zip(drawn.GetColumn<float[]>(model.Flow.FeatureColumnName)))
        {
            cancellation.ThrowIfCancellationRequested();
            float[] meant = numbers.Nearest(row);
            text.WriteLine(Line(given.Select(group => HasCategory(group, condition) ? CellOf(group, condition, condition) : "")
                .Concat(groups.Select(group => CellOf(group, row, meant)))));
        }
    }

    private static Block WithoutFeatures(Block block, SavedModel model, IReadOnlyList<Wanted?> found)
    {
        int next = 0;
        return block with
        {
            Cells = [.. model.Inputs.Select((input, i) => found[i] is not null ? block.Cells[next++]
                : input.Kind == CellKind.Text ? new ReadOnlyMemory<char>[block.Rows]
                : Enumerable.Repeat(float.NaN, block.Rows).ToArray())],
        };
    }

    private static IReadOnlyList<FeatureGroup> Groups(IReadOnlyList<FeatureGroup> groups, int size, string otherwise)
        => groups.Count > 0 ? groups : [.. Enumerable.Range(0, size).Select(i => new FeatureGroup($"{otherwise}{i + 1}", i, []))];

    /// <summary>
    /// The cell that a row's features make: a number, the category of the largest one, or nothing where it is likelier missing.
    /// </summary>
    private static string CellOf(FeatureGroup group, float[] row, float[] meant) => group.IsMissing(row) ? ""
        : group.CategoryOf(row) ?? Cell.Text(meant[group.First]);

    /// <summary>Whether a condition is of a number, or of a category that the model knows: of others all features are 0.</summary>
    private static bool HasCategory(FeatureGroup group, float[] condition)
        => group.Categories.Count == 0 || condition.AsSpan(group.First, group.Categories.Count).ContainsAnyExcept(0f);

    private static string Line(IEnumerable<string> cells)
    {
        var line = new StringBuilder();
        foreach ((int i, string cell) in cells.Index())
        {
            if (i > 0) // the first may be empty
                line.Append(',');
            CsvCell.Append(line, cell, ',');
        }
        return line.ToString();
    }

    private void Images(ParseResult said, RealNvpTransformer flow, string output, CancellationToken cancellation)
    {
        int count = said.GetValue(_count), seed = said.GetValue(_seed);
        float temperature = said.GetValue(_temperature);
        if (output.EndsWith(".png", StringComparison.OrdinalIgnoreCase))
        {
            int columns = (int)Math.Ceiling(Math.Sqrt(count));
            using MLImage grid = flow.SampleGrid((count + columns - 1) / columns, columns, seed, temperature);
            Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(output))!);
            grid.SavePng(output);
            return;
        }
        Directory.CreateDirectory(output);
        foreach ((int i, MLImage image) in flow.SampleImages(count, seed, temperature).GetColumn<MLImage>("Image").Index())
        {
            cancellation.ThrowIfCancellationRequested();
            using (image)
                image.SavePng(Path.Combine(output, $"{i + 1:D6}.png"));
        }
    }
}
