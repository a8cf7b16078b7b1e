using System.Security.Cryptography;
using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Bench.Flows;
using RealNvp.ML.Export;
using RealNvp.ML.Export.Steps;
using RealNvp.ML.Trainers;
using RealNvp.ML.Transforms;

namespace RealNvp.ML.Bench.Survival;

/// <summary>A small training of every kind, with the rows that it is of.</summary>
internal static class SmallTrainings
{
    /// <summary>The kinds: what is set of the options beside the size.</summary>
    public static readonly IReadOnlyDictionary<string, Func<RealNvpTrainer.Options>> Kinds
        = new Dictionary<string, Func<RealNvpTrainer.Options>>
    {
        ["table"] = () => Table(new()),
        ["mixture"] = () => Table(new() { Members = 2, Table = new() { BatchNorm = true }, Trim = 0.1, Dropout = 0.1 }),
        ["density"] = () => Table(RealNvpTrainer.Options.ForDensity()),
        ["streamed"] = () => Table(new() { Memory = new() { ResidentLimit = 0, ShufflePool = 50 } }),
        ["averaged"] = () => Table(new() { Members = 2, Optimizer = new() { AveragedWeights = 0.9, Decay = LearningRateDecay.Plateau } }),
        ["conditional"] = () => Table(new() { ConditionColumnName = "Condition", ConditionDropout = 0.2 }),
        ["keyed"] = () => Table(new() { SamplingKeyColumnName = "Key", ExampleWeightColumnName = "Weight" }),
        ["image"] = Image,
    };

    /// <summary>A kind of training.</summary>
    /// <param name="kind">Of <see cref="Kinds"/>.</param>
    /// <param name="steps">Optimizer steps of each member.</param>
    /// <param name="folder">Where checkpoints go, from the newest of which it goes on; null for none.</param>
    /// <param name="interval">Steps between them.</param>
    /// <param name="ml">Receives the log.</param>
    public static RealNvpTransformer Fit(string kind, int steps, string? folder = null, int interval = 4, MLContext? ml = null)
    {
        ml ??= new MLContext(seed: 1);
        RealNvpTrainer.Options options = Kinds[kind]();
        (options.Epochs, options.Steps, options.Patience, options.Threads) = (null, steps, 0, 1);
        if (folder is not null)
            options.Checkpoints = new(folder) { Interval = interval, Resume = true };
        return ml.AnomalyDetection.Trainers.RealNvp(options).Fit(Rows(ml, options.Image is not null));
    }

    /// <summary>A hash of a flow alone, without what says when and how long it was trained.</summary>
    public static string Hash(FlowModel model)
    {
        using var stream = new MemoryStream();
        new FlowModel(model.InputShape, [.. model.Members.Select(steps => (IEnumerable<FlowStep>)steps)], condition: model.Condition)
            .Save(stream);
        return Convert.ToHexString(SHA256.HashData(stream.ToArray()));
    }

    /// <summary>In a process of its own: kind, steps, folder; writes the hash.</summary>
    public static void Train(string[] parts)
    {
        using RealNvpTransformer model = Fit(parts[0], int.Parse(parts[1]), parts[2]);
        Console.WriteLine("hash " + Hash(model.Model));
    }

    /// <summary>Rows of a table of four correlated features, or small images.</summary>
    public static IDataView Rows(MLContext ml, bool images, int count = 200, int seed = 1)
    {
        var random = new Random(seed);
        SchemaDefinition schema = SchemaDefinition.Create(typeof(Row));
        schema[nameof(Row.Features)].ColumnType = images
            ? new VectorDataViewType(NumberDataViewType.Single, 1, 8, 8)
            : new VectorDataViewType(NumberDataViewType.Single, 4);
        return ml.Data.LoadFromEnumerable(Enumerable.Range(0, images ? count / 3 : count).Select(i =>
        {
            double a = random.NextNormal();
            float[] features = images
                ? [.. Enumerable.Range(0, 64).Select(_ => (float)random.Next(17))]
                : [(float)a, (float)(a * a + random.NextNormal()), (float)(1000 + 30 * random.NextNormal()), random.Next(5)];
            return new Row { Features = features, Condition = [i % 5], Key = i / 4, Weight = 1 + i % 2 };
        }).ToArray(), schema);
    }

    private static RealNvpTrainer.Options Table(RealNvpTrainer.Options options)
    {
        options.Table = options.Table with { Couplings = 4, HiddenUnits = 8 };
        return options;
    }

    private static RealNvpTrainer.Options Image()
    {
        RealNvpTrainer.Options options = RealNvpTrainer.Options.ForImages(
            ImageFlowOptions.Small with { BaseWidth = 2, Blocks = 1, Levels = 17, HorizontalFlips = true });
        (options.BatchSize, options.Optimizer) = (16, new() { AveragedWeights = 0.9 });
        return options;
    }

    private sealed class Row
    {
        public float[] Features { get; set; } = [];

        [VectorType(1)]
        public float[] Condition { get; set; } = [];

        public int Key { get; set; }

        public float Weight { get; set; }
    }
}
