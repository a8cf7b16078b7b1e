using RealNvp.ML.Export.Onnx;
using RealNvp.ML.Export.Storage;

namespace RealNvp.ML.Export.Steps;

/// <summary>
/// Factors out half of the variables (paper, section 3.6): the second half of the channels becomes part of the latent as it is, the first
/// half goes on to the next scale; log|det| = 0. The latent is the last scale's, then what was factored out, the latest first.
/// </summary>
public sealed class FactorOut : FlowStep
{
    /// <inheritdoc/>
    public override FlowShape OutputShape(FlowShape input)
    {
        RequireImage(input);
        return input.Dimensions[0] % 2 == 0
            ? FlowShape.Image(input.Dimensions[0] / 2, input.Dimensions[1], input.Dimensions[2])
            : throw new FlowModelException($"expects an even number of channels, found {input}.");
    }

    /// <inheritdoc/>
    public override string Describe() => "the second half of the channels";

    internal override void EmitDensity(DensityState state) => state.Image.SetHalfAside();

    internal override void EmitSampling(FlowState state) => state.Image.TakeHalfBack();

    internal override void Save(StepWriter writer) { }

    internal static FactorOut Load(StepReader reader)
    {
        ArgumentNullException.ThrowIfNull(reader); // there is nothing to read
        return new();
    }
}
