using System.Collections.Immutable;
using RealNvp.ML.Export.Onnx;
using RealNvp.ML.Export.Storage;

namespace RealNvp.ML.Export.Steps;

/// <summary>
/// The first step of a flow of continuous maps, [N, C, H, W]: y = (x - mean) / standard deviation per channel, the same at all positions;
/// log|det| = -H W sum log(standard deviation).
/// </summary>
public sealed class ChannelStandardization : FlowStep
{
    /// <summary>Standardisation by these statistics.</summary>
    /// <param name="mean">One mean per channel, finite.</param>
    /// <param name="standardDeviation">One standard deviation per channel, positive: constant channels have been given a floor.</param>
    public ChannelStandardization(ImmutableArray<float> mean, ImmutableArray<float> standardDeviation)
    {
        _ = new Standardization(mean, standardDeviation); // the same is expected of them
        Mean = mean;
        StandardDeviation = standardDeviation;
    }

    /// <summary>The mean of each channel, in its units.</summary>
    public ImmutableArray<float> Mean { get; }

    /// <summary>The standard deviation of each channel, in its units.</summary>
    public ImmutableArray<float> StandardDeviation { get; }

    /// <inheritdoc/>
    public override FlowShape OutputShape(FlowShape input) => RequireImage(input, Mean.Length);

    /// <inheritdoc/>
    public override string Describe()
        => $"{Mean.Length} channels, standard deviations {StandardDeviation.Min():G3} to {StandardDeviation.Max():G3}";

    internal override void EmitDensity(DensityState state)
    {
        GraphNodes nodes = state.Nodes;
        string centred = nodes.Node("Sub", state.Image.Tensor, nodes.Constant(Mean.AsSpan(), Mean.Length, 1, 1));
        double[] scale = [.. StandardDeviation.Select(deviation => 1 / (double)deviation)];
        state.Image.Replace(nodes.Node("Mul", centred, nodes.Constant(scale, scale.Length, 1, 1)));
        state.AddImageConstantLogDet(-StandardDeviation.Sum(deviation => Math.Log(deviation)));
    }

    internal override void EmitSampling(FlowState state)
    {
        GraphNodes nodes = state.Nodes;
        string scaled = nodes.Node("Mul", state.Image.Tensor, nodes.Constant(StandardDeviation.AsSpan(), Mean.Length, 1, 1));
        string sample = nodes.Node("Add", scaled, nodes.Constant(Mean.AsSpan(), Mean.Length, 1, 1));
        state.Image.Replace(nodes.Node("Clip", sample, nodes.Scalar(float.MinValue), nodes.Scalar(float.MaxValue))); // as of tables
    }

    internal override void Save(StepWriter writer)
    {
        writer.Tensor("mean", Mean);
        writer.Tensor("standard_deviation", StandardDeviation);
    }

    internal static ChannelStandardization Load(StepReader reader) => new(reader.Tensor("mean"), reader.Tensor("standard_deviation"));
}
