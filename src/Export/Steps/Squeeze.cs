using RealNvp.ML.Export.Onnx;
using RealNvp.ML.Export.Storage;

namespace RealNvp.ML.Export.Steps;

/// <summary>
/// The squeeze (paper, section 3.6): [N, C, H, W] to [N, 4 C, H/2, W/2], each 2x2 square of pixels becoming four channels; log|det| = 0.
/// </summary>
/// <param name="order">How the four pixels are ordered.</param>
public sealed class Squeeze(SqueezeOrder order) : FlowStep
{
    /// <summary>How the four pixels are ordered.</summary>
    public SqueezeOrder Order => order;

    /// <inheritdoc/>
    public override FlowShape OutputShape(FlowShape input)
    {
        RequireImage(input);
        (int channels, int height, int width) = (input.Dimensions[0], input.Dimensions[1], input.Dimensions[2]);
        return height % 2 == 0 && width % 2 == 0
            ? FlowShape.Image(4 * channels, height / 2, width / 2)
            : throw new FlowModelException($"expects an even height and width, found {input}.");
    }

    /// <inheritdoc/>
    public override string Describe() => $"{Order} order";

    internal override void EmitDensity(DensityState state) => EmitSqueeze(state, Order);

    internal override void EmitSampling(FlowState state) => EmitUnsqueeze(state, Order);

    internal override void Save(StepWriter writer) => writer.Text("order", Order.ToString());

    internal static Squeeze Load(StepReader reader) => new(reader.Enum<SqueezeOrder>("order"));

    /// <summary>Emits pixels to channels.</summary>
    internal static void EmitSqueeze(FlowState state, SqueezeOrder order)
    {
        (GraphNodes nodes, ImageState image) = (state.Nodes, state.Image);
        (int channels, int height, int width) = (image.Channels, image.Height / 2, image.Width / 2);
        string squeezed;
        if (order == SqueezeOrder.Plain && channels > 1)
        {
            // SpaceToDepth has the phases outside and the channels inside, which is plain order for one channel only
            string apart = nodes.Node("Reshape", image.Tensor, nodes.Constant([0L, channels, height, 2, width, 2]));
            string turned = nodes.Node("Transpose", [apart], [("perm", new[] { 0L, 1, 3, 5, 2, 4 })]);
            squeezed = nodes.Node("Reshape", turned, nodes.Constant([0L, 4 * channels, height, width]));
        }
        else
        {
            squeezed = nodes.Node("SpaceToDepth", [image.Tensor], [("blocksize", 2L)]);
            if (order == SqueezeOrder.Ordered)
                squeezed = TakePhases(nodes, squeezed, channels, [.. SqueezeOrders.Phases]);
        }
        image.Replace(squeezed, 4 * channels, height, width);
    }

    /// <summary>Emits channels back to pixels.</summary>
    internal static void EmitUnsqueeze(FlowState state, SqueezeOrder order)
    {
        (GraphNodes nodes, ImageState image) = (state.Nodes, state.Image);
        int channels = image.Channels / 4;
        string Pixels(string tensor, string mode) => nodes.Node("DepthToSpace", [tensor], [("blocksize", 2L), ("mode", mode)]);
        string pixels = order == SqueezeOrder.Plain
            ? Pixels(image.Tensor, "CRD")
            : Pixels(TakePhases(nodes, image.Tensor, channels, [0, 2, 3, 1]), "DCR"); // the inverse of Phases
        image.Replace(pixels, channels, 2 * image.Height, 2 * image.Width);
    }

    /// <summary>Groups of <paramref name="channels"/> channels in another order.</summary>
    private static string TakePhases(GraphNodes nodes, string x, int channels, int[] phases)
    {
        long[] order = [.. phases.SelectMany(phase => Enumerable.Range(0, channels).Select(channel => (long)phase * channels + channel))];
        return nodes.Node("Gather", [x, nodes.Constant(order)], [("axis", 1L)]);
    }
}
