using System.Text.Json.Serialization;

namespace RealNvp.ML.Trainers.Training;

/// <summary>The numbers that a training needs, all chosen.</summary>
internal sealed record TrainingPlan
{
    public required int BatchSize { get; init; }

    public required long Steps { get; init; }

    /// <summary>The share of hidden values that is dropped.</summary>
    public required double Dropout { get; init; }

    /// <summary>Gaussian noise, in scales of each feature.</summary>
    public required double Noise { get; init; }

    /// <summary>The share of each batch that is left out for its low likelihood.</summary>
    public required double Trim { get; init; }

    public required double LearningRate { get; init; }

    public required LearningRateDecay Decay { get; init; }

    /// <summary>The share of the steps that warm up; null for a twentieth, as of runs of before there was a choice.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public double? WarmUp { get; init; }

    public required double WeightDecay { get; init; }

    public required double GainPenalty { get; init; }

    public required double AveragedWeights { get; init; }

    /// <summary>The gradient norm beyond which gradients are scaled down; 0 for none.</summary>
    public required double GradientClip { get; init; }

    /// <summary>Whether a GPU computes in TF32 where it learns.</summary>
    public required bool TensorFloat32 { get; init; }

    public required int EvaluationInterval { get; init; }

    /// <summary>Whether the flow is looked at a few times before the first evaluation.</summary>
    public required bool LooksEarly { get; init; }

    /// <summary>Evaluations without a better one after which training stops; 0 for never.</summary>
    public required int Patience { get; init; }

    /// <summary>Evaluations after which training ends where none was better than the start; 0 for never.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public int StartPatience { get; init; }

    /// <summary>Rows that pass the flow at once where nothing is learned from them.</summary>
    public required long EvaluationBatch { get; init; }

    /// <summary>Rows that running statistics are taken from at every evaluation; the end takes all there are.</summary>
    public required long StatisticsRows { get; init; }
}
