using RealNvp.ML.Export;
using RealNvp.ML.Export.Steps;
using RealNvp.ML.Trainers;
using RealNvp.ML.Trainers.Data;
using RealNvp.ML.Trainers.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Bench.Training;

/// <summary>A flow and rows to train it on. bench/pytorch/training.py has one of the same name, with the same parameters.</summary>
/// <param name="Name">The name in figures.</param>
/// <param name="Description">What is trained, in words.</param>
/// <param name="Shape">The shape of a row.</param>
/// <param name="Steps">The steps of a turn.</param>
/// <param name="Options">What the trainer is told.</param>
internal sealed record TrainingLoad(string Name, string Description, FlowShape Shape, int Steps, RealNvpTrainer.Options Options)
{
    private const int Rows = 4096, Levels = 17;

    /// <summary>All loads.</summary>
    public static readonly IReadOnlyList<TrainingLoad> All =
    [
        new("tabular", "D = 30, 6 couplings over split halves, nets of 3x128, batches of 256", FlowShape.Vector(30), 100,
            new() { BatchSize = 256, Couplings = 6, HiddenLayers = 3, HiddenUnits = 128, Dropout = 0, Noise = 0, TailBound = 0, Mixing = FeatureMixing.Permutation, GradientClip = 5 * Math.Sqrt(30) }),
        new("image", "1 x 8 x 8, 2 scales, 10 couplings, 4 residual blocks of 32 maps, batches of 64", FlowShape.Image(1, 8, 8), 10,
            new()
            {
                BatchSize = 64, Dropout = 0, GainPenalty = 0, GradientClip = 100,
                Image = new ImageFlowOptions { Scales = 2, BaseWidth = 32, Blocks = 4, Levels = Levels, LevelWidth = 1 },
            }),
    ];

    /// <summary>Trains as the trainer does, with its loop; <paramref name="stepped"/> is called behind each step.</summary>
    /// <param name="started">Is told the number of parameters.</param>
    /// <param name="stepped">Is told how many steps were taken; false ends the training.</param>
    public void Train(Action<long> started, Func<long, bool> stepped)
    {
        Options.Steps = int.MaxValue;
        using var heap = new NativeHeap();
        using var generator = new Generator(1, CPU);
        using Tensor values = Draw(generator);
        using var rows = new DeviceRows(values, null);
        TrainingPlan plan = TrainingPlan.Of(Options, Rows, Shape) with { EvaluationInterval = int.MaxValue, Decay = LearningRateDecay.None, LearningRate = 1e-3 };
        using Flow flow = Shape.IsImage
            ? ImageFlow.Build(Shape, Options.Image!, seed: 1, plan.Dropout, generator)
            : VectorFlow.Build(Facts(), Options, plan.Dropout, seed: 1, generator);
        started(flow.parameters().Sum(parameter => parameter.numel()));
        using var noise = new TrainingNoise(Enumerable.Repeat(Shape.IsImage ? 1f : 0f, Shape.Size).ToArray(), new float[Shape.Size], generator, CPU);
        using var stop = new CancellationTokenSource();
        using var loop = new TrainingLoop(flow, plan, generator, new ResidentBatches(rows, plan.BatchSize, generator), rows, validation: null, noise)
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

    private Tensor Draw(Generator generator) => Shape.IsImage
        ? randint(0, Levels, [Rows, Shape.Size], dtype: ScalarType.Float32, generator: generator)
        : randn([Rows, Shape.Size], generator: generator);

    private ColumnFacts Facts()
    {
        float[] Every(float value) => Enumerable.Repeat(value, Shape.Size).ToArray();
        return new ColumnFacts(Every(0), Every(1), Every(0), Every(0));
    }
}
