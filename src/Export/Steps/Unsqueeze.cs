using RealNvp.ML.Export.Onnx;
using RealNvp.ML.Export.Storage;

namespace RealNvp.ML.Export.Steps;

/// <summary>The reverse of a <see cref="Squeeze"/>: [N, 4 C, H, W] to [N, C, 2 H, 2 W]; log|det| = 0.</summary>
/// <param name="order">How the four pixels are ordered.</param>
public sealed class Unsqueeze(SqueezeOrder order) : FlowStep
{
    /// <summary>How the four pixels are ordered.</summary>
    public SqueezeOrder Order => order;

    /// <inheritdoc/>
    public override FlowShape OutputShape(FlowShape input)
    {
        RequireImage(input);
        return input.Dimensions[0] % 4 == 0
            ? FlowShape.Image(input.Dimensions[0] / 4, 2 * input.Dimensions[1], 2 * input.Dimensions[2])
            : throw new FlowModelException($"expects a number of channels that 4 divides, found {input}.");
    }

    /// <inheritdoc/>
    public override string Describe() => $"{Order} order";

    internal override void EmitDensity(DensityState state) => Squeeze.EmitUnsqueeze(state, Order);

    internal override void EmitSampling(FlowState state) => Squeeze.EmitSqueeze(state, Order);

    internal override void Save(StepWriter writer) => writer.Text("order", Order.ToString());

    internal static Unsqueeze Load(StepReader reader) => new(reader.Enum<SqueezeOrder>("order"));
}
