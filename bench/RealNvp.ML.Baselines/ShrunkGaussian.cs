using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Baselines;

/// <summary>
/// One Gaussian whose covariance is shrunk towards a multiple of the identity, by the share that Ledoit and Wolf (2004) estimate from the
/// rows: what is fitted to embeddings where rows are few (scikit-learn's LedoitWolf).
/// </summary>
public static class ShrunkGaussian
{
    /// <summary>The name in reports.</summary>
    public const string Name = "Mahalanobis (Ledoit-Wolf)";

    /// <summary>The squared Mahalanobis distances of rows from a Gaussian of others.</summary>
    public static float[] Scores(float[][] train, float[][] test)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor from = Rows(train), mean = from.mean([0]), centred = from - mean;
        Tensor factor = linalg.cholesky(Covariance(centred).Covariance);
        Tensor white = linalg.solve_triangular(factor, (Rows(test) - mean).t(), upper: false);
        return [.. white.square().sum([0]).to(ScalarType.Float32).data<float>()];
    }

    /// <summary>The shrunk covariance of rows less their mean, and the share of the multiple of the identity in it.</summary>
    public static (Tensor Covariance, double Shrinkage) Covariance(Tensor centred)
    {
        (double rows, double features) = (centred.shape[0], centred.shape[1]);
        Tensor sample = centred.t().mm(centred) / rows, squares = centred.square();
        double variance = sample.trace().item<double>() / features, size = sample.square().sum().item<double>();
        double distance = size / features - variance * variance;
        double error = ((squares.t().mm(squares) / rows).sum().item<double>() - size) / (features * rows);
        double share = distance > 0 ? Math.Clamp(error / distance, 0, 1) : 1;
        Tensor identity = eye(centred.shape[1], dtype: ScalarType.Float64);
        return ((1 - share) * sample + share * variance * identity, share);
    }

    internal static Tensor Rows(float[][] rows)
        => tensor(rows.SelectMany(row => row).ToArray(), [rows.Length, rows[0].Length], dtype: ScalarType.Float64);
}
