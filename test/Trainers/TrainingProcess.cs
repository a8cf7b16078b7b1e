using System.Diagnostics;
using System.Security.Cryptography;
using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Export;
using RealNvp.ML.Tests.Trainers.Distributed;
using RealNvp.ML.Tests.Transforms;
using RealNvp.ML.Trainers;
using RealNvp.ML.Transforms;

namespace RealNvp.ML.Tests.Trainers;

/// <summary>
/// A training run in a process of its own, which can be killed. .NET runs <see cref="StartupHook"/> there instead of the tests.
/// </summary>
internal static class TrainingProcess
{
    /// <summary>Tells the process what to train: a kind and the folder for checkpoints.</summary>
    public const string Variable = "REALNVP_TESTS_TRAIN";

    /// <summary>A streamed table with averaged weights, a plateau schedule and row weights, in two members.</summary>
    public const string Table = "table";

    /// <summary>The flow of CIFAR-10 with narrower and fewer blocks, flips included.</summary>
    public const string Image = "image";

    /// <summary>The flow of CIFAR-10 as the preset has it, for a few steps.</summary>
    public const string WholeImage = "whole-image";

    /// <summary>Starts the process.</summary>
    /// <param name="kind">What it trains.</param>
    /// <param name="folder">Where its checkpoints go.</param>
    /// <param name="dieWriting">Whether it kills itself while a file is written; on a fast disk the file may just be whole.</param>
    public static Process Start(string kind, string folder, bool dieWriting = false)
    {
        string assembly = typeof(TrainingProcess).Assembly.Location;
        var start = new ProcessStartInfo("dotnet", ["exec", assembly])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            Environment = { ["DOTNET_STARTUP_HOOKS"] = assembly, [Variable] = $"{kind}|{folder}|{dieWriting}" },
        };
        if (kind == CollectedTrainings.Kind)
            start.Environment["DOTNET_TieredCompilation"] = "0"; // code that is not optimised holds all that a method made until it ends
        return Process.Start(start)!;
    }

    /// <summary>What a process that ended well has written: of one training, a hash of all weights.</summary>
    public static string Written(Process process, int minutes = 4)
    {
        Task<string> output = process.StandardOutput.ReadToEndAsync(), errors = process.StandardError.ReadToEndAsync();
        Assert.True(process.WaitForExit(TimeSpan.FromMinutes(minutes)), "The process does not end.");
        Assert.True(process.ExitCode == 0, $"The process ended with {process.ExitCode}. {errors.Result}{output.Result}");
        return output.Result.Trim();
    }

    /// <summary>Trains, in the process, from the newest checkpoint if there is one.</summary>
    public static void Train(string what)
    {
        string[] parts = what.Split('|');
        if (parts[0] == CollectedTrainings.Kind)
        {
            CollectedTrainings.Run(parts[1]);
            return;
        }
        if (parts[0] == RankTraining.Kind)
        {
            RankTraining.Run(parts);
            return;
        }
        if (parts[0] == CultureTests.Kind)
        {
            CultureTests.Write(parts[1]);
            return;
        }
        if (bool.Parse(parts[2]))
            DieWriting(parts[1]);
        Console.WriteLine(Hash(Fit(parts[0], parts[1])));
    }

    /// <summary>Trains here.</summary>
    public static FlowModel Fit(string kind, string? folder, Action<RealNvpTrainer.Options>? change = null, List<string>? log = null,
        Action<string>? heard = null,
        Func<MLContext, IDataView>? rows = null)
    {
        var ml = new MLContext(seed: 1);
        ml.Log += (_, e) =>
        {
            log?.Add(e.RawMessage);
            heard?.Invoke(e.RawMessage);
        };
        RealNvpTrainer.Options options = kind switch { Image => ImageOptions(), WholeImage => WholeImageOptions(), _ => TableOptions() };
        options.Checkpoints = folder is null ? null : options.Checkpoints! with { Folder = folder, Resume = true };
        change?.Invoke(options);
        IDataView data = rows is not null ? rows(ml) : kind == Table ? TableRows(ml) : Images(ml, kind == Image ? 24 : 12);
        using RealNvpTransformer model = ml.AnomalyDetection.Trainers.RealNvp(options).Fit(data);
        return model.Model;
    }

    /// <summary>Fewer steps, and checkpoints, where there are any, as often as that asks for.</summary>
    public static void Shorten(RealNvpTrainer.Options options, int steps, int interval)
    {
        options.Steps = steps;
        if (options.Checkpoints is { } checkpoints)
            options.Checkpoints = checkpoints with { Interval = interval };
    }

    /// <summary>A hash of the flow alone, without what says when and how long it was trained.</summary>
    public static string Hash(FlowModel model)
    {
        using var stream = new MemoryStream();
        new FlowModel(model.InputShape, [.. model.Members.Select(steps => (IEnumerable<Export.Steps.FlowStep>)steps)],
            condition: model.Condition).Save(stream);
        return Convert.ToHexString(SHA256.HashData(stream.ToArray()));
    }

    /// <summary>Watches the folder for the third file that is being written, and kills the process there: SIGKILL.</summary>
    private static void DieWriting(string folder) => new Thread(() =>
    {
        var seen = new HashSet<string>();
        while (true)
        {
            if (Directory.EnumerateFiles(folder, "*.tmp").FirstOrDefault() is not { } half || !seen.Add(half) || seen.Count < 3)
                continue;
            using Process self = Process.GetCurrentProcess();
            self.Kill();
            Thread.Sleep(Timeout.Infinite);
        }
    })
    { IsBackground = true }.Start();

    private static RealNvpTrainer.Options TableOptions() => new()
    {
        Members = 2,
        Table = new() { Couplings = 4, HiddenUnits = 16, BatchNorm = true },
        Steps = 500,
        Patience = 0,
        Optimizer = new() { AveragedWeights = 0.99, Decay = LearningRateDecay.Plateau },
        ExampleWeightColumnName = "Weight",
        Memory = new() { ResidentLimit = 0, ShufflePool = 100 },
        Checkpoints = new("checkpoints") { Interval = 10 },
    };

    private static RealNvpTrainer.Options ImageOptions()
    {
        RealNvpTrainer.Options options = RealNvpTrainer.Options.ForImages(ImageFlowOptions.Cifar10 with { BaseWidth = 4, Blocks = 1 });
        (options.Steps, options.BatchSize, options.Optimizer, options.Threads) = (30, 4, new() { AveragedWeights = 0.9 }, 1);
        options.Checkpoints = new("checkpoints") { Interval = 2 };
        return options;
    }

    private static RealNvpTrainer.Options WholeImageOptions()
    {
        RealNvpTrainer.Options options = RealNvpTrainer.Options.ForImages(ImageFlowOptions.Cifar10);
        (options.Steps, options.BatchSize, options.Optimizer, options.Threads) = (6, 2, new() { AveragedWeights = 0.9 }, 1);
        options.Checkpoints = new("checkpoints") { Interval = 1 };
        return options;
    }

    /// <summary>Six hundred rows of five correlated columns, every third without weight.</summary>
    public static IDataView TableRows(MLContext ml, int seed = 1, float weight = 1)
    {
        SchemaDefinition schema = SchemaDefinition.Create(typeof(WeightedRow));
        schema["Features"].ColumnType = new VectorDataViewType(NumberDataViewType.Single, 5);
        return ml.Data.LoadFromEnumerable(Tables.Gaussian(600, 5, seed).Select((row, i)
            => new WeightedRow { Features = row, Weight = i % 3 * weight }), schema);
    }

    /// <summary>Smooth random images, 3 x 32 x 32 of 8 bits.</summary>
    public static IDataView Images(MLContext ml, int count)
    {
        SchemaDefinition schema = SchemaDefinition.Create(typeof(WeightedRow));
        schema["Features"].ColumnType = new VectorDataViewType(NumberDataViewType.Single, 3, 32, 32);
        var random = new Random(1);
        return ml.Data.LoadFromEnumerable(Enumerable.Range(0, count).Select(_ =>
        {
            (double a, double b, double c) = (random.NextDouble(), random.NextDouble(), random.NextDouble());
            float[] image = [.. Enumerable.Range(0, 3 * 32 * 32)
                .Select(i => (float)Math.Floor(127.5 + 100 * Math.Sin(a * 6 + b * (i % 32) / 5 + c * (i / 32 % 32) / 5 + i / 1024)
                + 20 * random.NextDouble()))];
            return new WeightedRow { Features = image };
        }).ToArray(), schema);
    }

    private sealed class WeightedRow
    {
        public float[] Features { get; set; } = [];

        public float Weight { get; set; }
    }
}
