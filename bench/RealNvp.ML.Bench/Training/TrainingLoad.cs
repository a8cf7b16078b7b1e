using RealNvp.ML.Export;
using RealNvp.ML.Trainers;
using RealNvp.ML.Trainers.Data;
using RealNvp.ML.Trainers.Data.Batches;
using RealNvp.ML.Trainers.Data.Columns;
using RealNvp.ML.Trainers.Data.Rows;
using RealNvp.ML.Trainers.Designs;
using RealNvp.ML.Trainers.Flows;
using RealNvp.ML.Trainers.Native;
using RealNvp.ML.Trainers.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Bench.Training;

/// <summary>A flow and rows to train it on. bench/pytorch/training.py has one of the same name, with the same parameters.</summary>
/// <param name="Name">The name in figures.</param>
/// <param name="Description">What is trained, in words.</param>
/// <param name="Shape">The shape of a row.</param>
/// <param name="Levels">Of a pixel.</param>
/// <param name="Steps">The steps of a turn.</param>
/// <param name="ByDefault">Whether a CPU trains it fast enough to be measured unasked.</param>
/// <param name="Options">The trainer's options.</param>
internal sealed record TrainingLoad(string Name, string Description, FlowShape Shape, int Levels, int Steps, bool ByDefault,
    RealNvpTrainer.Options Options)
{
    private const int Rows = 4096;

    /// <summary>Values of a condition that rows have; 0 for none. Options say whether it may be unknown.</summary>
    public int Conditions { get; init; }

    /// <summary>All loads.</summary>
    public static readonly IReadOnlyList<TrainingLoad> All =
    [
        new("tabular", "D = 30, 6 couplings over split halves, nets of 3x128, batches of 256", FlowShape.Vector(30), 0, 100, true,
            new()
            {
                BatchSize = 256,
                Table = new() { Couplings = 6, HiddenLayers = 3, HiddenUnits = 128, TailBound = 0, Mixing = FeatureMixing.Permutation },
                    Dropout = 0, Noise = 0,
                Optimizer = new() { GradientClip = 5 * Math.Sqrt(30) },
            }),
        new("image", "1 x 8 x 8, 2 scales, 10 couplings, 4 residual blocks of 32 maps, batches of 64", FlowShape.Image(1, 8, 8), 17, 10,
            true, Images(17)),
        new("image32", "3 x 32 x 32, otherwise the same", FlowShape.Image(3, 32, 32), 256, 10, false, Images(256)),
    ];

    /// <summary>Trains as the trainer does, with its loop; <paramref name="stepped"/> is called after each step.</summary>
    /// <param name="device">Where.</param>
    /// <param name="precision">In which precision.</param>
    /// <param name="started">Receives the number of parameters.</param>
    /// <param name="stepped">Receives how many steps were taken; false ends the training.</param>
    /// <param name="exchange">With which other processes; null for none.</param>
    public void Train(Device device, TrainingPrecision precision, Action<long> started, Func<long, bool> stepped,
        IGradientExchange? exchange = null)
    {
        Options.Steps = int.MaxValue;
        Options.Precision = precision;
        using var heap = new NativeHeap();
        using var random = new DeviceRandom(1, device);
        using DeviceRows rows = Draw(device);
        FlowDesign design = Options.Design(Shape, Conditions);
        TrainingPlan plan = Options.Plan(design, Rows, Rows) with { EvaluationInterval = int.MaxValue, Decay = LearningRateDecay.None,
            LearningRate = 1e-3 };
        using Flow flow = design.Build(Facts(), plan.Dropout, seed: 1, random);
        flow.to(device);
        started(flow.parameters().Sum(parameter => parameter.numel()));
        using var stop = new CancellationTokenSource();
        using var loop = new TrainingLoop(design, plan, Facts(), flow, random, new ResidentBatches(rows, plan.BatchSize, random),
            new EvaluationRows(rows, null, null), exchange)
        {
            Stepped = loop =>
            {
                if (!stepped(loop.Step))
                    stop.Cancel();
            },
        };
        try
        {
            loop.Run(stop.Token);
        }
        catch (OperationCanceledException)
        {
            // every turn was had
        }
    }

    private static RealNvpTrainer.Options Images(int levels) => new()
    {
        BatchSize = 64, Dropout = 0,
        Optimizer = new() { GainPenalty = 0, GradientClip = 100 },
        Image = new ImageFlowOptions { Scales = 2, BaseWidth = 32, Blocks = 4, Levels = levels, LevelWidth = 1 },
    };

    private DeviceRows Draw(Device device)
    {
        using DisposeScope scope = NewDisposeScope();
        using var generator = new Generator(1, CPU);
        Tensor values = Shape.IsImage
            ? randint(0, Levels, [Rows, Shape.Size], dtype: ScalarType.Float32, generator: generator)
            : randn([Rows, Shape.Size], generator: generator);
        if (Conditions > 0)
            values = cat([values, randn([Rows, Conditions], generator: generator)], 1);
        return new DeviceRows(values.to(device).DetachFromDisposeScope(), null);
    }

    private ColumnFacts Facts()
    {
        float[] Every(float value, int? count = null) => Enumerable.Repeat(value, count ?? Shape.Size).ToArray();
        return new ColumnFacts(Every(0), Every(1), Every(0), Every(Shape.IsImage ? 1 : 0))
        {
            Condition = Conditions == 0 ? null
                : new FlowCondition([.. Every(0, Conditions)], [.. Every(1, Conditions)], Options.ConditionDropout > 0),
        };
    }
}
