using System.Collections.Immutable;
using RealNvp.ML.Export.Nets;
using RealNvp.ML.Export.Onnx;
using RealNvp.ML.Export.Storage;

namespace RealNvp.ML.Export.Steps;

/// <summary>
/// A coupling over the channels of continuous maps (Gudovskiy et al. 2022, "CFLOW-AD", and Yu et al. 2021, "FastFlow"), [N, C, H, W]: one
/// half of the channels conditions, the other becomes y = x * exp(s) + t with s = gain * tanh(r); log|det| = sum s. The maps r and t come
/// from a net that reads the conditioning half and, as a condition, the position.
/// </summary>
/// <remarks>
/// The first of the halves has ceil(C / 2) channels. Nothing here depends on height and width.
/// </remarks>
public sealed class PositionedCoupling : FlowStep
{
    /// <summary>A frozen coupling.</summary>
    /// <param name="mask">Which half of the channels conditions.</param>
    /// <param name="net">Reads the conditioning half, yields twice as many maps as the other has channels.</param>
    /// <param name="gain">The bound of |s| per transformed channel.</param>
    public PositionedCoupling(ImageMask mask, PositionedNet net, ImmutableArray<float> gain)
    {
        if (mask.IsCheckerboard())
            throw new FlowModelException($"the mask {mask} is not one of this coupling's.");
        if (net.Output.Outputs != 2 * gain.Length || net.First.Inputs - gain.Length is not ((>= -1) and (<= 1))
            || First(mask, net.First.Inputs, gain.Length) != (Channels(net, gain) + 1) / 2)
        {
            throw new FlowModelException($"a net of {net.First.Inputs} inputs and {net.Output.Outputs} outputs does not fit "
                + $"{gain.Length} transformed channels.");
        }
        Mask = mask;
        Net = net;
        Gain = gain;
    }

    /// <summary>Which half conditions.</summary>
    public ImageMask Mask { get; }

    /// <summary>The net that yields r and t.</summary>
    public PositionedNet Net { get; }

    /// <summary>The bound of |s| per transformed channel.</summary>
    public ImmutableArray<float> Gain { get; }

    /// <inheritdoc/>
    public override FlowShape OutputShape(FlowShape input) => RequireImage(input, Channels(Net, Gain));

    /// <inheritdoc/>
    public override string Describe()
        => $"{Mask} condition{(Net.Position is null ? "" : ", with the position")}, {Net.First.Kernel}x{Net.First.Kernel}, "
            + $"{string.Join(" -> ", Net.Hidden.Select(layer => layer.Outputs).Prepend(Net.First.Outputs))} maps, "
            + $"|log-scale| <= {Gain.Max(Math.Abs):G3}";

    internal override void EmitDensity(DensityState state) => Emit(state, (x, s, t) =>
    {
        state.AddImageLogDet(s, Gain.Length);
        return state.Nodes.Node("Add", state.Nodes.Node("Mul", x, state.Nodes.Node("Exp", s)), t);
    });

    internal override void EmitSampling(FlowState state) => Emit(state, (y, s, t) =>
        state.Nodes.Node("Mul", state.Nodes.Node("Sub", y, t), state.Nodes.Node("Exp", state.Nodes.Node("Neg", s))));

    internal override void Save(StepWriter writer)
    {
        writer.Text("mask", Mask.ToString());
        writer.Tensor("gain", Gain);
        Net.Save(writer);
    }

    internal static PositionedCoupling Load(StepReader reader)
        => new(reader.Enum<ImageMask>("mask"), PositionedNet.Load(reader), reader.Tensor("gain"));

    private void Emit(FlowState state, Func<string, string, string, string> formula)
    {
        GraphNodes nodes = state.Nodes;
        int conditioning = Mask == ImageMask.FirstChannels ? 0 : 1, transformed = 1 - conditioning;
        int first = First(Mask, Net.First.Inputs, Gain.Length);
        string[] halves = nodes.Split(state.Image.Tensor, first, state.Image.Channels - first);
        (string r, string t) = Net.Emit(nodes, halves[conditioning], state.Image.Height, state.Image.Width);
        string s = nodes.Node("Mul", nodes.Node("Tanh", r), nodes.Constant(Gain.AsSpan(), Gain.Length, 1, 1));
        halves[transformed] = formula(halves[transformed], s, t);
        state.Image.Replace(nodes.Node("Concat", halves, [("axis", 1L)]));
    }

    private static int Channels(PositionedNet net, ImmutableArray<float> gain) => net.First.Inputs + gain.Length;

    private static int First(ImageMask mask, int conditioning, int transformed)
        => mask == ImageMask.FirstChannels ? conditioning : transformed;
}
