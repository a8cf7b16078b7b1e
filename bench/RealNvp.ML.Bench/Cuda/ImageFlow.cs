using RealNvp.ML.Export;
using RealNvp.ML.Trainers;
using RealNvp.ML.Trainers.Data.Columns;
using RealNvp.ML.Trainers.Flows;
using RealNvp.ML.Trainers.Native;
using TorchSharp;

namespace RealNvp.ML.Bench.Cuda;

/// <summary>An image flow with random weights: what running it costs does not depend on what it has learned.</summary>
internal sealed record ImageFlow(string Name, ImageFlowOptions Options, FlowShape Shape)
{
    /// <summary>The small preset, for pictures of CIFAR-10's size.</summary>
    public static ImageFlow Small { get; } = new("the small preset", ImageFlowOptions.Small, FlowShape.Image(3, 32, 32));

    /// <summary>Values of a row.</summary>
    public int Pixels => Shape.Size;

    /// <inheritdoc/>
    public override string ToString()
        => $"{Name} ({Options.Scales} scales, {Options.Blocks} blocks of {Options.BaseWidth} maps), images of {Shape}";

    /// <summary>The flow.</summary>
    /// <exception cref="InvalidOperationException">libtorch, which builds it, is missing.</exception>
    public FlowModel Build()
    {
        TorchRuntime.Require();
        float[] ones = [.. Enumerable.Repeat(1f, Pixels)];
        using var random = new DeviceRandom(1, torch.CPU);
        // the start of a training is the identity, of which all nets may compute what they like
        using Flow flow = (Options with { IdentityStart = false }).For(Shape)
            .Build(new ColumnFacts(ones, ones, ones, ones), dropout: 0, seed: 1, random);
        flow.eval();
        return new FlowModel(Shape, [.. flow.Freeze()]);
    }

    /// <summary>Pixels of no picture.</summary>
    public void Fill(Span<float> rows)
    {
        var random = new Random(2);
        foreach (ref float value in rows)
            value = random.Next(Options.Levels);
    }
}
