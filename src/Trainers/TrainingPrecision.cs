namespace RealNvp.ML.Trainers;

/// <summary>The precision in which the nets inside the couplings compute in training.</summary>
public enum TrainingPrecision
{
    /// <summary>32 bits throughout.</summary>
    Float32,

    /// <summary>
    /// Matrix products and convolutions in TF32 (10 bits of precision) on NVIDIA GPUs since Ampere, which compute it several times faster;
    /// elsewhere as <see cref="Float32"/>. Evaluation computes in 32 bits.
    /// </summary>
    TensorFloat32,

    /// <summary>
    /// The nets' matrix products and convolutions in bfloat16 (8 bits of precision), which GPUs since Ampere compute many times faster;
    /// weights are kept in 32 bits, and evaluation computes in 32 bits.
    /// </summary>
    BFloat16,
}
