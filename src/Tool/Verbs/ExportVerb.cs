using System.CommandLine;
using RealNvp.ML.Tool.Models;
using RealNvp.ML.Tool.Running;

namespace RealNvp.ML.Tool.Verbs;

/// <summary><c>realnvp export</c>: the flow of a model for other runtimes.</summary>
internal static class ExportVerb
{
    /// <summary>The verb.</summary>
    public static Command Create(Terminal terminal)
    {
        Argument<string> model = VerbOptions.Model();
        Option<string> output = new("--output", "-o")
        {
            Description = "The folder that the files go to.", HelpName = "FOLDER", DefaultValueFactory = _ => ".",
        };
        Option<bool> plain = new("--no-optional-inputs")
        {
            Description = "Threshold and temperature as constants of the graphs, for runtimes that refuse or warn of optional inputs.",
        };
        Option<bool> quiet = VerbOptions.Quiet();
        var verb = new Command("export", """
            Write the flow of a model for other runtimes.

            density.onnx (features in; score, label, p-value, latent out), sampler.onnx (noise in, features out), both ONNX opset 17, and
            flow.rnvp, which ApplyRealNvp reads. They begin at the features: what the pipeline does
            before them, one-hot categories and filled cells, is not in them; `realnvp info` lists the features.

            realnvp export model.zip -o graphs/
            """) { model, output, plain, quiet };
        verb.Does(terminal, quiet, (said, _) =>
        {
            using SavedModel saved = SavedModel.Load(said.GetRequiredValue(model), device: null, terminal);
            string folder = Directory.CreateDirectory(said.GetRequiredValue(output)).FullName;
            bool optionalInputs = !said.GetValue(plain);
            saved.Flow.ExportDensity(Path.Combine(folder, "density.onnx"), optionalInputs);
            saved.Flow.ExportSampler(Path.Combine(folder, "sampler.onnx"), optionalInputs);
            saved.Flow.Model.Save(Path.Combine(folder, "flow.rnvp"));
            terminal.Note($"density.onnx, sampler.onnx and flow.rnvp are in {folder}");
        });
        return verb;
    }
}
