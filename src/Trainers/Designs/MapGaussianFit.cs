using RealNvp.ML.Trainers.Data.Columns;
using RealNvp.ML.Trainers.Data.Rows;
using RealNvp.ML.Trainers.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Trainers.Designs;

/// <summary>
/// Fits the Gaussian that a flow of continuous maps starts as. The correlations of the channels are those of all positions, shrunk (see
/// <see cref="ShrunkCovariance"/>), for a position by itself has no more samples than there are maps; means and variances are those of the
/// position, drawn towards those of all positions as if there were so many more maps. Whether positions have their own, and how far they
/// are drawn, is what makes maps most likely that the fit has not seen: every fifth. All of it is said of maps with the noise of training,
/// for that is what training learns.
/// </summary>
internal static class MapGaussianFit
{
    private const int HeldOut = 5, MostHeldOut = 32;

    /// <summary>Values of maps that are looked at: more add nothing, and take gigabytes.</summary>
    private const int MostValues = 1 << 26;

    /// <summary>Positions that correlations are told from, and held-out ones that choose them: they are alike within a map.</summary>
    private const int MostPositions = 1 << 15, MostHeldOutPositions = 1 << 12;

    private static readonly double[] s_shares = [1e-5, 1e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1, 0.3, 1];

    /// <summary>Maps that the common means and variances may count for.</summary>
    private static readonly double[] s_meanMaps = [0, 1, 3, 10, 30, 100, 300], s_varianceMaps = [1, 3, 10, 30, 100, 300, 1000];

    /// <summary>The Gaussian of maps.</summary>
    /// <param name="rows">Maps, planar.</param>
    /// <param name="facts">The means and deviations of their channels, by which they are standardised.</param>
    /// <param name="channels">C.</param>
    /// <param name="ofPositions">Whether positions may have means and deviations of their own.</param>
    /// <param name="seed">Of the positions that correlations are told from.</param>
    public static MapGaussian Of(WeightedRows rows, ColumnFacts facts, int channels, bool ofPositions, int seed)
    {
        using IDisposable guard = no_grad();
        using DisposeScope scope = NewDisposeScope();
        int count = Math.Clamp(MostValues / rows.Features, 1, rows.Count), positions = rows.Features / channels;
        float[] deviations = [.. Enumerable.Range(0, channels).Select(channel => facts.StandardDeviation[channel * positions])];
        Tensor x = Standardised(rows, facts, count, channels);
        Tensor noise = tensor(facts.MapNoise.Zip(deviations, (added, deviation) => added / deviation).ToArray(), dtype: ScalarType.Float32,
            device: CPU).unsqueeze(1); // [C, 1]
        Tensor weights = tensor(rows.Weights, dtype: ScalarType.Float32, device: CPU).narrow(0, 0, count);
        var random = new Random(seed);
        using var drawn = new Generator((ulong)(uint)seed, CPU);
        long[] unseen = [.. Enumerable.Range(0, count).Where(i => i % HeldOut == HeldOut - 1).Select(i => (long)i).Take(MostHeldOut)];
        Candidate best = unseen.Length == 0 ? new(false, s_shares[^2], 1) : Choose();
        MapMoments all = MapMoments.Of(x, weights, noise, best.ByPosition, random);
        (Tensor whitening, Tensor _) = Whitening(all, best);
        if (!best.ByPosition)
            return new(FloatTensors.Array(whitening), [], []) { Shrinkage = best.Share, Power = best.Power };
        (Tensor mean, Tensor variance) = all.Whitened(whitening);
        return new(FloatTensors.Array(whitening), FloatTensors.Array(Drawn(mean, all.Maps, best.MeanMaps)),
            FloatTensors.Array(Drawn(variance, all.Maps, best.VarianceMaps, towards: 1).sqrt()))
        {
            Shrinkage = best.Share,
            Power = best.Power,
            MeanMaps = best.MeanMaps,
            VarianceMaps = best.VarianceMaps,
        };

        Candidate Choose()
        {
            Tensor others = tensor(unseen, device: CPU);
            Tensor seen = tensor(Enumerable.Range(0, count).Select(i => (long)i).Except(unseen).ToArray(), device: CPU);
            (Tensor known, Tensor knownWeights) = (x.index_select(0, seen), weights.index_select(0, seen));
            (Tensor asked, Tensor askedWeights) = (x.index_select(0, others), weights.index_select(0, others));
            return (ofPositions ? new[] { false, true } : [false]).Select(byPosition =>
            {
                using DisposeScope inner = NewDisposeScope();
                MapMoments sample = MapMoments.Of(known, knownWeights, noise, byPosition, random);
                (Tensor held, Tensor heldWeights) = MapMoments.AtRandom(asked - sample.Mean, askedWeights, MostHeldOutPositions, random);
                held = held.Plus(randn(held.shape, ScalarType.Float64, CPU, generator: drawn) * noise.t());
                ShrunkCovariance.ShareAndPower choice = ShrunkCovariance.Choose(zeros(channels, ScalarType.Float64, CPU), sample.Covariance,
                    held, heldWeights, s_shares, deviations, facts.Unvaried);
                var candidate = new Candidate(byPosition, choice.Share, choice.Power) { LogLikelihood = choice.LogLikelihood };
                return byPosition ? OfPositions(candidate, sample, asked, askedWeights) : candidate;
            }).MaxBy(candidate => candidate.LogLikelihood)!;
        }

        Candidate OfPositions(Candidate candidate, MapMoments sample, Tensor asked, Tensor askedWeights)
        {
            (Tensor whitening, Tensor logDet) = Whitening(sample, candidate);
            (Tensor mean, Tensor variance) = sample.Whitened(whitening);
            Tensor z = whitening.matmul(asked), added = (whitening * whitening).matmul(noise * noise);
            Tensor share = (askedWeights / askedWeights.sum()).reshape(-1, 1, 1);
            double offset = logDet.item<double>();
            double LogLikelihood(double meanMaps, double varianceMaps)
            {
                using DisposeScope inner = NewDisposeScope();
                Tensor off = z - Drawn(mean, sample.Maps, meanMaps), scale = Drawn(variance, sample.Maps, varianceMaps, towards: 1);
                double squares = ((off * off).Plus(added) / scale * share).sum().to(ScalarType.Float64).item<double>();
                return offset - 0.5 * (squares + scale.log().sum().to(ScalarType.Float64).item<double>()) / positions;
            }
            double middle = s_varianceMaps[s_varianceMaps.Length / 2];
            double bestMean = s_meanMaps.MaxBy(maps => LogLikelihood(maps, middle));
            double bestVariance = s_varianceMaps.MaxBy(maps => LogLikelihood(bestMean, maps));
            return candidate with
            {
                MeanMaps = bestMean,
                VarianceMaps = bestVariance,
                LogLikelihood = LogLikelihood(bestMean, bestVariance),
            };
        }

        (Tensor Whitening, Tensor LogDet) Whitening(MapMoments sample, Candidate candidate)
        {
            (Tensor axes, Tensor variances) = ShrunkCovariance.Axes(sample.Covariance, candidate.Share,
                ShrunkCovariance.Target(deviations, facts.Unvaried, candidate.Power, ScalarType.Float64));
            // axes of large variance first
            return ((axes / variances.sqrt().unsqueeze(1)).flip(0).to(ScalarType.Float32), variances.sqrt().log().sum().neg());
        }
    }

    /// <summary>A choice, and what it makes of held-out maps: of a position, without what no choice changes.</summary>
    private sealed record Candidate(bool ByPosition, double Share, double Power)
    {
        public double MeanMaps { get; init; }

        public double VarianceMaps { get; init; }

        public double LogLikelihood { get; init; }
    }

    /// <summary>What maps say: means [C, P] of each position, or [C, 1] of all, and the covariance about them.</summary>
    private sealed record MapMoments(Tensor X, Tensor Weights, Tensor Noise, Tensor Mean, Tensor Covariance, double Maps)
    {
        /// <summary>Of maps [n, C, P] with weights [n], to which noise of deviations [C, 1] is added.</summary>
        public static MapMoments Of(Tensor x, Tensor weights, Tensor noise, bool byPosition, Random random)
        {
            Tensor share = (weights / weights.sum()).reshape(-1, 1, 1), mean = (x * share).sum([0]);
            if (!byPosition)
                mean = mean.mean([1], keepdim: true);
            double maps = 1 / (share * share).sum().item<float>(); // as many of equal weight tell as much
            (Tensor rows, Tensor rowWeights) = AtRandom(x - mean, weights, MostPositions, random);
            Tensor covariance = ShrunkCovariance.Moments(rows, rowWeights).Covariance;
            covariance = (byPosition ? Unbiased(covariance, maps) : covariance)
                .Plus((noise * noise).squeeze(1).to(ScalarType.Float64).diag());
            // a channel without any variance stays in its units
            using Scalar none = 0.0.ToScalar();
            covariance = covariance.Plus(covariance.diagonal().eq(none).to(ScalarType.Float64).diag());
            return new(x, weights, noise, mean, covariance, maps);
        }

        /// <summary>Channels at random positions of all maps, [m, C], and their weights [m].</summary>
        public static (Tensor Values, Tensor Weights) AtRandom(Tensor x, Tensor weights, int most, Random random)
        {
            (long count, long channels, long positions) = (x.shape[0], x.shape[1], x.shape[2]);
            long each = Math.Clamp(most / count, 1, positions);
            long[] at = [.. Enumerable.Range(0, (int)count).SelectMany(map =>
            {
                long[] order = [.. Enumerable.Range(0, (int)positions).Select(i => map * positions + i)];
                if (each < positions)
                    random.Shuffle(order);
                return order.Take((int)each);
            })];
            return (x.permute(0, 2, 1).reshape(-1, channels).index_select(0, tensor(at, device: CPU)).to(ScalarType.Float64),
                weights.unsqueeze(1).expand(-1, each).reshape(-1).to(ScalarType.Float64));
        }

        /// <summary>Means and variances [C, P] of each position after a linear map of the channels.</summary>
        public (Tensor Mean, Tensor Variance) Whitened(Tensor whitening)
        {
            Tensor mean = whitening.matmul(Mean), variance = zeros_like(mean), share = Weights / Weights.sum();
            using Scalar one = 1.0.ToScalar();
            for (long i = 0; i < X.shape[0]; i++)
            {
                using DisposeScope inner = NewDisposeScope();
                Tensor off = whitening.matmul(X[i]) - mean;
                variance.add_(off * off * share[i], one);
            }
            return (mean, Unbiased(variance, Maps).Plus((whitening * whitening).matmul(Noise * Noise)));
        }
    }

    /// <summary>Statistics of each position, drawn towards a common value as if so many more maps had it.</summary>
    private static Tensor Drawn(Tensor own, double maps, double common, double towards = 0)
    {
        using Scalar share = (maps / (maps + common)).ToScalar(), rest = (towards * common / (maps + common)).ToScalar();
        return own.mul(share).Plus(rest);
    }

    /// <summary>Variances about means that the same maps tell are too small by this.</summary>
    private static Tensor Unbiased(Tensor variance, double maps)
    {
        using Scalar factor = (maps > 1 ? maps / (maps - 1) : 1).ToScalar();
        return variance.mul(factor);
    }

    /// <summary>Maps with standardised channels, [n, C, P].</summary>
    private static Tensor Standardised(WeightedRows rows, ColumnFacts facts, int count, int channels)
    {
        Tensor x = tensor(rows.Values, [rows.Count, rows.Features], dtype: ScalarType.Float32, device: CPU).narrow(0, 0, count);
        return ((x - FloatTensors.Of(facts.Mean)) / FloatTensors.Of(facts.StandardDeviation)).reshape(count, channels, -1);
    }
}
