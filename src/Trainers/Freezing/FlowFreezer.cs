using RealNvp.ML.Export;
using RealNvp.ML.Trainers.Flows;
using RealNvp.ML.Trainers.Flows.Steps;
using RealNvp.ML.Trainers.Flows.Steps.Images;
using RealNvp.ML.Trainers.Flows.Steps.Maps;
using RealNvp.ML.Trainers.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Trainers.Freezing;

/// <summary>Turns trained flows into plain data, with probes computed in double precision.</summary>
internal static class FlowFreezer
{
    /// <summary>Probes of an image beyond this size are fewer, for each takes seconds in double precision.</summary>
    private const int LargeImage = 1024, LargeImageProbes = 8;

    /// <summary>Evaluations in float32 by which probes are chosen.</summary>
    private const int Roundings = 4;

    private static readonly Scalar s_half = 0.5.ToScalar();
    private static readonly Scalar s_ulps = Math.Pow(2, -22).ToScalar(); // times -1/2 to 1/2: a unit in the last place or two

    /// <summary>Freezes a flow, or several as a mixture; afterwards they are on the CPU in double precision.</summary>
    /// <param name="flows">The members.</param>
    /// <param name="shape">The shape of a row.</param>
    /// <param name="metadata">What the model says of itself.</param>
    /// <param name="seed">Of the probes.</param>
    /// <param name="warn">Receives a word where float32 does not follow the flow.</param>
    /// <param name="tell">Receives what is being done.</param>
    /// <param name="cancellation">Ends it: large flows take minutes.</param>
    public static FlowModel Freeze(
        IReadOnlyList<Flow> flows, FlowShape shape, FlowMetadata metadata, int seed, Action<string> warn, Action<string>? tell = null,
        CancellationToken cancellation = default)
    {
        using IDisposable guard = no_grad();
        var members = new List<IEnumerable<Export.Steps.FlowStep>>();
        foreach ((int member, Flow flow) in flows.Index())
        {
            tell?.Invoke($"Freezing flow {member + 1} of {flows.Count}.");
            flow.eval();
            // TorchSharp moves gradients too, and asks the old one a last question while nothing holds it any more
            flow.ForgetGradients();
            flow.cpu();
            flow.to(ScalarType.Float64); // so that what is folded into weights is rounded once
            var steps = new List<Export.Steps.FlowStep>();
            foreach (FlowStepModule step in flow.Steps)
            {
                cancellation.ThrowIfCancellationRequested();
                steps.Add(step.Freeze());
            }
            members.Add(steps);
        }
        return new FlowModel(shape, members, Calibration.None, metadata, Probes(flows, shape, seed, warn, tell, cancellation),
            flows[0].Condition);
    }

    /// <summary>Samples of the flows themselves, in turn: they lie where rows lie, and no training row travels with the model.</summary>
    /// <remarks>
    /// A sharp density magnifies roundings, in some rows beyond what a graph is allowed, though the graph be right. So probes are rows
    /// where the flow's own float32 agrees with its double precision: there a graph that does not is wrong.
    /// </remarks>
    private static ProbeSet Probes(
        IReadOnlyList<Flow> flows, FlowShape shape, int seed, Action<string> warn, Action<string>? tell, CancellationToken cancellation)
    {
        using DisposeScope scope = NewDisposeScope();
        using var generator = new Generator((ulong)(uint)seed, CPU);
        int count = shape.IsImage && shape.Size > LargeImage ? LargeImageProbes : ProbeSet.StandardCount;
        LogitModule? logit = flows[0].Steps.OfType<LogitModule>().FirstOrDefault();
        var levels = (Export.Steps.Logit?)logit?.Freeze();
        var chosen = new ProbeChoice(count, levels?.Levels * (double?)levels?.LevelWidth);
        for (int round = 0; round < ProbeChoice.Rounds && !chosen.IsSettled; round++)
        {
            tell?.Invoke($"Computing {count} probe rows in double precision, round {round + 1} of at most {ProbeChoice.Rounds}.");
            var rows = new Tensor[count];
            foreach ((int member, Flow flow) in flows.Index())
            {
                cancellation.ThrowIfCancellationRequested();
                int[] own = [.. Enumerable.Range(0, count).Where(i => i % flows.Count == member)];
                if (own.Length == 0)
                    continue;
                // far out, a flow over heavy tails leaves float32
                using Scalar temperature = Math.Pow(0.25, Math.Max(0, round - 1)).ToScalar();
                Tensor noise = randn([own.Length, shape.Size], dtype: ScalarType.Float64, device: CPU,
                    generator: generator).mul_(temperature);
                Tensor? conditions = flow.Condition is null ? null : Conditions(flow.Condition, own, generator);
                Tensor samples = Samples(flow, noise, conditions);
                if (levels is not null)
                    samples = OnLevels(samples, levels, withEnds: round < ProbeChoice.Rounds / 2);
                if (conditions is not null)
                    samples = cat([samples, conditions], 1);
                foreach ((int i, int probe) in own.Index())
                    rows[probe] = samples.narrow(0, i, 1);
            }
            Tensor all = cat(rows);
            (Tensor Latents, Tensor LogLikelihoods) exact = Evaluate(flows, all.to(ScalarType.Float64), cancellation);
            chosen.Add(all.data<float>().ToArray(), (exact.Latents.data<double>().ToArray(), exact.LogLikelihoods.data<double>().ToArray()),
                Rounded(flows, all, exact.Latents.to(ScalarType.Float32), generator, cancellation));
        }
        if (chosen.Strayed > 0)
        {
            warn($"The density is so sharp that float32 does not follow it everywhere: of {count} rows drawn from the flow"
                + (logit is null ? "" : ", each with a pixel of the lowest and one of the top level,")
                + $" {chosen.Strayed} have a latent or log-likelihood that double precision tells otherwise by more than 1e-4 of it. "
                + $"Where that matters, train less, or with more Dropout{(logit is null ? " or Noise" : "; or with fewer Levels")}.");
        }
        ProbeSet probes = chosen.ToProbes(flows.Count);
        if (probes.Count == 0)
        {
            warn("Every row that the flow draws leaves what float32 can tell, so its graphs cannot be checked against it: codes for "
                + "missing values that many rows have, far from the others, do that. Scores are not affected; do not rely on samples, or "
                + "replace the codes.");
        }
        return probes;
    }

    /// <summary>
    /// What float32 makes of rows and of their latents, with the weights as they are and moved by a rounding up or down: one evaluation may
    /// happen to be close where others are not. The means of a standardisation stay: they are subtracted as they are in every graph, and
    /// where they are large their roundings would be a part of the spread.
    /// </summary>
    private static (float[] Latents, float[] LogLikelihoods, float[] Features)[] Rounded(
        IReadOnlyList<Flow> flows, Tensor rows, Tensor latents, Generator generator, CancellationToken cancellation)
    {
        var results = new (float[], float[], float[])[Roundings];
        foreach (Flow flow in flows)
            flow.to(ScalarType.Float32);
        Snapshot[] asTheyAre = [.. flows.Select(flow => new Snapshot(flow))];
        try
        {
            for (int i = 0; i < Roundings; i++)
            {
                if (i > 0)
                {
                    foreach (Tensor values in flows.SelectMany(flow => flow.Steps).SelectMany(Moved))
                        values.addcmul_(values, rand(values.shape, dtype: ScalarType.Float32, device: CPU, generator: generator)
                            .sub_(s_half), s_ulps);
                }
                (Tensor found, Tensor logLikelihoods) = Evaluate(flows, rows, cancellation);
                results[i] = (found.data<float>().ToArray(), logLikelihoods.data<float>().ToArray(), Features(flows, rows, latents));
                Array.ForEach(asTheyAre, snapshot => snapshot.Restore());
            }
        }
        finally
        {
            Array.ForEach(asTheyAre, snapshot => snapshot.Dispose());
        }
        foreach (Flow flow in flows)
            flow.to(ScalarType.Float64);
        return results;
    }

    /// <summary>The numbers of a step that a graph may hold otherwise rounded, or folded into others.</summary>
    private static IEnumerable<Tensor> Moved(FlowStepModule step) => step.state_dict()
        .Where(named => named.Value.is_floating_point() && !(step is StandardizationModule && named.Key == StandardizationModule.MeanName)
            && !(step is ChannelStandardizationModule && named.Key == ChannelStandardizationModule.MeanName))
        .Select(named => named.Value);

    /// <summary>What comes back from latents, each by its own member, under the conditions of the rows.</summary>
    private static float[] Features(IReadOnlyList<Flow> flows, Tensor rows, Tensor latents)
    {
        using DisposeScope scope = NewDisposeScope();
        long size = latents.shape[1], values = rows.shape[1] - size;
        Tensor[] features = [.. flows.Select(flow => flow.Inverse(latents, values > 0 ? rows.narrow(1, size, values) : null))];
        return cat([.. Enumerable.Range(0, (int)rows.shape[0]).Select(i => features[i % flows.Count].narrow(0, i, 1))])
            .data<float>().ToArray();
    }

    /// <summary>What a graph will be given.</summary>
    private static Tensor Samples(Flow flow, Tensor noise, Tensor? conditions)
    {
        using DisposeScope scope = NewDisposeScope(); // a pass of a large image flow leaves a gigabyte of temporaries
        return flow.Inverse(noise, conditions?.to(ScalarType.Float64)).to(ScalarType.Float32).MoveToOuterDisposeScope();
    }

    /// <summary>
    /// Conditions of probes: normal ones by the statistics of the training rows, of which none travels. Where they may be unknown, a value
    /// of every fourth probe is, and of every eighth all.
    /// </summary>
    private static Tensor Conditions(FlowCondition condition, int[] probes, Generator generator)
    {
        using DisposeScope scope = NewDisposeScope();
        int size = condition.Size;
        float[] values = randn([probes.Length, size], dtype: ScalarType.Float32, device: CPU, generator: generator).data<float>().ToArray();
        for (int i = 0; i < values.Length; i++)
        {
            (int probe, int j) = (probes[i / size], i % size);
            bool isUnknown = condition.MayBeUnknown && (probe % 8 == 0 || (probe % 4 == 0 && j == probe / 4 % size));
            values[i] = isUnknown ? float.NaN : condition.At(j, values[i]);
        }
        return tensor(values, [probes.Length, size], dtype: ScalarType.Float32, device: CPU).MoveToOuterDisposeScope();
    }

    /// <summary>The latent of each row under its own member, and its log-likelihood under all.</summary>
    private static (Tensor Latents, Tensor LogLikelihoods) Evaluate(IReadOnlyList<Flow> flows, Tensor rows, CancellationToken cancellation)
    {
        using DisposeScope scope = NewDisposeScope();
        (Tensor Latent, Tensor LogLikelihood)[] results = [.. flows.Select(flow =>
        {
            cancellation.ThrowIfCancellationRequested();
            return flow.LatentAndLogLikelihood(rows);
        })];
        using Scalar logCount = Math.Log(flows.Count).ToScalar();
        Tensor logLikelihoods = stack(results.Select(result => result.LogLikelihood)).logsumexp(0) - logCount;
        Tensor latents = cat([.. Enumerable.Range(0, (int)rows.shape[0]).Select(i => results[i % flows.Count].Latent.narrow(0, i, 1))]);
        return scope.MoveToOuter(latents, logLikelihoods);
    }

    /// <summary>
    /// Samples as the images that they stand for, and with ends, in each one pixel of the lowest and one of the top level, where a logit is
    /// steepest.
    /// </summary>
    private static Tensor OnLevels(Tensor samples, Export.Steps.Logit logit, bool withEnds)
    {
        using Scalar width = logit.LevelWidth.ToScalar(), lowest = 0.0.ToScalar(), top = (logit.Levels - 1.0).ToScalar();
        Tensor images = (samples / width).round().clamp(lowest, top) * width;
        using Scalar topValue = ((logit.Levels - 1) * logit.LevelWidth).ToScalar();
        long size = samples.shape[1];
        for (long i = 0; withEnds && i < samples.shape[0]; i++)
        {
            images[i].narrow(0, i * 37 % size, 1).fill_(lowest);
            images[i].narrow(0, (i * 37 + size / 2) % size, 1).fill_(topValue);
        }
        return images;
    }
}
