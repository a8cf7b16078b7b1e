using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using Microsoft.ML;
using RealNvp.ML.Bench.Reporting;
using RealNvp.ML.Bench.Running;
using RealNvp.ML.Export;
using RealNvp.ML.Transforms;

namespace RealNvp.ML.Bench.Survival;

/// <summary>
/// Trainings, files, graphs and messages are the same bytes in every culture, and a training goes on in another culture than it began in.
/// Cultures that the system does not have are made by their signs.
/// </summary>
internal static class CultureCheck
{
    private const int Steps = 16;

    private static readonly (string Name, string Decimal, string Group, string Minus)[] s_cultures =
    [
        ("", ".", ",", "-"), ("de-DE", ",", ".", "-"), ("fr-FR", ",", "\u202F", "-"), ("sv-SE", ",", "\u00A0", "\u2212"),
        ("tr-TR", ",", ".", "-"), ("de-CH", ".", "\u2019", "-"), ("fa-IR", "\u066B", "\u066C", "\u200E\u2212"),
        ("ar-SA", "\u066B", "\u066C", "\u061C-"), ("hi-IN", ".", ",", "-"), ("th-TH", ".", ",", "-"),
    ];

    public static void Run(BenchmarkContext context, TimeSpan time, List<string> failures)
    {
        var table = new MarkdownTable("Culture", "Weights, files, graphs and messages");
        string[]? expected = null;
        using var folder = new Scratch();
        foreach ((int i, (string name, string _, string _, string _)) in s_cultures.Index())
        {
            context.Progress.Show("culture: trainings", i, s_cultures.Length);
            // each goes on from the checkpoint of the one before
            using Process process = ChildProcess.Start(null, "culture", i.ToString(CultureInfo.InvariantCulture), folder["checkpoints"]);
            (int? code, string[] lines) = ChildProcess.Finish(process, TimeSpan.FromMinutes(3));
            expected ??= lines;
            bool same = code == 0 && lines.SequenceEqual(expected);
            table.Add(name.Length == 0 ? "invariant" : name, same ? "the same" : "other");
            if (!same)
                failures.Add($"culture: {name}: ended with {code}: {lines.Except(expected).FirstOrDefault()}");
        }
        context.Report.Add("## Cultures\n\nThe same training in ten cultures, one process each, which also goes on from the checkpoint of "
            + "the one before; hashes of weights, of the flow file, of both graphs and of what the log said, without times.");
        context.Report.Add(table);
    }

    /// <summary>In a process of its own: the number of a culture, and a folder for checkpoints.</summary>
    public static void Train(string[] parts)
    {
        (string name, string decimals, string groups, string minus) = s_cultures[int.Parse(parts[0], CultureInfo.InvariantCulture)];
        CultureInfo culture = Made(name);
        (culture.NumberFormat.NumberDecimalSeparator, culture.NumberFormat.NumberGroupSeparator) = (decimals, groups);
        culture.NumberFormat.NegativeSign = minus;
        (CultureInfo.CurrentCulture, CultureInfo.DefaultThreadCurrentCulture) = (culture, culture);
        using (RealNvpTransformer resumed = SmallTrainings.Fit("averaged", Steps, parts[1]))
            Console.WriteLine("resumed " + SmallTrainings.Hash(resumed.Model));
        var ml = new MLContext(seed: 1);
        var log = new List<string>();
        ml.Log += (_, e) => log.Add(e.RawMessage);
        using RealNvpTransformer model = SmallTrainings.Fit("density", Steps, ml: ml);
        FlowModel bare = new(model.Model.InputShape, model.Model.Steps, model.Model.Calibration, new FlowMetadata
        {
            FeatureNames = model.Model.Metadata.FeatureNames,
            Training = model.Model.Metadata.Training.Remove("seconds"),
        }, model.Model.Probes);
        using var file = new MemoryStream();
        bare.Save(file);
        Console.WriteLine("file " + Hash(file.ToArray()));
        Console.WriteLine("density " + Hash(bare.BuildDensityGraph()));
        Console.WriteLine("sampling " + Hash(bare.BuildSamplingGraph()));
        Console.WriteLine("summary " + bare.Summary().ReplaceLineEndings(" "));
        foreach (string message in log.Where(message => !message.Contains(" s", StringComparison.Ordinal)
            && !message.Contains("left", StringComparison.Ordinal) && !message.Contains("Elapsed", StringComparison.Ordinal)))
            Console.WriteLine("log " + message.ReplaceLineEndings(" "));
    }

    /// <summary>A culture, or an invariant one where the libraries of languages are missing.</summary>
    private static CultureInfo Made(string name)
    {
        try
        {
            return new CultureInfo(name);
        }
        catch (CultureNotFoundException)
        {
            return new CultureInfo("");
        }
    }

    private static string Hash(byte[] bytes) => Convert.ToHexString(SHA256.HashData(bytes));
}
