using RealNvp.ML.Export;

namespace RealNvp.ML.Trainers.Training;

/// <summary>The numbers that a training run needs, all chosen.</summary>
internal sealed record TrainingPlan
{
    // Small tables need many passes and large ones few: steps, not epochs, are what a flow needs.
    private const long LeastSteps = 1500, MostSteps = 10_000, AutomaticEpochs = 30;

    public required int BatchSize { get; init; }

    public required long Steps { get; init; }

    /// <summary>The share of hidden values that is dropped.</summary>
    public required double Dropout { get; init; }

    public required double LearningRate { get; init; }

    public required LearningRateDecay Decay { get; init; }

    public required double WeightDecay { get; init; }

    public required double GainPenalty { get; init; }

    public required double AveragedWeights { get; init; }

    public required double GradientClip { get; init; }

    public required double Trim { get; init; }

    /// <summary>Whether a GPU computes in TF32 where it learns.</summary>
    public required bool TensorFloat32 { get; init; }

    public required int EvaluationInterval { get; init; }

    /// <summary>Whether the flow is looked at a few times before the first evaluation.</summary>
    public required bool LooksEarly { get; init; }

    public required int Patience { get; init; }

    /// <summary>Rows that pass the flow at once where nothing is learned from them: convolutions take much memory.</summary>
    public required long EvaluationBatch { get; init; }

    /// <summary>Rows that running statistics are taken from at every evaluation; the end takes all there are.</summary>
    public required long StatisticsRows { get; init; }

    /// <summary>Chooses what the options leave open.</summary>
    public static TrainingPlan Of(RealNvpTrainer.Options options, long rows, FlowShape shape)
    {
        bool image = shape.IsImage;
        bool small = image && Math.Max(shape.Dimensions[1], shape.Dimensions[2]) <= ImageFlowOptions.SmallSide;
        // a step of 16 small images learns as much as one of 64, for a quarter of the time
        int automaticBatch = small ? 16 : image ? 64 : rows < 5_000 ? 128 : rows < 50_000 ? 256 : 512;
        int batch = (int)Math.Min(rows, options.BatchSize > 0 ? options.BatchSize : automaticBatch);
        long stepsPerEpoch = Math.Max(1, rows / batch);
        long steps = options.Steps > 0 ? options.Steps
            : options.Epochs > 0 ? options.Epochs * stepsPerEpoch
            : Math.Clamp(AutomaticEpochs * stepsPerEpoch, LeastSteps, MostSteps);
        return new TrainingPlan
        {
            BatchSize = batch,
            Steps = steps,
            Dropout = options.Dropout ?? (!image ? 0.1 : rows < 5_000 ? 0.2 : 0),
            LearningRate = options.LearningRate > 0 ? options.LearningRate : image && !small ? 1e-3 : 3e-3,
            Decay = options.Decay,
            WeightDecay = options.WeightDecay,
            GainPenalty = options.GainPenalty ?? (image ? 5e-5 : 0),
            AveragedWeights = options.AveragedWeights,
            GradientClip = options.GradientClip == 0 ? (image ? 100 : 5 * Math.Sqrt(shape.Size)) : Math.Max(0, options.GradientClip),
            Trim = options.Trim,
            TensorFloat32 = options.Precision == TrainingPrecision.TensorFloat32,
            // an evaluation passes thousands of images through the flow: few of them, or they take as long as the steps
            EvaluationInterval = (int)Math.Max(Math.Clamp(steps / 20, 1, 50), steps / (image ? 20 : 40)),
            LooksEarly = !image,
            Patience = options.Patience,
            EvaluationBatch = image ? 128 : 8192,
            StatisticsRows = image ? 1024 : long.MaxValue,
        };
    }
}
