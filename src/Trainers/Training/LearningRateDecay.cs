namespace RealNvp.ML.Trainers;

/// <summary>How the learning rate falls from its peak.</summary>
public enum LearningRateDecay
{
    /// <summary>A half cosine to 0 at the last step.</summary>
    Cosine,

    /// <summary>
    /// Halved after every five evaluations without a better validation likelihood; of use where the number of steps is not known well.
    /// </summary>
    Plateau,

    /// <summary>It stays.</summary>
    None,
}
