using System.Collections.Immutable;
using RealNvp.ML.Export;
using RealNvp.ML.Trainers.Steps;
using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Trainers.Training;

/// <summary>Turns trained flows into plain data, with probes computed in double precision.</summary>
internal static class FlowFreezer
{
    /// <summary>Probes of an image beyond this size are fewer, for each takes seconds in double precision.</summary>
    private const int LargeImage = 1024, LargeImageProbes = 8;

    /// <summary>Freezes a flow, or several as a mixture; afterwards they are on the CPU in double precision.</summary>
    public static FlowModel Freeze(IReadOnlyList<Flow> flows, FlowShape shape, FlowMetadata metadata, int seed)
    {
        using IDisposable guard = no_grad();
        var members = new List<ImmutableArray<Export.Steps.FlowStep>>();
        foreach (Flow flow in flows)
        {
            flow.eval();
            flow.cpu();
            members.Add([.. flow.Freeze()]);
            flow.to(ScalarType.Float64);
        }
        return new FlowModel(shape, members.ConvertAll<IEnumerable<Export.Steps.FlowStep>>(steps => steps), Calibration.None, metadata, Probes(flows, shape, seed));
    }

    /// <summary>Samples of the flows themselves, in turn: they lie where rows lie, and no training row travels with the model.</summary>
    private static ProbeSet Probes(IReadOnlyList<Flow> flows, FlowShape shape, int seed)
    {
        using DisposeScope scope = NewDisposeScope();
        using var generator = new Generator((ulong)(uint)seed, CPU);
        int count = shape.IsImage && shape.Size > LargeImage ? LargeImageProbes : ProbeSet.StandardCount;
        var rows = new Tensor[count];
        foreach ((int member, Flow flow) in flows.Index())
        {
            int[] own = [.. Enumerable.Range(0, count).Where(i => i % flows.Count == member)];
            if (own.Length == 0)
                continue;
            Tensor noise = randn([own.Length, shape.Size], dtype: ScalarType.Float64, generator: generator);
            Tensor samples = flow.Inverse(noise).to(ScalarType.Float32); // what a graph will be given
            if (flow.Steps.First() is Logit logit)
                samples = OnLevels(samples, (Export.Steps.Logit)logit.Freeze());
            foreach ((int i, int probe) in own.Index())
                rows[probe] = samples.narrow(0, i, 1);
        }
        Tensor all = cat(rows);
        (Tensor Latent, Tensor LogLikelihood)[] results = [.. flows.Select(flow => flow.LatentAndLogLikelihood(all.to(ScalarType.Float64)))];
        using Scalar logCount = Math.Log(flows.Count).ToScalar();
        Tensor logLikelihoods = stack(results.Select(result => result.LogLikelihood)).logsumexp(0) - logCount;
        Tensor latents = cat([.. rows.Select((_, i) => results[i % flows.Count].Latent.narrow(0, i, 1))]);
        return new ProbeSet([.. all.data<float>()], [.. logLikelihoods.data<double>()], [.. latents.data<double>()]);
    }

    /// <summary>Samples as the images that they stand for, and in each one pixel of the lowest and one of the top level, where a logit is steepest.</summary>
    private static Tensor OnLevels(Tensor samples, Export.Steps.Logit logit)
    {
        using Scalar width = logit.LevelWidth.ToScalar(), lowest = 0.0.ToScalar(), top = (logit.Levels - 1.0).ToScalar();
        Tensor images = (samples / width).round().clamp(lowest, top) * width;
        using Scalar topValue = ((logit.Levels - 1) * logit.LevelWidth).ToScalar();
        long size = samples.shape[1];
        for (long i = 0; i < samples.shape[0]; i++)
        {
            images[i].narrow(0, i * 37 % size, 1).fill_(lowest);
            images[i].narrow(0, (i * 37 + size / 2) % size, 1).fill_(topValue);
        }
        return images;
    }
}
