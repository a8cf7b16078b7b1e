using System.Collections.Immutable;
using RealNvp.ML.Export;
using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Trainers.Training;

/// <summary>Turns a trained flow into plain data, with probes computed in double precision.</summary>
internal static class FlowFreezer
{
    /// <summary>Freezes the flow, which afterwards is on the CPU in double precision.</summary>
    public static FlowModel Freeze(Flow flow, int features, FlowMetadata metadata, int seed)
    {
        flow.eval();
        flow.cpu();
        using IDisposable guard = no_grad();
        ImmutableArray<Export.Steps.FlowStep> steps = [.. flow.Freeze()];
        return new FlowModel(FlowShape.Vector(features), steps, Calibration.None, metadata, Probes(flow, features, seed));
    }

    /// <summary>Samples of the flow itself: they lie where rows lie, and no training row travels with the model.</summary>
    private static ProbeSet Probes(Flow flow, int features, int seed)
    {
        using DisposeScope scope = NewDisposeScope();
        flow.to(ScalarType.Float64);
        using var generator = new Generator((ulong)(uint)seed, CPU);
        Tensor noise = randn([ProbeSet.StandardCount, features], dtype: ScalarType.Float64, generator: generator);
        Tensor rows = flow.Inverse(noise).to(ScalarType.Float32); // what a graph will be given
        (Tensor latent, _) = flow.forward(rows.to(ScalarType.Float64));
        Tensor logLikelihood = flow.LogLikelihood(rows.to(ScalarType.Float64));
        return new ProbeSet([.. rows.data<float>()], [.. logLikelihood.data<double>()], [.. latent.contiguous().data<double>()]);
    }
}
