namespace RealNvp.ML.Trainers;

/// <summary>What a cancelled training does.</summary>
public enum OnCancellation
{
    /// <summary>Throws an <see cref="OperationCanceledException"/>.</summary>
    Throw,

    /// <summary>Returns the best model so far, frozen and calibrated as any other.</summary>
    ReturnBest,
}
