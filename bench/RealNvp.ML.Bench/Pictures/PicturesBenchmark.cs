using System.Diagnostics;
using System.Globalization;
using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Baselines;
using RealNvp.ML.Bench.Flows;
using RealNvp.ML.Bench.Reporting;
using RealNvp.ML.Bench.Running;
using RealNvp.ML.Samples;
using RealNvp.ML.Trainers;
using RealNvp.ML.Transforms;

namespace RealNvp.ML.Bench.Pictures;

/// <summary>Flows over the features of a pretrained net, beside other methods on the same net.</summary>
internal sealed class PicturesBenchmark : Benchmark
{
    private const int Neighbours = 5;

    /// <inheritdoc/>
    public override string Name => "pictures";

    /// <inheritdoc/>
    public override string Question => "are odd pictures found?";

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, string> Options => PicturesArguments.Help;

    /// <inheritdoc/>
    public override void Run(BenchmarkContext context)
    {
        var arguments = new PicturesArguments(context.Arguments);
        switch (arguments.Set)
        {
            case PicturesArguments.Weave or PicturesArguments.Grain:
                using (var pictures = new GeneratedPictures(arguments.Set == PicturesArguments.Weave ? Texture.Weave : Texture.Grain))
                    RunFolder(context, arguments, PictureFolder.Of(pictures.Category));
                break;
            case PicturesArguments.Folder:
                RunFolder(context, arguments, PictureFolder.Of(arguments.Data!));
                break;
            default:
                RunOneClass(context, arguments);
                break;
        }
    }

    /// <summary>Flows and the published methods on pictures with small defects.</summary>
    private static void RunFolder(BenchmarkContext context, PicturesArguments arguments, PictureFolder[] categories)
    {
        var table = new MarkdownTable("Category", "training pictures", "test pictures", "Real NVP, image", "pixel", "PaDiM, image", "pixel",
            "PatchCore's core, image", "pixel");
        context.Report.Add("""
            AUROC in percent of pictures with defects, and of their pixels where masks are there, on maps of the ResNet18 in ML.NET's
            package.
            Real NVP: the map of the score, layers 1 and 2 at 28 x 28. PaDiM: a Gaussian at each position of 56 x 56, 100 of the 448
            channels of layers 1 to 3, 0.01 of the identity added. PatchCore's core: the nearest of a tenth of the patches (at most 5,000),
            layers 2 and 3 at 28 x 28. Maps are smoothed by 4 pixels.
            """);
        context.Report.Add(table);
        if (!arguments.Experiment.IsDefault)
            context.Report.Add($"**An experiment, not a result:** {arguments.Experiment}. No figures.");
        var results = new List<(double Image, double? Pixel)[]>();
        foreach (PictureFolder category in categories)
        {
            (double Image, double? Pixel)[] result = Measure(new DefectRun(category, context.Progress), arguments.Experiment);
            results.Add(result);
            table.Add([category.Name, $"{category.Train.Length}", $"{category.Test.Length}",
                .. result.SelectMany(method => new[] { Percent(method.Image), Percent(method.Pixel) })]);
            if (arguments.Experiment.IsDefault)
            {
                AddFigure(context, $"{category.Name}.image_auroc", result[0].Image, result[1].Image, result[2].Image);
                if (result[0].Pixel is { } pixel && result[1].Pixel is { } gaussianPixel && result[2].Pixel is { } patchPixel)
                    AddFigure(context, $"{category.Name}.pixel_auroc", pixel, gaussianPixel, patchPixel);
            }
            context.Save();
        }
        if (results.Count > 1)
        {
            table.Add(["mean", "", "", .. Enumerable.Range(0, 3).SelectMany(i => new[]
            {
                Percent(results.Average(result => result[i].Image)), Percent(results.Average(result => result[i].Pixel)),
            })]);
        }
    }

    /// <summary>The flow, PaDiM and PatchCore's core.</summary>
    private static (double Image, double? Pixel)[] Measure(DefectRun run, Experiment experiment)
    {
        try
        {
            return [run.Flow(experiment), run.PositionGaussians(), run.PatchMemory()];
        }
        catch (Exception e) when (e.GetBaseException() is InvalidDataException or IOException)
        {
            throw new BenchmarkFailedException($"A picture cannot be read: {e.GetBaseException().Message}");
        }
    }

    private static void AddFigure(BenchmarkContext context, string name, double flow, double gaussians, double patches)
        => context.Report.Add(new Figure($"pictures.{name}", 100 * flow, "%", 100 * Math.Max(gaussians, patches),
            $"{(gaussians > patches ? "PaDiM" : "PatchCore's core")}, same run", flow / Math.Max(gaussians, patches)));

    /// <summary>Flows over pooled features.</summary>
    private static void RunOneClass(BenchmarkContext context, PicturesArguments arguments)
    {
        var pictures = new OneClassPictures(arguments, context.Progress);
        string neighbours = $"kNN ({Neighbours})";
        var table = new MarkdownTable("Class", "Real NVP", "each seed", ShrunkGaussian.Name, neighbours, "shrinkage", "s per fit");
        var results = new List<(double Flow, double Gaussian, double Neighbours)>();
        foreach (string name in arguments.Named)
        {
            float[][] train = pictures.Train(name), test = pictures.Test;
            bool[] isOther = pictures.IsOther(name);
            double gaussian = RankMetrics.Auroc(ShrunkGaussian.Scores(train, test), isOther);
            double nearest = RankMetrics.Auroc(NearestRows.Distances(train, test, Neighbours), isOther);
            var fits = new List<(double Auroc, double Seconds, string Shrinkage)>();
            for (int seed = 1; seed <= arguments.Seeds; seed++)
            {
                context.Progress.Show($"{name}: flows", seed, arguments.Seeds);
                fits.Add(Fit(arguments.Experiment, train, test, isOther, seed));
            }
            double flow = fits.Average(fit => fit.Auroc);
            results.Add((flow, gaussian, nearest));
            table.Add(name, Three(flow), string.Join(", ", fits.Select(fit => Three(fit.Auroc))), Three(gaussian), Three(nearest),
                string.Join(", ", fits.Select(fit => fit.Shrinkage).Distinct()), fits.Average(fit => fit.Seconds).ToString("F0",
                    CultureInfo.InvariantCulture));
        }
        (double ours, double shrunk, double near) = (results.Average(result => result.Flow), results.Average(result => result.Gaussian),
            results.Average(result => result.Neighbours));
        table.Add("mean", Three(ours), "", Three(shrunk), Three(near), "", "");
        string what = arguments.Set == PicturesArguments.Pixels ? "of MNIST against the nine others: pixels (784) as a table"
            : "of CIFAR-10 against the nine others: pooled features (512, of length 1) of the ResNet18 in ML.NET's package";
        context.Report.Add($"""
            AUROC of one class {what};
            the first {arguments.Train} training pictures of the class, the first {arguments.Test} test pictures of each class. All training
            options are the defaults{(arguments.Experiment.IsDefault ? "" : $" but {arguments.Experiment}")}; the flow takes its validation
            and calibration pictures from those of training, the others fit all.
            """);
        context.Report.Add(table);
        if (arguments.Changes is { } changes)
        {
            context.Report.Add($"**An experiment, not a result:** {changes}. No figures.");
            return;
        }
        (double best, string bestName) = shrunk > near ? (shrunk, ShrunkGaussian.Name) : (near, neighbours);
        context.Report.Add(new Figure($"pictures.{arguments.Set}.image_auroc", 100 * ours, "%", 100 * best,
            $"{bestName}, same run", ours / best));
    }

    private static (double, double, string) Fit(Experiment experiment, float[][] train, float[][] test, bool[] isOther, int seed)
    {
        var ml = new MLContext(seed);
        RealNvpTrainer.Options options = experiment.Options();
        options.Seed = seed;
        long start = Stopwatch.GetTimestamp();
        using RealNvpTransformer flow = ml.AnomalyDetection.Trainers.RealNvp(options).Fit(View(ml, train));
        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        float[] scores = [.. flow.Transform(View(ml, test)).GetColumn<float>("Score")];
        return (RankMetrics.Auroc(scores, isOther), seconds, flow.Model.Metadata.Training.GetValueOrDefault("whitening_shrinkage", "-"));
    }

    private static IDataView View(MLContext ml, float[][] rows)
    {
        var schema = SchemaDefinition.Create(typeof(Row));
        schema[nameof(Row.Features)].ColumnType = new VectorDataViewType(NumberDataViewType.Single, rows[0].Length);
        return ml.Data.LoadFromEnumerable(rows.Select(row => new Row { Features = row }), schema);
    }

    private static string Percent(double? share) => share is { } known ? (100 * known).ToString("F1", CultureInfo.InvariantCulture) : "-";

    private static string Three(double value) => value.ToString("F3", CultureInfo.InvariantCulture);

    private sealed class Row
    {
        public float[] Features { get; set; } = [];
    }
}
