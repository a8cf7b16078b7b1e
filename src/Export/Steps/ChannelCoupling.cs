using System.Collections.Immutable;
using RealNvp.ML.Export.Nets;
using RealNvp.ML.Export.Onnx;
using RealNvp.ML.Export.Storage;

namespace RealNvp.ML.Export.Steps;

/// <summary>
/// A coupling over halves of the channels (paper, section 3.4), [N, C, H, W] with an even C: one half conditions, the other is transformed.
/// </summary>
public sealed class ChannelCoupling : ImageCoupling
{
    /// <summary>A frozen coupling.</summary>
    /// <param name="mask">Which half of the channels conditions.</param>
    /// <param name="net">Reads C / 2 channels, yields C.</param>
    /// <param name="gain">The bound of |s| per transformed channel.</param>
    /// <param name="shiftFirst">Whether the shift is added before the scale is applied.</param>
    public ChannelCoupling(ImageMask mask, ResidualConditioner net, ImmutableArray<float> gain, bool shiftFirst)
        : base(mask, checkerboard: false, net, gain, shiftFirst) { }

    /// <inheritdoc/>
    public override FlowShape OutputShape(FlowShape input) => RequireImage(input, 2 * Gain.Length);

    internal override void EmitDensity(DensityState state) => Emit(state, (x, s, t) =>
    {
        state.AddImageLogDet(s, Gain.Length);
        return Transform(state.Nodes, x, s, t);
    });

    internal override void EmitSampling(FlowState state) => Emit(state, (y, s, t) => Restore(state.Nodes, y, s, t));

    internal static ChannelCoupling Load(StepReader reader)
    {
        (ImageMask mask, ResidualConditioner net, ImmutableArray<float> gain, bool shiftFirst) = LoadParts(reader);
        return new(mask, net, gain, shiftFirst);
    }

    private void Emit(FlowState state, Func<string, string, string, string> formula)
    {
        GraphNodes nodes = state.Nodes;
        int conditioning = Mask == ImageMask.FirstChannels ? 0 : 1, transformed = 1 - conditioning;
        string[] halves = state.Image.Halves();
        (string r, string t) = Net.Emit(nodes, halves[conditioning], mask: null, state.Condition);
        string s = nodes.Node("Mul", nodes.Node("Tanh", r), nodes.Constant(Gain.AsSpan(), Gain.Length, 1, 1));
        halves[transformed] = formula(halves[transformed], s, t);
        state.Image.Replace(nodes.Node("Concat", halves, [("axis", 1L)]));
    }
}
