using System.Collections.Immutable;
using RealNvp.ML.Export.Onnx;
using RealNvp.ML.Export.Storage;

namespace RealNvp.ML.Export.Steps;

/// <summary>
/// The first step of a vector flow: y = (x - mean) / standard deviation per feature; log|det| = -sum log(standard deviation).
/// </summary>
public sealed class Standardization : FlowStep
{
    /// <summary>Standardisation by these statistics.</summary>
    /// <param name="mean">One mean per feature, finite.</param>
    /// <param name="standardDeviation">One standard deviation per feature, positive: constant columns have been given a floor.</param>
    public Standardization(ImmutableArray<float> mean, ImmutableArray<float> standardDeviation)
    {
        if (mean.Length != standardDeviation.Length || mean.IsEmpty)
            throw new FlowModelException(
                $"expects as many means as standard deviations, found {mean.Length} and {standardDeviation.Length}.");
        if (mean.Any(value => !float.IsFinite(value)) || standardDeviation.Any(value => !(value > 0 && float.IsFinite(value))))
            throw new FlowModelException("expects finite means and positive standard deviations.");
        Mean = mean;
        StandardDeviation = standardDeviation;
    }

    /// <summary>The mean of each feature, in its units.</summary>
    public ImmutableArray<float> Mean { get; }

    /// <summary>The standard deviation of each feature, in its units.</summary>
    public ImmutableArray<float> StandardDeviation { get; }

    /// <inheritdoc/>
    public override FlowShape OutputShape(FlowShape input) => RequireVector(input, Mean.Length);

    /// <inheritdoc/>
    public override string Describe()
        => $"{Mean.Length} features, standard deviations {StandardDeviation.Min():G3} to {StandardDeviation.Max():G3}";

    internal override void EmitDensity(DensityState state)
    {
        state.Vector.Map(part => part with
        {
            Tensor = state.Nodes.Node("Sub", state.Vector.Scaled(part), state.Nodes.Constant(part.Select(Mean))),
            Scale = Array.ConvertAll(part.Select(StandardDeviation), deviation => 1 / (double)deviation),
        });
        state.AddConstantLogDet(-StandardDeviation.Sum(deviation => Math.Log(deviation)));
    }

    internal override void EmitSampling(FlowState state) => state.Vector.Map(part =>
    {
        double[] scale = Array.ConvertAll(part.Select(StandardDeviation), deviation => (double)deviation);
        if (part.Scale is { } pending)
            scale = [.. scale.Zip(pending, (a, b) => a * b)];
        string scaled = state.Nodes.Node("Mul", part.Tensor, state.Nodes.Constant(scale));
        string sample = state.Nodes.Node("Add", scaled, state.Nodes.Constant(part.Select(Mean)));
        // tails undo logarithms: what leaves float32 stays at its end, so that every sample is finite
        string held = state.Nodes.Node("Clip", sample, state.Nodes.Scalar(float.MinValue), state.Nodes.Scalar(float.MaxValue));
        return part with { Tensor = held, Scale = null };
    });

    internal override void Save(StepWriter writer)
    {
        writer.Tensor("mean", Mean);
        writer.Tensor("standard_deviation", StandardDeviation);
    }

    internal static Standardization Load(StepReader reader) => new(reader.Tensor("mean"), reader.Tensor("standard_deviation"));
}
