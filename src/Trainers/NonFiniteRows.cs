namespace RealNvp.ML.Trainers;

/// <summary>What training does with rows that have a NaN or infinite feature, or such a condition.</summary>
public enum NonFiniteRows
{
    /// <summary>Leaves them out, and says how many.</summary>
    Skip,

    /// <summary>Refuses to train.</summary>
    Fail,
}
