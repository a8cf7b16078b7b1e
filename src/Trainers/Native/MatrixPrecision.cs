using static TorchSharp.torch;

namespace RealNvp.ML.Trainers.Native;

/// <summary>
/// Sets whether a GPU multiplies matrices and convolves in TF32 (10 bits of mantissa instead of 23), until disposed of. Libtorch has its
/// own mind: by default convolutions do and matrix products do not. The setting is the process's.
/// </summary>
internal sealed class MatrixPrecision : IDisposable
{
    private readonly bool _products, _convolutions;

    /// <summary>Sets both.</summary>
    public MatrixPrecision(bool tensorFloat32)
    {
        (_products, _convolutions) = (backends.cuda.matmul.allow_tf32, backends.cudnn.allow_tf32);
        Set(tensorFloat32, tensorFloat32);
    }

    public void Dispose() => Set(_products, _convolutions);

    private static void Set(bool products, bool convolutions)
        => (backends.cuda.matmul.allow_tf32, backends.cudnn.allow_tf32) = (products, convolutions);
}
