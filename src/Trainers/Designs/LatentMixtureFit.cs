using System.Collections.Immutable;
using RealNvp.ML.Export.Steps;
using RealNvp.ML.Trainers.Data.Rows;
using RealNvp.ML.Trainers.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Trainers.Designs;

/// <summary>
/// Fits the mixture of latents of a trained flow: a smooth flow spreads a standard normal over what in rows are clusters, grids and
/// lines, and leaves holes between them too likely. Components by expectation maximisation over training latents, each of several rows;
/// their common weight, and whether there are to be any, by the likelihood of validation rows.
/// </summary>
/// <remarks>
/// A component is held to a bound of what it may add to the log-density anywhere, and to a closer one where its rows are among those that
/// the flow finds least likely, or found so before its first step: of many anomalies alike it has learned since that they are likely.
/// Without, a cluster of anomalies among the training rows would become as likely as its rows are close together:
/// docs/anomaly-ranking.md has the figures.
/// </remarks>
internal static class LatentMixtureFit
{
    /// <summary>Rows that are looked at; more would make hardly more components.</summary>
    public const int MostRows = 4096;

    /// <summary>Rows for each component, and the most of these.</summary>
    private const int RowsEach = 8, MostComponents = 512;

    /// <summary>
    /// A component of less weight than this many rows, or that counts as fewer, is dropped: none is to be a copy of a row, a heavy one
    /// neither.
    /// </summary>
    private const double LeastRows = 3;

    /// <summary>Deviations of a component, in those of the latent: float32 follows no narrower ones, and wider ones add nothing.</summary>
    private const double Narrowest = 0.1, Widest = 0.9;

    /// <summary>
    /// Which share of the training rows, the least likely ones, may hold anomalies, and the bound of what a component of theirs adds.
    /// </summary>
    private const double UnlikelyShare = 0.15, UnlikelyBound = 3;

    /// <summary>The most of the weight that components have together; the rest is the standard normal's.</summary>
    private const double MostShare = 0.99;

    /// <summary>A component of less weight than e to this would leave float32.</summary>
    private const double LeastLogWeight = -69;

    private const int Rounds = 25, WeightRounds = 60;

    /// <summary>Fewer validation rows choose by chance, and less gain is not worth a graph that is larger.</summary>
    private const int LeastValidationRows = 10;
    private const double LeastGain = 0.02;

    /// <summary>A row has no part in a component that is so much less likely than its best one, in nats.</summary>
    private const double OutOfReach = 20;

    private static readonly long[] s_rows = [0]; // a bare 0 is taken for a type
    private static readonly Scalar s_half = 0.5.ToScalar(), s_minusHalf = (-0.5).ToScalar();
    private static readonly Scalar s_outOfReach = OutOfReach.ToScalar(), s_never = double.NegativeInfinity.ToScalar();
    private static readonly Scalar s_leastRows = LeastRows.ToScalar();

    /// <summary>The mixture; null where it is to be none.</summary>
    /// <param name="training">Latents of training rows, and their weights.</param>
    /// <param name="logLikelihoods">Those of the same rows by the flow, and by others that judge too; a constant may be missing.</param>
    /// <param name="validation">Latents of validation rows.</param>
    /// <param name="bound">The most that a component may add to the log-density, in nats.</param>
    /// <param name="tailWeight">That of the latent's tail, beside which components count; 0 for none.</param>
    /// <param name="seed">Chooses where components begin.</param>
    public static LatentMixture? Of(WeightedRows training, IReadOnlyList<float[]> logLikelihoods,
        WeightedRows validation, double bound, double tailWeight, int seed)
    {
        int[] finite = Finite(training);
        training = training.Gather(finite);
        logLikelihoods = [.. logLikelihoods.Select(values => Array.ConvertAll(finite, row => values[row]))];
        validation = validation.Gather(Finite(validation));
        if (validation.Count < LeastValidationRows || training.Count < 2 * RowsEach)
            return null;
        Component[] components = Fit(training, logLikelihoods, seed);
        double[] unlikely = [.. logLikelihoods.Select(values => Unlikely(values, training.Weights))];
        double total = components.Sum(component => component.Weight);
        ImmutableArray<float>.Builder weights = ImmutableArray.CreateBuilder<float>(), means = ImmutableArray.CreateBuilder<float>(),
            deviations = ImmutableArray.CreateBuilder<float>();
        foreach (Component component in components)
        {
            float[] mean = Array.ConvertAll(component.Mean, value => (float)value);
            float[] deviation = Array.ConvertAll(component.Variance, value => (float)Math.Clamp(Math.Sqrt(value), Narrowest, Widest));
            bool isUnlikely = component.LogLikelihoods.Zip(unlikely).Any(pair => pair.First < pair.Second);
            double most = isUnlikely ? Math.Min(bound, UnlikelyBound) : bound;
            double logWeight = Math.Min(Math.Log(component.Weight / total), most - LatentMixture.GainOf(mean, deviation));
            if (logWeight < LeastLogWeight)
                continue;
            weights.Add((float)Math.Exp(logWeight));
            means.AddRange(mean);
            deviations.AddRange(deviation);
        }
        if (weights.Count == 0)
            return null;
        // as if all the weight were the components', to learn how much it should be
        double whole = MostShare * (1 - tailWeight) / Math.Max(weights.Sum(weight => (double)weight), 1);
        LatentMixture Scaled(double by)
            => new(training.Features, [.. weights.Select(weight => (float)(weight * by))], means.ToImmutable(), deviations.ToImmutable(),
                tailWeight);
        LatentMixture mixture = Scaled(whole * Share(Scaled(whole), validation));
        double[] gains = Gains(mixture, validation);
        return HeldOutGain.Mean(gains, validation.Weights) >= LeastGain && HeldOutGain.IsSure(gains, validation.Weights) ? mixture : null;
    }

    /// <summary>The rows whose latents are finite: others, which a flow finds impossible, are of no component.</summary>
    private static int[] Finite(WeightedRows latents) => [.. Enumerable.Range(0, latents.Count).Where(row
        => !latents.Row(row).ContainsAnyExceptInRange(float.MinValue, float.MaxValue))];

    /// <summary>The log-likelihood below which the least likely rows are.</summary>
    private static double Unlikely(float[] logLikelihoods, float[] weights)
    {
        float[] sorted = [.. logLikelihoods], inOrder = [.. weights];
        Array.Sort(sorted, inOrder);
        double left = UnlikelyShare * inOrder.Sum(weight => (double)weight);
        int row = 0;
        while (row < sorted.Length - 1 && (left -= inOrder[row]) >= 0)
            row++;
        return sorted[row];
    }

    /// <summary>The weighted mean of what a mixture adds to the log-density of rows whose latents are finite.</summary>
    public static double Gain(LatentMixture mixture, WeightedRows latents)
    {
        latents = latents.Gather(Finite(latents));
        return HeldOutGain.Mean(Gains(mixture, latents), latents.Weights);
    }

    private static double[] Gains(LatentMixture mixture, WeightedRows latents)
        => [.. Enumerable.Range(0, latents.Count).Select(row => mixture.LogGain(latents.Row(row)))];

    /// <summary>
    /// The share of a mixture's components, from 0 to 1, that makes rows most likely; the normal has what they and the tail leave.
    /// </summary>
    private static double Share(LatentMixture mixture, WeightedRows latents)
    {
        // not 1 less the normal's weight: of components that are held tightly that is 0
        double mass = mixture.Weights.Sum(weight => (double)weight), share = 0.5, rest = 1 - mixture.TailWeight;
        double[] ratios = [.. Enumerable.Range(0, latents.Count).Select(i => mixture.ComponentsRatio(latents.Row(i)))];
        double[] tails = [.. Enumerable.Range(0, latents.Count).Select(i => mixture.TailRatio(latents.Row(i)))];
        for (int round = 0; round < WeightRounds; round++)
        {
            double ofComponents = 0, ofNormal = 0;
            for (int i = 0; i < ratios.Length; i++)
            {
                double components = share * ratios[i], normal = rest - share * mass, all = components + normal + tails[i];
                ofComponents += latents.Weights[i] * components / all;
                ofNormal += latents.Weights[i] * normal / all;
            }
            if (ofComponents + ofNormal == 0)
                break; // all of these rows are the tail's
            share = Math.Clamp(rest * ofComponents / (ofComponents + ofNormal) / mass, 1e-6, 1);
        }
        return share;
    }

    /// <summary>Diagonal Gaussians by expectation maximisation, from randomly chosen rows on.</summary>
    private static Component[] Fit(WeightedRows rows, IReadOnlyList<float[]> logLikelihoods, int seed)
    {
        using IDisposable guard = no_grad();
        using DisposeScope scope = NewDisposeScope();
        int[] order = [.. Enumerable.Range(0, rows.Count)];
        new Random(seed).Shuffle(order);
        WeightedRows taken = rows.Gather(order.AsSpan(0, Math.Min(order.Length, MostRows)));
        double perRow = taken.Weights.Average(weight => (double)weight);
        int features = rows.Features, count = taken.Count, first = Math.Clamp(count / RowsEach, 1, MostComponents);
        Tensor z = tensor(taken.Values, [count, features], dtype: ScalarType.Float32, device: CPU).to(ScalarType.Float64);
        Tensor own = tensor(taken.Weights, [count, 1], dtype: ScalarType.Float32, device: CPU).to(ScalarType.Float64);
        // no number may be infinite or none: a row that has no part in a component would make its mean NaN
        Tensor Judgements(float[] values) => tensor(Array.ConvertAll(order[..count],
            row => float.IsNaN(values[row]) ? float.MinValue : Math.Clamp(values[row], float.MinValue, float.MaxValue)),
            [count, 1], dtype: ScalarType.Float32, device: CPU).to(ScalarType.Float64);
        // what a row adds to each component that it has a part in
        Tensor told = cat([z, z * z, .. logLikelihoods.Select(Judgements)], 1), powers = told.narrow(1, 0, 2 * features);
        using Scalar floor = (Narrowest * Narrowest).ToScalar(), start = Narrowest.ToScalar();
        using Scalar least = (LeastRows * perRow).ToScalar(), weightOfFirst = (RowsEach * perRow).ToScalar();
        Tensor mean = z.narrow(0, 0, first), variance = ones_like(mean) * start;
        Tensor weight = ones(first, dtype: ScalarType.Float64, device: CPU) * weightOfFirst, judged = told.narrow(0, 0, first);
        for (int round = 0; round < Rounds; round++)
        {
            Tensor[] before = [weight, judged, mean, variance];
            using DisposeScope inner = NewDisposeScope();
            Tensor precision = variance.reciprocal(), scaled = mean * precision;
            Tensor constant = weight.log() - (variance.log().sum(1).Plus((mean * scaled).sum(1))) * s_half;
            Tensor logs = powers.matmul(cat([scaled, precision * s_minusHalf], 1).t()).Plus(constant); // [rows, components]
            Tensor best = logs.max(1, keepdim: true).values;
            Tensor parts = logs.masked_fill_(logs.lt(best - s_outOfReach), s_never).softmax(1).mul_(own);
            Tensor total = parts.sum(s_rows);
            Tensor kept = total.ge(least).logical_and((total * total).ge((parts * parts).sum(s_rows) * s_leastRows)).nonzero().flatten();
            if (kept.shape[0] == 0)
                kept = total.argmax().unsqueeze(0);
            weight = total.index_select(0, kept);
            judged = parts.t().matmul(told).index_select(0, kept) / weight.unsqueeze(1);
            mean = judged.narrow(1, 0, features);
            variance = (judged.narrow(1, features, features) - mean * mean).relu().Plus(floor);
            inner.MoveToOuter(weight, judged, mean, variance);
            foreach (Tensor old in before)
                old.Dispose();
        }
        double[] Of(Tensor values) => values.contiguous().data<double>().ToArray();
        (double[] weights, double[] means, double[] variances) = (Of(weight), Of(mean), Of(variance));
        double[] judgements = Of(judged.narrow(1, 2 * features, logLikelihoods.Count));
        double[] Row(double[] values, int k)
        {
            int width = values.Length / weights.Length;
            return values[(k * width)..((k + 1) * width)];
        }
        return [.. weights.Select((own, k) => new Component(own, Row(means, k), Row(variances, k), Row(judgements, k)))];
    }

    /// <summary>A Gaussian with a weight in rows, and their mean log-likelihood by each that judges.</summary>
    private sealed record Component(double Weight, double[] Mean, double[] Variance, double[] LogLikelihoods);
}
