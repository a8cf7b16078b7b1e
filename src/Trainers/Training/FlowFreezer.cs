using System.Collections.Immutable;
using RealNvp.ML.Export;
using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Trainers.Training;

/// <summary>Turns trained flows into plain data, with probes computed in double precision.</summary>
internal static class FlowFreezer
{
    /// <summary>Freezes a flow, or several as a mixture; afterwards they are on the CPU in double precision.</summary>
    public static FlowModel Freeze(IReadOnlyList<Flow> flows, int features, FlowMetadata metadata, int seed)
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
        return new FlowModel(FlowShape.Vector(features), members.ConvertAll<IEnumerable<Export.Steps.FlowStep>>(steps => steps), Calibration.None, metadata, Probes(flows, features, seed));
    }

    /// <summary>Samples of the flows themselves, in turn: they lie where rows lie, and no training row travels with the model.</summary>
    private static ProbeSet Probes(IReadOnlyList<Flow> flows, int features, int seed)
    {
        using DisposeScope scope = NewDisposeScope();
        using var generator = new Generator((ulong)(uint)seed, CPU);
        var rows = new Tensor[ProbeSet.StandardCount];
        var latents = new Tensor[ProbeSet.StandardCount];
        for (int i = 0; i < rows.Length; i++)
        {
            Flow flow = flows[i % flows.Count];
            Tensor noise = randn([1, features], dtype: ScalarType.Float64, generator: generator);
            rows[i] = flow.Inverse(noise).to(ScalarType.Float32); // what a graph will be given
            latents[i] = flow.forward(rows[i].to(ScalarType.Float64)).Latent;
        }
        Tensor all = cat(rows);
        Tensor doubles = all.to(ScalarType.Float64);
        using Scalar logCount = Math.Log(flows.Count).ToScalar();
        Tensor logLikelihoods = stack(flows.Select(flow => flow.LogLikelihood(doubles))).logsumexp(0) - logCount;
        return new ProbeSet([.. all.data<float>()], [.. logLikelihoods.data<double>()], [.. cat(latents).data<double>()]);
    }
}
