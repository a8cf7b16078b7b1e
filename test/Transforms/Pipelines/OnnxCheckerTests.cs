using System.Diagnostics;
using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Export;
using RealNvp.ML.Transforms;

namespace RealNvp.ML.Tests.Transforms.Pipelines;

/// <summary>ONNX's own checker, with strict inference of shapes, where Debian's python3-onnx is there.</summary>
[Trait("Area", "Pipelines")]
public sealed class OnnxCheckerTests
{
    private const string Script = """
        import sys, onnx
        model = onnx.load(sys.argv[1])
        onnx.checker.check_model(model, full_check=True)
        print(model.ir_version, ",".join(f"{o.domain or 'ai.onnx'} {o.version}" for o in model.opset_import))
        """;

    [Fact]
    public void Converted_pipelines_are_valid_ONNX_of_opset_12()
    {
        var ml = new MLContext(seed: 1);
        FlowModel vectors = Flows.Random(), images = ImageFlows.Random(3, 8, 8);
        IDataView rows = ml.Data.LoadFromEnumerable(FeatureRow.Many(vectors, 20));
        IDataView pixels = Tables.Load(ml, ImageFlows.Rows(images, 5), 3, 8, 8);
        using RealNvpTransformer first = ml.Transforms.ApplyRealNvp(vectors).Fit(rows);
        using RealNvpTransformer second = ml.Transforms.ApplyRealNvp(images).Fit(pixels);
        using RealNvpSampler back = first.CreateSampler("Latent", "Drawn");
        Check(ConvertedPipeline.Convert(ml, new TransformerChain<ITransformer>(first, back),
            rows, "Score", "PredictedLabel", "PValue", "Latent",
            "Drawn"));
        Check(ConvertedPipeline.Convert(ml, second, pixels, "Score", "PredictedLabel", "Latent"));
    }

    private static void Check(byte[] graph)
    {
        const string python = "/usr/bin/python3"; // the distribution's, whatever else is in the path
        if (!File.Exists(python) || Python(python, "import onnx", "").ExitCode != 0)
            Assert.Skip("There is no python3-onnx.");
        string path = Path.Combine(Path.GetTempPath(), $"realnvp-{Guid.NewGuid():N}.onnx");
        File.WriteAllBytes(path, graph);
        try
        {
            (int exitCode, string output) = Python(python, Script, path);
            Assert.True(exitCode == 0, output);
            Assert.Equal("6 ai.onnx.ml 2,ai.onnx 12", output.Trim());
        }
        finally
        {
            File.Delete(path);
        }
    }

    private static (int ExitCode, string Output) Python(string python, string script, string argument)
    {
        using Process process = Process.Start(new ProcessStartInfo(python, ["-c", script, argument])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output + errors.Result);
    }
}
