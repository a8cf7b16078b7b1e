using System.Numerics.Tensors;
using RealNvp.ML.Export;
using RealNvp.ML.Transforms;
using RealNvp.ML.Transforms.Parity;

namespace RealNvp.ML.Trainers.Freezing;

/// <summary>
/// Chooses probes among candidates that come in rounds: for each place the candidate that float32 follows best, to its latent and back. One
/// round is all where it follows all of that closely. A place belongs to a member of a mixture.
/// </summary>
/// <param name="count">The number of probes, and of candidates in a round.</param>
/// <param name="range">The width of all bins of pixels together; null where values are none.</param>
internal sealed class ProbeChoice(int count, double? range = null)
{
    /// <summary>The most rounds.</summary>
    public const int Rounds = 4;

    /// <summary>The share of what a graph may be off by that float32 may be off by: other runtimes round otherwise.</summary>
    private const double Close = 0.25;

    /// <summary>The same of what comes back from a latent, where no further candidate is drawn.</summary>
    private const double CloseEnough = 0.5;

    /// <summary>
    /// Values beyond this are too near the end of float32, where samples are cut off: they do not come back from their latents.
    /// </summary>
    private const float MostMagnitude = 1e30f;

    private readonly Candidate[] _best = new Candidate[count];
    private bool _any;
    private int _features; // of a row, before its condition

    /// <summary>Whether no further candidate is needed.</summary>
    public bool IsSettled => _any && _best.All(probe => probe.Error <= Close);

    /// <summary>
    /// Candidates of the first round that float32 strays from by more than a graph may, or in an element of the latent by more than 1e-4 of
    /// that.
    /// </summary>
    public int Strayed { get; private set; }

    /// <summary>Takes a round.</summary>
    /// <param name="rows">The candidates, [count, size], or [count, size + condition]: what exceeds the latents.</param>
    /// <param name="exact">Their latents [count, size] and log-likelihoods [count], in double precision.</param>
    /// <param name="rounded">The same in float32, rounded in several ways, and what comes back from the latents, [count, size].</param>
    public void Add(float[] rows, (double[] Latents, double[] LogLikelihoods) exact,
        IReadOnlyList<(float[] Latents, float[] LogLikelihoods, float[] Features)> rounded)
    {
        int size = exact.Latents.Length / count, width = rows.Length / count;
        _features = size;
        Func<int, double, double> allowed = FlowParity.FeatureTolerance(
            [.. Enumerable.Range(0, count).SelectMany(i => rows[(i * width)..(i * width + size)])], size, range);
        for (int i = 0; i < count; i++)
        {
            float[] row = rows[(i * width)..((i + 1) * width)];
            double logLikelihood = exact.LogLikelihoods[i], density = 0, elements = 0;
            var back = new double[size];
            foreach ((float[] latents, float[] logLikelihoods, float[] features) in rounded)
            {
                density = Math.Max(density, Math.Abs(logLikelihoods[i] - logLikelihood) / FlowParity.LogLikelihoodTolerance(logLikelihood,
                    size));
                double tolerance = FlowParity.LatentTolerance(exact.Latents.AsSpan(i * size, size));
                for (int j = 0; j < size; j++)
                {
                    double latent = exact.Latents[i * size + j], difference = Math.Abs(latents[i * size + j] - latent);
                    density = Math.Max(density, difference / tolerance); // NaN stays
                    elements = Math.Max(elements, difference / FlowParity.LatentTolerance([latent]));
                    back[j] = Math.Max(back[j], Math.Abs((double)features[i * size + j] - row[j]));
                }
            }
            if (double.IsNaN(density) || Math.Abs(TensorPrimitives.MaxMagnitude(row.AsSpan(0, size))) > MostMagnitude)
                density = double.PositiveInfinity;
            if (!_any && Math.Max(density, elements) > 1)
                Strayed++;
            double error = Math.Max(density, TimesAllowed(row, back, allowed));
            if (!_any || error < _best[i].Error)
                _best[i] = new(error, density, row, exact.Latents[(i * size)..((i + 1) * size)], logLikelihood, back);
        }
        _any = true;
    }

    /// <summary>
    /// The choice. Places where float32 follows no candidate are left out, all of a round through the members together: what torch's own
    /// float32 cannot do says nothing of a graph. Of those whose densities it does not follow the best quarter remains.
    /// None remains where every candidate left float32 altogether, or comes back from its latent nowhere near.
    /// </summary>
    /// <param name="members">The members of a mixture, to which places belong in turn.</param>
    public ProbeSet ToProbes(int members = 1)
    {
        Candidate[][] rounds = [.. _best.Chunk(members)];
        double[] errors = [.. rounds.Select(round => round.Max(probe => probe.Density)).Order()];
        double most = Math.Max(1, errors[Math.Max(0, errors.Length / 4 - 1)]);
        rounds = [.. rounds.Where(round => round.Max(probe => probe.Density) is var error && error <= most && double.IsFinite(error))];
        while (rounds.Length > 0)
        {
            // what features may be off by follows their spread over the probes, so the others are asked again where one is left out
            Func<int, double, double> allowed = FlowParity.FeatureTolerance(
                [.. rounds.SelectMany(round => round).SelectMany(probe => probe.Row[.._features])], _features, range);
            Candidate[][] kept = [.. rounds
                .Where(round => round.All(probe => TimesAllowed(probe.Row, probe.Back, allowed) <= CloseEnough))];
            if (kept.Length == rounds.Length)
                break;
            rounds = kept;
        }
        Candidate[] probes = [.. rounds.SelectMany(round => round)];
        return new ProbeSet([.. probes.SelectMany(probe => probe.Row[.._features])], [.. probes.Select(probe => probe.LogLikelihood)],
            [.. probes.SelectMany(probe => probe.Latent)], [.. probes.SelectMany(probe => probe.Row[_features..])]);
    }

    /// <summary>How many times what it may be is what comes back from a latent off; infinite where it is not a number.</summary>
    private static double TimesAllowed(float[] row, double[] off, Func<int, double, double> allowed) => off.Any(double.IsNaN)
        ? double.PositiveInfinity
        : off.Index().Max(element => element.Item == 0 ? 0 : element.Item / allowed(element.Index, row[element.Index]));

    /// <summary>A row, what the flow computes of it in double precision, and how far float32 is off.</summary>
    /// <param name="Error">By the larger of what follows, as a share of what is allowed.</param>
    /// <param name="Density">By its log-likelihood or its latent, as a share of what is allowed.</param>
    /// <param name="Row">The row, with its condition.</param>
    /// <param name="Latent">Its latent.</param>
    /// <param name="LogLikelihood">Its log-likelihood.</param>
    /// <param name="Back">By each feature that comes back from the latent, in its unit.</param>
    private sealed record Candidate(double Error, double Density, float[] Row, double[] Latent, double LogLikelihood, double[] Back);
}
