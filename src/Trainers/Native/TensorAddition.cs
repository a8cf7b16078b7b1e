using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Trainers.Native;

/// <summary>
/// Sums of tensors whose factor is held. TorchSharp's operator + makes a <see cref="Scalar"/> of the factor 1 for every call, and a
/// finalizer that runs during the native call frees it: on a busy machine such a sum fails once in some million (see the remarks in
/// <c>FlowStepModule</c>).
/// </summary>
internal static class TensorAddition
{
    private static readonly Scalar s_one = 1.0.ToScalar();

    /// <summary>x + y of floating-point tensors.</summary>
    public static Tensor Plus(this Tensor x, Tensor y) => x.add(y, s_one);

    /// <summary>
    /// x + y in the place of x, which must be the result of an operation whose gradient does not need it (a convolution's does not): in a
    /// training's memory it is one tensor less.
    /// </summary>
    public static Tensor PlusInPlace(this Tensor x, Tensor y) => x.add_(y, s_one);

    /// <summary>x + y of a floating-point tensor.</summary>
    public static Tensor Plus(this Tensor x, Scalar y) => x.add(y, s_one);
}
