using RealNvp.ML.Trainers.Data.Columns;
using RealNvp.ML.Trainers.Data.Rows;
using RealNvp.ML.Trainers.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Trainers.Designs;

/// <summary>
/// How far features vary where their condition is known: of two machines that read about 0 and about 100, the deviation of all readings
/// says nothing of one machine's, and noise in proportion to it would hide what is odd for either.
/// </summary>
internal static class ResidualScales
{
    /// <summary>Rows that are looked at.</summary>
    private const int MostRows = 8192;

    /// <summary>
    /// The part of a feature's scale that is left at least: a condition that determines the features would leave no noise, and without any
    /// their density has no bounds.
    /// </summary>
    private const double LeastShare = 0.02;

    private static readonly Scalar s_least = LeastShare.ToScalar(), s_one = 1.0.ToScalar(), s_zero = 0.0.ToScalar();
    private static readonly Scalar s_ridge = 1e-4.ToScalar(), s_near = (-10.0).ToScalar(), s_far = 10.0.ToScalar();

    /// <summary>
    /// The scale of each feature times the share of its deviation that a linear function of the condition leaves (ridge regression).
    /// </summary>
    /// <param name="rows">Training rows, each with its condition after its features.</param>
    /// <param name="facts">Centres and scales of both.</param>
    public static float[] Of(WeightedRows rows, ColumnFacts facts)
    {
        int features = facts.Mean.Length, conditions = rows.Features - features, count = Math.Min(rows.Count, MostRows);
        if (count < 2 * (conditions + 1)) // any rows would be explained
            return facts.StandardDeviation;
        using DisposeScope scope = NewDisposeScope();
        using IDisposable guard = no_grad();
        Tensor Row(IEnumerable<float> values) => tensor(values.ToArray(), dtype: ScalarType.Float32, device: CPU).to(ScalarType.Float64);
        Tensor values = tensor(rows.Values[..(count * rows.Features)], [count, rows.Features], dtype: ScalarType.Float32, device: CPU);
        Tensor standard = (values.to(ScalarType.Float64) - Row(facts.Mean.Concat(facts.Condition!.Mean)))
            / Row(facts.StandardDeviation.Concat(facts.Condition.StandardDeviation));
        standard = standard.clamp(s_near, s_far).masked_fill_(standard.isnan(), s_zero); // unknown conditions
        Tensor weights = Row(rows.Weights[..count]).unsqueeze(1);
        weights /= weights.sum();
        Tensor[] parts = standard.split([features, conditions], 1);
        Tensor y = parts[0] - (parts[0] * weights).sum([0]), x = parts[1] - (parts[1] * weights).sum([0]), weighted = (x * weights).t();
        Tensor ridge = eye(conditions, dtype: ScalarType.Float64, device: CPU) * s_ridge;
        Tensor left = y - x.matmul(linalg.solve(weighted.matmul(x).Plus(ridge), weighted.matmul(y)));
        Tensor shares = ((left * left * weights).sum([0]) / (y * y * weights).sum([0])).sqrt();
        shares = shares.masked_fill(shares.isnan(), s_one).clamp(s_least, s_one); // features that do not vary
        return [.. shares.data<double>().Zip(facts.StandardDeviation, (share, deviation) => (float)(share * deviation))];
    }
}
