using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using Microsoft.ML;
using RealNvp.ML.Export;
using RealNvp.ML.Tests.Trainers;
using RealNvp.ML.Tests.Transforms.Images;
using RealNvp.ML.Trainers;
using RealNvp.ML.Transforms;
using RealNvp.ML.Transforms.Parity;

namespace RealNvp.ML.Tests;

/// <summary>The library's text is the same in every culture: models, logs, errors and checkpoints go from one country to another.</summary>
[Collection<Alone>]
public sealed partial class CultureTests
{
    /// <summary>
    /// Tells a process of <see cref="TrainingProcess"/> to write the text of a small training in the culture that it names.
    /// </summary>
    public const string Kind = "culture";

    [Fact]
    public void Summaries_are_the_same()
    {
        FlowModel[] models = [Flows.Random(), ImageFlows.Random(), ImageFlows.Mixture(levelWidth: 0.25f),
            TrainingProcess.Fit(TrainingProcess.Table, null, Few)];
        string[] expected = Array.ConvertAll(models, model => model.Summary());
        Assert.Contains(expected, summary => summary.Contains('.', StringComparison.Ordinal));
        using var _ = new ForeignCulture();
        Assert.Equal("0,5", $"{0.5}"); // the culture is there
        Assert.Equal(expected, Array.ConvertAll(models, model => model.Summary()));
    }

    [Fact]
    public void Logs_and_errors_are_those_of_the_invariant_culture()
    {
        string[] expected = Text();
        using var _ = new ForeignCulture();
        string[] found = Text();
        Assert.Equal(expected.Select(WithoutTimes), found.Select(WithoutTimes));
        Assert.All(found, line => Assert.DoesNotMatch("\\d,\\d|\u2212|\u221E|\u00A4", line)); // times too
    }

    [Fact]
    public void A_run_that_has_checkpoints_goes_on()
    {
        using var folder = new TemporaryFolder();
        static void Few(RealNvpTrainer.Options options) => TrainingProcess.Shorten(options, 20, 10);
        string expected = TrainingProcess.Hash(TrainingProcess.Fit(TrainingProcess.Table, folder.Root, Few));
        using var _ = new ForeignCulture();
        Assert.Equal(expected, TrainingProcess.Hash(TrainingProcess.Fit(TrainingProcess.Table, folder.Root, Few)));
    }

    [Theory, InlineData("de-DE"), InlineData("tr-TR")]
    public void A_process_in_a_country_writes_the_same(string culture)
    {
        using Process process = Start(culture);
        string output = process.StandardOutput.ReadToEnd(), errors = process.StandardError.ReadToEnd();
        process.WaitForExit();
        Assert.SkipWhen(errors.Contains("ICU", StringComparison.Ordinal),
            "This system has no ICU, without which .NET knows no country: install libicu.");
        Assert.True(process.ExitCode == 0, errors + output);
        string[] lines = output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal($"{culture} 0,5", lines[0]); // the country is there
        Assert.Equal(Text().Select(WithoutTimes), lines[1..].Select(WithoutTimes));
    }

    /// <summary>In a process of <see cref="TrainingProcess"/>: writes the text.</summary>
    internal static void Write(string culture)
    {
        CultureInfo.CurrentCulture = CultureInfo.CurrentUICulture = CultureInfo.DefaultThreadCurrentCulture = new CultureInfo(culture);
        Console.WriteLine($"{CultureInfo.CurrentCulture.Name} {0.5}");
        Array.ForEach(Text(), Console.WriteLine);
    }

    /// <summary>What the library says in a training, of a model, and of wrong input; a line each.</summary>
    private static string[] Text()
    {
        var log = new List<string>();
        FlowModel model = TrainingProcess.Fit(TrainingProcess.Table, null, Few, log);
        // ML.NET's own
        log.RemoveAll(message => message.StartsWith("Elapsed", StringComparison.Ordinal)
            || message.StartsWith("Channel", StringComparison.Ordinal));
        var ml = new MLContext(seed: 1);
        foreach (Action action in (Action[])
        [
            .. ((Action<RealNvpTrainer.Options>[])
            [
                options => options.Trim = 0.5, options => options.Table = new() { LogScaleGain = -0.5 }, options => options.Dropout = -1.5,
                options => options.Members = -1, options => options.BatchSize = -2,
                options => options.Noise = double.PositiveInfinity, options => options.Contamination = double.NaN,
                options => options.Image = new() { Alpha = 0.5f }, options => options.Image = new() { LevelWidth = -0.25f },
            ]).Select(change => (Action)(() => TrainingProcess.Fit(TrainingProcess.Table, null, change))),
            () => TrainingProcess.Fit(TrainingProcess.Table, null, rows: ml => TrainingProcess.TableRows(ml, 1, -0.5f)), // weights
            () => FlowParity.Check(new FlowModel(model.InputShape, model.Steps, probes: new ProbeSet(
                model.Probes.Rows, model.Probes.LogLikelihoods.SetItem(3, -1.5), model.Probes.Latents)), CancellationToken.None),
            () => _ = Flows.Random().WithImageSize(3, 5),
        ])
        {
            // .NET adds the value of an argument by a line of its own, in the culture of the application
            log.Add(Assert.ThrowsAny<Exception>(action).Message.Split(" (Parameter")[0]);
        }
        return [.. log.Concat(model.Summary().Split('\n')).SelectMany(text => text.Split('\n', '\r')).Where(line => line.Length > 0)];
    }

    /// <summary>A short training, whose members write their lines in order.</summary>
    private static void Few(RealNvpTrainer.Options options)
        => (options.Steps, options.LearningRate, options.Noise, options.MembersAtOnce) = (40, 0.0125, 0.125, 1);

    private static string WithoutTimes(string line) => Times().Replace(line, "?");

    [GeneratedRegex(@"[\d.,]+(?= s\b| rows/s)|(?<=seconds )[\d.,]+|(?<=is )-?[\d.,E+-]+(?= in ONNX)|(?<=differ by )[\d.,E+-]+")]
    private static partial Regex Times();

    private static Process Start(string culture)
    {
        // as the tests, but not told to be invariant
        string assembly = typeof(CultureTests).Assembly.Location, stem = Path.ChangeExtension(assembly, null);
        string configuration = Path.Combine(Path.GetDirectoryName(assembly)!, "countries.runtimeconfig.json");
        File.WriteAllText(configuration, InvariantSetting().Replace(File.ReadAllText(stem + ".runtimeconfig.json"), "$1false"));
        return Process.Start(new ProcessStartInfo("dotnet",
            ["exec", "--runtimeconfig", configuration, "--depsfile", stem + ".deps.json", assembly])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            Environment = { ["DOTNET_STARTUP_HOOKS"] = assembly, [TrainingProcess.Variable] = $"{Kind}|{culture}|{false}" },
        })!;
    }

    [GeneratedRegex("(\"System.Globalization.Invariant\": )true")]
    private static partial Regex InvariantSetting();
}
