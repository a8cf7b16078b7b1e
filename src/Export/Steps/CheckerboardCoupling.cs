using System.Collections.Immutable;
using RealNvp.ML.Export.Nets;
using RealNvp.ML.Export.Onnx;
using RealNvp.ML.Export.Storage;

namespace RealNvp.ML.Export.Steps;

/// <summary>
/// A coupling over a checkerboard of pixels (paper, section 3.4), [N, C, H, W]. Its net reads the whole image with zeros in place of the
/// transformed pixels, and the mask; what it says about conditioning pixels is not used.
/// </summary>
public sealed class CheckerboardCoupling : ImageCoupling
{
    /// <summary>A frozen coupling.</summary>
    /// <param name="mask">Which pixels condition.</param>
    /// <param name="net">Reads C channels and the mask, yields 2 C.</param>
    /// <param name="gain">The bound of |s| per channel.</param>
    /// <param name="shiftFirst">Whether the shift is added before the scale is applied.</param>
    public CheckerboardCoupling(ImageMask mask, ResidualConditioner net, ImmutableArray<float> gain, bool shiftFirst)
        : base(mask, checkerboard: true, net, gain, shiftFirst) { }

    /// <inheritdoc/>
    public override FlowShape OutputShape(FlowShape input) => RequireImage(input, Gain.Length);

    internal override void EmitDensity(DensityState state)
    {
        (string s, string t) = EmitNet(state);
        state.AddImageLogDet(s, Gain.Length);
        state.Image.Replace(Transform(state.Nodes, state.Image.Tensor, s, t));
    }

    internal override void EmitSampling(FlowState state)
    {
        (string s, string t) = EmitNet(state);
        state.Image.Replace(Restore(state.Nodes, state.Image.Tensor, s, t));
    }

    internal static CheckerboardCoupling Load(StepReader reader)
    {
        (ImageMask mask, ResidualConditioner net, ImmutableArray<float> gain, bool shiftFirst) = LoadParts(reader);
        return new(mask, net, gain, shiftFirst);
    }

    /// <summary>s and t, both zero at conditioning pixels: these then pass through the same formula unchanged.</summary>
    private (string S, string T) EmitNet(FlowState state)
    {
        (GraphNodes nodes, int height, int width) = (state.Nodes, state.Image.Height, state.Image.Width);
        string conditioning = nodes.Constant(Mask.Conditioning(height, width), 1, height, width);
        float[] transformed = Mask.Complement().Conditioning(height, width);
        (string r, string t) = Net.Emit(nodes, nodes.Node("Mul", state.Image.Tensor, conditioning), state.Image.ForEveryRow(conditioning));
        // the gains, and zeros where s is
        float[] gains = [.. Gain.SelectMany(gain => transformed.Select(pixel => gain * pixel))];
        string s = nodes.Node("Mul", nodes.Node("Tanh", r), nodes.Constant(gains, Gain.Length, height, width));
        return (s, nodes.Node("Mul", t, nodes.Constant(transformed, 1, height, width)));
    }
}
