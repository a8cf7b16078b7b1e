using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Bench.Anomaly;

/// <summary>One Gaussian with full covariance: the Mahalanobis distance, along directions in which training rows vary at all.</summary>
internal sealed class GaussianDetector : GeometricDetector
{
    /// <summary>A direction counts from this share of the largest variance on.</summary>
    private const double Least = 1e-7;

    /// <inheritdoc/>
    public override string Name => "Gaussian";

    /// <inheritdoc/>
    protected override float[] Scores(float[][] train, float[][] test)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor from = Rows(train), to = Rows(test);
        (Tensor variances, Tensor directions) = linalg.eigh(from.transpose(0, 1).mm(from) / (double)train.Length);
        Tensor counts = variances > variances.max() * Least;
        Tensor scales = where(counts, variances.clamp(min: double.Epsilon).rsqrt(), zeros_like(variances));
        return [.. (to.mm(directions) * scales).square().sum(1).sqrt().to(ScalarType.Float32).data<float>()];
    }

    private static Tensor Rows(float[][] rows)
        => tensor(rows.SelectMany(row => row).ToArray(), [rows.Length, rows[0].Length], dtype: ScalarType.Float64);
}
