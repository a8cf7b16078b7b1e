using System.CommandLine;
using RealNvp.ML.Tool.Models;
using RealNvp.ML.Tool.Running;
using RealNvp.ML.Tool.Tables;
using RealNvp.ML.Transforms;

namespace RealNvp.ML.Tool.Verbs;

/// <summary><c>realnvp export</c>: a model for other runtimes.</summary>
internal sealed class ExportVerb
{
    private const string PipelineFile = "pipeline.onnx";

    /// <summary>As many as the library takes of a view.</summary>
    private const int RowsToCheck = 4096; // of which the library takes the first 64, and those with something new

    private readonly Argument<string> _model = VerbOptions.Model();
    private readonly Option<string> _output = new("--output", "-o")
    {
        Description = "The folder that the files go to.", HelpName = "FOLDER", DefaultValueFactory = _ => ".",
    };
    private readonly Option<bool> _plain = new("--no-optional-inputs")
    {
        Description = "Threshold and temperature as constants of the graphs, for runtimes that refuse or warn of optional inputs.",
    };
    private readonly Option<bool> _contributions = new("--contributions")
    {
        Description = "Also what each feature adds to the score, as an output Contributions of density.onnx; tables alone. A row of D "
            + "features then takes 2 D - 1 scores.",
    };
    private readonly Option<string?> _check = new("--check")
    {
        Description = $"A file of rows: before {PipelineFile} is written, it must score the first 64 of them, and those of the "
            + "first 4,096 that hold something new, as the model does.",
        HelpName = "FILE",
    };
    private readonly CsvSettings _csv = new();
    private readonly Option<bool> _quiet = VerbOptions.Quiet();

    /// <summary>The verb.</summary>
    public static Command Create(Terminal terminal) => new ExportVerb().Command(terminal);

    private Command Command(Terminal terminal)
    {
        var verb = new Command("export", $"""
            Write a model for other runtimes.

            {PipelineFile} is the whole model, ONNX opset 12: the columns of the data in, categories as texts and missing numbers as NaN;
            score, label, p-value and latent out, with the ending .output. Then the flow by itself, which begins at the features that
            `realnvp info` lists: density.onnx (features in; score, label, p-value, latent out) and sampler.onnx (noise in, features out),
            both opset 17, and flow.rnvp, which ApplyRealNvp reads. Images and steps of an application that ONNX has not: the flow alone.

            realnvp export model.zip -o graphs/ --check data.csv
            """) { _model };
        foreach (Option option in new Option[] { _output, _plain, _contributions, _check })
            verb.Add(option);
        _csv.AddTo(verb);
        verb.Add(_quiet);
        verb.Does(terminal, _quiet, (said, _) => Export(said, terminal));
        return verb;
    }

    private void Export(ParseResult said, Terminal terminal)
    {
        using SavedModel model = SavedModel.Load(said.GetRequiredValue(_model), device: null, terminal);
        bool optionalInputs = !said.GetValue(_plain), contributes = said.GetValue(_contributions);
        if (contributes && model.ReadsImages)
            throw new ToolException("--contributions is for tables; of an image, single pixels say nothing.");
        string folder = Directory.CreateDirectory(said.GetRequiredValue(_output)).FullName;
        using (RealNvpTransformer? contributing = contributes
            ? model.Flow.WithColumns(model.Flow.Columns with { Contributions = ExplainVerb.Contributions }) : null)
        {
            (contributing ?? model.Flow).ExportDensity(Path.Combine(folder, "density.onnx"), optionalInputs);
        }
        model.Flow.ExportSampler(Path.Combine(folder, "sampler.onnx"), optionalInputs);
        model.Flow.Model.Save(Path.Combine(folder, "flow.rnvp"));
        bool isWhole = !model.ReadsImages && TryPipeline(said, model, Path.Combine(folder, PipelineFile), terminal);
        terminal.Note($"{(isWhole ? PipelineFile + ", " : "")}density.onnx, sampler.onnx and flow.rnvp are in {folder}");
    }

    private bool TryPipeline(ParseResult said, SavedModel model, string path, Terminal terminal)
    {
        TableView rows = said.GetValue(_check) is { } file ? FirstRows(file, said, model, terminal) : model.NoRows();
        using var whole = new WholeFile(path);
        try
        {
            model.ConvertToOnnx(rows, whole.Stream);
        }
        catch (Exception e) when (e is InvalidOperationException or NotSupportedException or ArgumentException)
        {
            // a step of an application's own: the tool's models have none that ONNX has not
            terminal.Warn($"no {PipelineFile}: {Guard.Message(e)}");
            return false;
        }
        whole.Complete();
        return true;
    }

    private TableView FirstRows(string file, ParseResult said, SavedModel model, Terminal terminal)
    {
        using ITable table = Sources.Open(file, terminal, _csv.Read(said), model.InputNames, RowsToCheck);
        IReadOnlyList<Wanted?> found = model.Find(table);
        Block[] first = [.. table.Read([.. found.OfType<Wanted>()], Kept.None, Range.All).Take(1)];
        return model.View(found, () => first);
    }
}
