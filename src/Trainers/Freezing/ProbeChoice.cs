using System.Numerics.Tensors;
using RealNvp.ML.Export;
using RealNvp.ML.Transforms;
using RealNvp.ML.Transforms.Parity;

namespace RealNvp.ML.Trainers.Freezing;

/// <summary>
/// Chooses probes among candidates that come in rounds: for each place the candidate that float32 follows best. One round is all where it
/// follows all of that closely. A place belongs to a member of a mixture.
/// </summary>
/// <param name="count">The number of probes, and of candidates in a round.</param>
internal sealed class ProbeChoice(int count)
{
    /// <summary>The most rounds.</summary>
    public const int Rounds = 4;

    /// <summary>The share of what a graph may be off by that float32 may be off by: other runtimes round otherwise.</summary>
    private const double Close = 0.25;

    /// <summary>
    /// Values beyond this are too near the end of float32, where samples are cut off: they do not come back from their latents.
    /// </summary>
    private const float MostMagnitude = 1e30f;

    private readonly (double Error, float[] Row, double[] Latent, double LogLikelihood)[] _best =
        new (double, float[], double[], double)[count];
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
    /// <param name="rounded">The same in float32, rounded in several ways.</param>
    public void Add(float[] rows, (double[] Latents, double[] LogLikelihoods) exact,
        IReadOnlyList<(float[] Latents, float[] LogLikelihoods)> rounded)
    {
        int size = exact.Latents.Length / count, width = rows.Length / count;
        _features = size;
        for (int i = 0; i < count; i++)
        {
            double logLikelihood = exact.LogLikelihoods[i], error = 0, elements = 0;
            foreach ((float[] latents, float[] logLikelihoods) in rounded)
            {
                error = Math.Max(error, Math.Abs(logLikelihoods[i] - logLikelihood) / FlowParity.LogLikelihoodTolerance(logLikelihood,
                    size));
                double tolerance = FlowParity.LatentTolerance(exact.Latents.AsSpan(i * size, size));
                for (int j = i * size; j < (i + 1) * size; j++)
                {
                    double difference = Math.Abs(latents[j] - exact.Latents[j]);
                    error = Math.Max(error, difference / tolerance); // NaN stays
                    elements = Math.Max(elements, difference / FlowParity.LatentTolerance([exact.Latents[j]]));
                }
            }
            if (double.IsNaN(error) || Math.Abs(TensorPrimitives.MaxMagnitude(rows.AsSpan(i * width, size))) > MostMagnitude)
                error = double.PositiveInfinity;
            if (!_any && Math.Max(error, elements) > 1)
                Strayed++;
            if (!_any || error < _best[i].Error)
                _best[i] = (error, rows[(i * width)..((i + 1) * width)], exact.Latents[(i * size)..((i + 1) * size)], logLikelihood);
        }
        _any = true;
    }

    /// <summary>
    /// The choice. Places where float32 follows no candidate are left out, all of a round through the members together, as long as a
    /// quarter remains, that which it follows best: what torch's own float32 cannot do says nothing of a graph. None remains where every
    /// candidate left float32 altogether.
    /// </summary>
    /// <param name="members">The members of a mixture, to which places belong in turn.</param>
    public ProbeSet ToProbes(int members = 1)
    {
        (double Error, float[] Row, double[] Latent, double LogLikelihood)[][] rounds = [.. _best.Chunk(members)];
        double[] errors = [.. rounds.Select(round => round.Max(probe => probe.Error)).Order()];
        double most = Math.Max(1, errors[Math.Max(0, errors.Length / 4 - 1)]);
        (double Error, float[] Row, double[] Latent, double LogLikelihood)[] kept =
            [.. rounds.Where(round => round.Max(probe => probe.Error) is var error && error <= most && double.IsFinite(error))
                .SelectMany(round => round)];
        return new ProbeSet([.. kept.SelectMany(probe => probe.Row[.._features])], [.. kept.Select(probe => probe.LogLikelihood)],
            [.. kept.SelectMany(probe => probe.Latent)], [.. kept.SelectMany(probe => probe.Row[_features..])]);
    }
}
