using System.CommandLine;
using System.Text;
using System.Text.Json;
using RealNvp.ML.Export;
using RealNvp.ML.Tool.Models;
using RealNvp.ML.Tool.Running;
using RealNvp.ML.Tool.Tables;
using RealNvp.ML.Transforms;

namespace RealNvp.ML.Tool.Verbs;

/// <summary><c>realnvp info</c>: what a model reads, what it is and how it was trained.</summary>
internal static class InfoVerb
{
    /// <summary>The verb.</summary>
    public static Command Create(Terminal terminal)
    {
        Argument<string> model = VerbOptions.Model();
        Option<bool> json = new("--json") { Description = "For machines." };
        Option<bool> quiet = VerbOptions.Quiet();
        var verb = new Command("info", "Say what a model reads, what it is and how it was trained.") { model, json, quiet };
        verb.Does(terminal, quiet, (said, _) =>
        {
            using SavedModel saved = SavedModel.Load(said.GetRequiredValue(model), device: null, terminal);
            using StreamWriter results = terminal.Results();
            if (said.GetValue(json))
                results.WriteLine(JsonSerializer.Serialize(Facts(saved), ReadableJson.Indented));
            else
                Write(saved, results);
        });
        return verb;
    }

    private static void Write(SavedModel model, TextWriter text)
    {
        Calibration calibration = model.Flow.Model.Calibration;
        text.WriteLine($"reads: {string.Join(", ", model.Inputs.Select(input
            => Quoted(input.Name) + (input.Kind == CellKind.Text && !model.ReadsImages ? " (category)" : "")))}");
        foreach (FeatureGroup group in model.Groups.Where(group => group.Categories.Count > 0))
            text.WriteLine($"  {Quoted(group.Name)}: {string.Join(", ", group.Categories.Select(Quoted))}");
        if (model.ConditionGroups.Count > 0)
            text.WriteLine($"given: {string.Join(", ", model.ConditionGroups.Select(group => Quoted(group.Name)))}");
        text.WriteLine($"features: {model.Flow.Model.InputShape}");
        text.WriteLine(calibration.Count == 0 ? "threshold: none, for no rows were held out"
            : $"threshold: rows with a score above {model.Flow.Threshold:G6} nats are flagged, at a contamination of "
                + $"{calibration.Contamination:G4}, from {Counted.Of(calibration.Count, "held-out row")}");
        foreach ((string name, string value) in model.Flow.Model.Metadata.Training)
            text.WriteLine($"training {name}: {value}");
        text.WriteLine();
        text.WriteLine(model.Flow.Model.Summary());
    }

    /// <summary>A text in a list with commas, as CSV has it.</summary>
    private static string Quoted(string text)
    {
        var cell = new StringBuilder();
        CsvCell.Append(cell, text, ',');
        return cell.ToString();
    }

    private static object Facts(SavedModel model) => new
    {
        inputs = model.Inputs.Select(input => new { name = input.Name, kind = input.Kind == CellKind.Text ? "text" : "number" }),
        features = model.Flow.Model.Metadata.FeatureNames,
        shape = model.Flow.Model.InputShape.Dimensions,
        condition = model.ConditionGroups.Select(group => group.Name),
        threshold = model.Flow.Threshold,
        contamination = model.Flow.Model.Calibration.Contamination,
        calibrationRows = model.Flow.Model.Calibration.Count,
        training = model.Flow.Model.Metadata.Training,
    };
}
