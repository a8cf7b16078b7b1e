using System.Collections.Immutable;
using RealNvp.ML.Export.Onnx;
using RealNvp.ML.Export.Storage;

namespace RealNvp.ML.Export.Steps;

/// <summary>
/// Says which features are discrete. Training added uniform noise of one bin's width to them, so that their density does not run to
/// infinity; scoring evaluates the centre of the bin, without noise, so that a score is a function of the row: here the step is the
/// identity.
/// </summary>
public sealed class Dequantization : FlowStep
{
    /// <summary>A record of the bins.</summary>
    /// <param name="widths">The width of one bin per feature, in the feature's units; 0 for a continuous feature.</param>
    public Dequantization(ImmutableArray<float> widths)
    {
        if (widths.IsEmpty || widths.Any(width => !(width >= 0 && float.IsFinite(width))))
            throw new FlowModelException("expects a finite width of 0 or more per feature.");
        Widths = widths;
    }

    /// <summary>The width of one bin per feature; 0 for a continuous feature.</summary>
    public ImmutableArray<float> Widths { get; }

    /// <inheritdoc/>
    public override FlowShape OutputShape(FlowShape input) => RequireVector(input, Widths.Length);

    /// <inheritdoc/>
    public override string Describe()
        => $"{Widths.Count(width => width > 0)} of {Widths.Length} features are discrete; uniform noise in training, the bin's centre in "
        + "scoring";

    internal override void EmitDensity(DensityState state) { }

    internal override void EmitSampling(FlowState state) { }

    internal override void Save(StepWriter writer) => writer.Tensor("widths", Widths);

    internal static Dequantization Load(StepReader reader) => new(reader.Tensor("widths"));
}
