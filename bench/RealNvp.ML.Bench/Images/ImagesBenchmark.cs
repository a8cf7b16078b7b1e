using System.Diagnostics;
using System.Globalization;
using Microsoft.ML;
using RealNvp.ML.Baselines;
using RealNvp.ML.Bench.Reporting;
using RealNvp.ML.Bench.Running;
using RealNvp.ML.Trainers;
using RealNvp.ML.Transforms;

namespace RealNvp.ML.Bench.Images;

/// <summary>
/// Held-out bits per dimension of image flows, beside densities that need no flow. The trainer chooses everything by the images' shape;
/// only the number of levels is said.
/// </summary>
internal sealed class ImagesBenchmark : Benchmark
{
    private const int Draws = 8, NoiseSeed = 1;

    /// <inheritdoc/>
    public override string Name => "images";

    /// <inheritdoc/>
    public override string Question => "how many bits per dimension do images take?";

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, string> Options => ImagesArguments.Help;

    /// <inheritdoc/>
    public override void Run(BenchmarkContext context)
    {
        var arguments = new ImagesArguments(context.Arguments);
        ImageSet[] sets = [.. arguments.Sets.Select(name => ImageSet.Read(name, arguments))];

        var table = new MarkdownTable(
            ["Set", "Shape", "Training images", "Test images", "Real NVP", "standard error", "each seed",
             SimpleModels.HistogramsName, SimpleModels.GaussianName, "s per fit", "processor s per fit",
             "s per evaluation"]);
        foreach (ImageSet set in sets)
        {
            context.Progress.Show($"{set.Name}: baselines", 0, 1);
            var simple = SimpleModels.Measure(set.Train, set.Test, set.Levels, Draws, NoiseSeed);
            ImageRun[] runs = [.. Enumerable.Range(1, arguments.Seeds(set.Name))
                .Select(seed => Measure(context.Progress, set, seed, arguments))];
            double mean = runs.Average(run => run.Bits.Mean);
            table.Add(
                [set.Name, $"{set.Shape.Channels} x {set.Shape.Height} x {set.Shape.Width}, {set.Levels} levels", Whole(set.Train.Length),
                    Whole(set.Test.Length),
                 Three(mean), Three(runs.Average(run => run.Bits.StandardError)),
                     string.Join(", ", runs.Select(run => Three(run.Bits.Mean))), Three(simple.Histograms), Three(simple.Gaussian),
                 Whole(runs.Average(run => run.FitSeconds)), Whole(runs.Average(run => run.ProcessorSeconds)),
                 Whole(runs.Average(run => run.EvaluationSeconds))]);
            if (arguments.Experiment is not null)
                continue;
            string figure = $"images.{set.Name}.bits_per_dim{(arguments.IsModern ? ".modern" : "")}";
            context.Report.Add(new Figure(figure, mean, "bits/dim", simple.Best, $"{simple.BestName}, same images", simple.Best / mean));
        }
        if (arguments.Experiment is { } experiment)
            context.Report.Add($"**An experiment, not a result:** {experiment}. No figures.");
        context.Report.Add($"""
            Bits per dimension of the first test images, lower is better, with {Draws} draws of dequantisation noise each; the mean of the
            flows and each
            by itself. The standard error is of one flow's mean, from the spread of the test images. The training images are the first
            ones of their set; the trainer takes
            its validation and calibration images from them, the baselines fit all. {Training(arguments)}
            Processor seconds are those of all threads of the process while it fits.
            """);
        context.Report.Add(table);
    }

    private static ImageRun Measure(Progress progress, ImageSet set, int seed, ImagesArguments arguments)
    {
        var ml = new MLContext(seed);
        RealNvpTrainer.Options options = RealNvpTrainer.Options.ForImages(new ImageFlowOptions { Levels = set.Levels });
        if (arguments.IsModern)
            options = options.AsModern();
        options.Seed = seed;
        options.Steps = arguments.Steps;
        options.Progress = new TrainingLine(progress, $"{set.Name}: flow of seed {seed}");
        TimeSpan processor = Processor();
        long start = Stopwatch.GetTimestamp();
        using RealNvpTransformer flow = ml.AnomalyDetection.Trainers.RealNvp(options).Fit(set.View(ml, set.Train));
        double fitSeconds = Stopwatch.GetElapsedTime(start).TotalSeconds, processorSeconds = (Processor() - processor).TotalSeconds;

        progress.Show($"{set.Name}: evaluation of seed {seed}", 0, 1);
        start = Stopwatch.GetTimestamp();
        BitsPerDimensionEstimate bits = flow.BitsPerDimension(set.View(ml, set.Test), Draws, NoiseSeed);
        return new(bits, fitSeconds, processorSeconds, Stopwatch.GetElapsedTime(start).TotalSeconds);
    }

    private static TimeSpan Processor()
    {
        using var process = Process.GetCurrentProcess();
        return process.TotalProcessorTime;
    }

    private static string Training(ImagesArguments arguments)
        => (arguments.IsModern ? "The flow and its training are those of `AsModern()`, otherwise the defaults."
            : "All training options are the defaults.")
        + (arguments.Steps is { } steps ? $" Training took {Whole(steps)} steps, not as many as by default." : "");

    private static string Three(double value) => value.ToString("F3", CultureInfo.InvariantCulture);

    private static string Whole(double value) => value.ToString("N0", CultureInfo.InvariantCulture);

    /// <summary>What one flow reached.</summary>
    private sealed record ImageRun(BitsPerDimensionEstimate Bits, double FitSeconds, double ProcessorSeconds, double EvaluationSeconds);

    /// <summary>Shows a training in the benchmark's line.</summary>
    private sealed class TrainingLine(Progress progress, string stage) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value) => progress.Show(stage, (int)value.Step, (int)value.Steps);
    }
}
