using System.Diagnostics;
using Microsoft.ML;
using RealNvp.ML.Tests.Conditions;
using RealNvp.ML.Trainers;
using RealNvp.ML.Transforms;

namespace RealNvp.ML.Tests.Trainers;

/// <summary>
/// Small trainings of every kind while a thread collects garbage without pause, so that what native code still reads and nothing holds is
/// freed under it: a process of its own runs them, for such a fault ends it.
/// </summary>
internal static class CollectedTrainings
{
    /// <summary>What <see cref="TrainingProcess"/> is to train.</summary>
    public const string Kind = "collected";

    private static readonly TimeSpan s_enough = TimeSpan.FromSeconds(25);

    private static readonly Dictionary<string, Func<RealNvpTrainer.Options>> s_kinds = new()
    {
        ["table"] = () => Small(new()),
        ["mixture"] = () => Small(new() { Members = 2, Optimizer = new() { AveragedWeights = 0.9 }, Table = new() { BatchNorm = true },
            Trim = 0.1, Dropout = 0.1 }),
        ["density"] = () => Small(RealNvpTrainer.Options.ForDensity()),
        ["streamed"] = () => Small(new() { Memory = new() { ResidentLimit = 0, ShufflePool = 50 },
            Table = new() { Mixing = FeatureMixing.Rotation } }),
        ["resumed"] = () => Small(new() { Checkpoints = new("newest") { Interval = 4, Resume = true } }),
        ["conditional"] = () => Small(new() { ConditionColumnName = "Condition", ConditionDropout = 0.2 }),
        ["image"] = SmallImage,
    };

    /// <summary>Trains until it is enough, each kind at least twice; every training of a kind must come to the same weights.</summary>
    public static void Run(string folder)
    {
        Collect();
        var clock = Stopwatch.StartNew();
        var expected = new Dictionary<string, string>();
        for (int round = 0; round < 2 || clock.Elapsed < s_enough; round++)
        {
            foreach ((string kind, Func<RealNvpTrainer.Options> options) in s_kinds)
            {
                Console.WriteLine($"{round}: {kind}"); // the last line tells where a process died
                string hash = Fit(options(), kind, folder);
                if (expected.TryAdd(kind, hash) || expected[kind] == hash)
                    continue;
                throw new InvalidOperationException($"Training {round} of the kind '{kind}' came to other weights.");
            }
        }
    }

    private static void Collect()
    {
        new Thread(() =>
        {
            while (true)
            {
                GC.Collect();
                GC.WaitForPendingFinalizers();
            }
        })
        { IsBackground = true }.Start();
    }

    private static string Fit(RealNvpTrainer.Options options, string kind, string folder)
    {
        var ml = new MLContext(seed: 1);
        if (options.Checkpoints is { } checkpoints)
            options.Checkpoints = checkpoints with { Folder = LastButOne(Path.Combine(folder, kind)) };
        IDataView data = options.Image is not null ? Images(ml)
            : options.ConditionColumnName is null ? Tables.Load(ml, Tables.Gaussian(200, 4, 1))
            : Conditional.Load(ml, Tables.Gaussian(200, 4, 1).Select(row => new ConditionalRow { Features = row[..3],
                Condition = row[3..] }));
        using RealNvpTransformer model = ml.AnomalyDetection.Trainers.RealNvp(options).Fit(data);
        return TrainingProcess.Hash(model.Model);
    }

    /// <summary>The folder without its newest checkpoint, so that there are steps to go on with.</summary>
    private static string LastButOne(string folder)
    {
        string[] checkpoints = [.. Directory.CreateDirectory(folder).GetFiles().Select(file => file.FullName).Order()];
        if (checkpoints.Length > 1)
            File.Delete(checkpoints[^1]);
        return folder;
    }

    private static RealNvpTrainer.Options Small(RealNvpTrainer.Options options)
    {
        options.Table = options.Table with { Couplings = 4, HiddenUnits = 8 };
        (options.Epochs, options.Steps, options.Patience, options.Threads) = (null, 10, 0, 1);
        return options;
    }

    private static RealNvpTrainer.Options SmallImage()
    {
        var image = ImageFlowOptions.Small with { BaseWidth = 2, Blocks = 1, Levels = 17, HorizontalFlips = true };
        RealNvpTrainer.Options options = RealNvpTrainer.Options.ForImages(image);
        (options.Epochs, options.Steps, options.BatchSize, options.Optimizer, options.Threads) =
            (null, 4, 16, new() { AveragedWeights = 0.9 }, 1);
        return options;
    }

    private static IDataView Images(MLContext ml)
    {
        var random = new Random(1);
        float[] Image() => [.. Enumerable.Range(0, 64).Select(_ => (float)random.Next(17))];
        return Tables.Load(ml, Enumerable.Range(0, 60).Select(_ => Image()), 1, 8, 8);
    }
}
