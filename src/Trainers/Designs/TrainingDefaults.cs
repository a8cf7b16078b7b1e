namespace RealNvp.ML.Trainers.Designs;

/// <summary>What a training has where the options leave it open, and what no option sets.</summary>
internal sealed record TrainingDefaults
{
    public required int BatchSize { get; init; }

    /// <summary>Steps that a training has at least, however few its rows.</summary>
    public long LeastSteps { get; init; } = 1500;

    public required double Dropout { get; init; }

    public required double LearningRate { get; init; }

    public required double GainPenalty { get; init; }

    public required double GradientClip { get; init; }

    /// <summary>Evaluations of a long training.</summary>
    public required int Evaluations { get; init; }

    /// <summary>Whether the flow is looked at a few times before the first evaluation.</summary>
    public required bool LooksEarly { get; init; }

    /// <summary>Evaluations after which training ends where none was better than the start; 0 for never.</summary>
    public int StartPatience { get; init; }

    /// <summary>Rows that pass the flow at once where nothing is learned from them.</summary>
    public required long EvaluationBatch { get; init; }

    /// <summary>Rows that running statistics are taken from at every evaluation; the end takes all there are.</summary>
    public required long StatisticsRows { get; init; }
}
