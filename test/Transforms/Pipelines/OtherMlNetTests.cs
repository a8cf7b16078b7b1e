using System.Text;
using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Export;
using RealNvp.ML.Transforms;

namespace RealNvp.ML.Tests.Transforms.Pipelines;

/// <summary>
/// An ML.NET whose conversion has another interface than the one that we know: everything scores as ever, and a conversion says why it
/// cannot be.
/// </summary>
[Trait("Area", "Pipelines")]
public sealed class OtherMlNetTests
{
    /// <summary>Asks a second process for <see cref="Run"/> in place of the tests.</summary>
    internal const string Variable = "REALNVP_TESTS_OTHER_MLNET";

    [Fact]
    public void Scores_and_says_why_it_does_not_convert()
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("realnvp-mlnet-");
        try
        {
            CopyWithRenamedInterface(AppContext.BaseDirectory, folder.FullName);
            string[] lines = FreshProcess.Run(Path.Combine(folder.FullName, Path.GetFileName(typeof(OtherMlNetTests).Assembly.Location)),
                (Variable, "1"));
            string[] here = [.. Report().TakeWhile(line => line != "converting")];
            Assert.Equal(here, lines[..here.Length]); // the same scores
            string error = lines[^1];
            Assert.StartsWith("InvalidOperationException: ConvertToOnnx cannot convert RealNvpTransformer",
                error, StringComparison.Ordinal);
            Assert.Contains("has another conversion", error, StringComparison.Ordinal);
            Assert.Contains("ExportDensity", error, StringComparison.Ordinal);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    /// <summary>Scores and converts, and writes what came of it.</summary>
    internal static void Run()
    {
        foreach (string line in Report())
            Console.WriteLine(line);
    }

    private static IEnumerable<string> Report()
    {
        var ml = new MLContext(seed: 1);
        FlowModel flow = Flows.Random();
        IDataView rows = ml.Data.LoadFromEnumerable(FeatureRow.Many(flow, 20));
        using var model = ml.Transforms.CopyColumns("Copy", "Features").Append(ml.Transforms.ApplyRealNvp(flow, "Copy")).Fit(rows);
        foreach (float score in model.Transform(rows).GetColumn<float>("Score"))
            yield return $"{score:R}";
        yield return "converting";
        using var stream = new MemoryStream();
        Exception? error = Record.Exception(() => ml.Model.ConvertToOnnx(model, rows, stream));
        yield return error is null ? $"converted, {stream.Length} bytes"
            : $"{error.GetType().Name}: {error.Message.ReplaceLineEndings(" ")}";
    }

    /// <summary>
    /// The folder of an application with another name of an interface in all of ML.NET: its name in the assemblies' own lists of names.
    /// What is native is linked.
    /// </summary>
    private static void CopyWithRenamedInterface(string from, string to)
    {
        byte[] known = Encoding.ASCII.GetBytes("\0ITransformCanSaveOnnx\0");
        int renamed = 0;
        foreach (string path in Directory.GetFiles(from))
        {
            string target = Path.Combine(to, Path.GetFileName(path));
            if (Path.GetExtension(path) is not (".dll" or ".json"))
            {
                File.CreateSymbolicLink(target, path);
                continue;
            }
            byte[] bytes = File.ReadAllBytes(path);
            if (Path.GetFileName(path).StartsWith("Microsoft.ML", StringComparison.Ordinal))
            {
                for (int at; (at = bytes.AsSpan().IndexOf(known)) >= 0; renamed++)
                    bytes[at + 1] = (byte)'J';
            }
            File.WriteAllBytes(target, bytes);
        }
        Assert.True(renamed >= 2, $"The interface was found in {renamed} assemblies.");
    }
}
