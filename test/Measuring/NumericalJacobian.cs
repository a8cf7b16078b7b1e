using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Tests.Measuring;

/// <summary>Log-determinants by central finite differences in double: independent of any analytic formula.</summary>
internal static class NumericalJacobian
{
    private const double Step = 1e-6;

    /// <summary>log |det d map / d x| at one point [1, ...].</summary>
    public static double LogAbsDet(Func<Tensor, Tensor> map, Tensor point)
    {
        using DisposeScope scope = NewDisposeScope();
        long size = point.numel();
        Tensor jacobian = zeros([size, size], dtype: ScalarType.Float64);
        for (long column = 0; column < size; column++)
        {
            Tensor offset = zeros(size, dtype: ScalarType.Float64);
            offset[column] = Step;
            offset = offset.reshape(point.shape);
            jacobian[TensorIndex.Colon, column] = (map(point + offset) - map(point - offset)).flatten() / (2 * Step);
        }
        return linalg.slogdet(jacobian).Item2.item<double>();
    }

    /// <summary>
    /// The same for a map that treats the rows of a batch each by itself: all offsets in one batch, which is much faster.
    /// </summary>
    public static double LogAbsDetOfRows(Func<Tensor, Tensor> map, Tensor point)
    {
        using DisposeScope scope = NewDisposeScope();
        long size = point.numel();
        Tensor offsets = (eye(size, dtype: ScalarType.Float64) * Step).reshape([size, .. point.shape[1..]]);
        Tensor transposed = (map(point + offsets) - map(point - offsets)).flatten(1) / (2 * Step);
        return linalg.slogdet(transposed).Item2.item<double>();
    }
}
