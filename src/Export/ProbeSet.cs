using System.Collections.Immutable;

namespace RealNvp.ML.Export;

/// <summary>
/// Rows that travel with a model together with what the trained flow computed for them in double precision, so that whoever exports or
/// loads it, without libtorch, can check that a graph agrees.
/// </summary>
public sealed class ProbeSet
{
    /// <summary>The number of probes that training stores.</summary>
    internal const int StandardCount = 64;

    /// <summary>Probes from flat arrays.</summary>
    /// <param name="rows">Inputs, [n, size], row-major.</param>
    /// <param name="logLikelihoods">Reference log-likelihoods in nats, [n].</param>
    /// <param name="latents">Reference latents, [n, size].</param>
    /// <param name="conditions">The condition of each input, [n, values of a condition]; none where the flow has no condition.</param>
    /// <exception cref="ArgumentException">The lengths do not fit each other.</exception>
    public ProbeSet(ImmutableArray<float> rows, ImmutableArray<double> logLikelihoods, ImmutableArray<double> latents,
        ImmutableArray<float> conditions = default)
    {
        if (rows.Length != latents.Length || (logLikelihoods.Length == 0 ? rows.Length != 0 : rows.Length % logLikelihoods.Length != 0))
        {
            throw new ArgumentException(
                $"Probes of {rows.Length} inputs, {logLikelihoods.Length} log-likelihoods and {latents.Length} latents do not fit.");
        }
        Rows = rows;
        LogLikelihoods = logLikelihoods;
        Latents = latents;
        Conditions = conditions.IsDefault ? [] : conditions;
    }

    /// <summary>No probes: nothing can be checked.</summary>
    public static ProbeSet Empty { get; } = new([], [], []);

    /// <summary>The number of probes.</summary>
    public int Count => LogLikelihoods.Length;

    /// <summary>Inputs, [Count, size].</summary>
    public ImmutableArray<float> Rows { get; }

    /// <summary>Reference log-likelihoods in nats, in the units of the input column.</summary>
    public ImmutableArray<double> LogLikelihoods { get; }

    /// <summary>Reference latents, [Count, size]; in a mixture of m members, probe i has the latent of member i mod m.</summary>
    public ImmutableArray<double> Latents { get; }

    /// <summary>The condition of each input, [Count, values of a condition]; empty where the flow has no condition.</summary>
    public ImmutableArray<float> Conditions { get; }
}
