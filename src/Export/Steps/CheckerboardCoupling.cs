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
        string conditioning = Plane(nodes, Mask, height, width), transformed = Plane(nodes, Mask.Complement(), height, width);
        (string r, string t) = Net.Emit(nodes, nodes.Node("Mul", state.Image.Tensor, conditioning), state.Image.ForEveryRow(conditioning),
            state.Condition);
        // the gains, and zeros where s is
        string s = nodes.Node("Mul", nodes.Node("Tanh", r), Gains(nodes, transformed, height, width));
        return (s, nodes.Node("Mul", t, transformed));
    }

    private string Gains(GraphNodes nodes, string transformed, int height, int width)
    {
        if (IsLarge(height, width))
            return nodes.Node("Mul", transformed, nodes.Constant(Gain.AsSpan(), Gain.Length, 1, 1));
        float[] pixels = Mask.Complement().Conditioning(height, width);
        return nodes.Constant([.. Gain.SelectMany(gain => pixels.Select(pixel => gain * pixel))], Gain.Length, height, width);
    }

    /// <summary>A checkerboard [1, H, W]: large ones are put together where the graph runs, so that it stays small.</summary>
    private static string Plane(GraphNodes nodes, ImageMask mask, int height, int width)
    {
        if (!IsLarge(height, width))
            return nodes.Constant(mask.Conditioning(height, width), 1, height, width);
        string tiles = nodes.Node("Tile", nodes.Constant(mask.Conditioning(2, 2), 1, 2, 2),
            nodes.Constant([1L, (height + 1) / 2, (width + 1) / 2]));
        return nodes.Node("Slice", tiles, nodes.Constant([0L, 0L]), nodes.Constant([(long)height, width]), nodes.Constant([1L, 2L]));
    }

    private static bool IsLarge(int height, int width) => (long)height * width > 1 << 18;
}
