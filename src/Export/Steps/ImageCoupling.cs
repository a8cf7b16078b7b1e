using System.Collections.Immutable;
using RealNvp.ML.Export.Nets;
using RealNvp.ML.Export.Onnx;
using RealNvp.ML.Export.Storage;

namespace RealNvp.ML.Export.Steps;

/// <summary>
/// What the two couplings of image flows share: the transformed half becomes y = x * exp(s) + t, or y = (x + t) * exp(s) as the original
/// code has it, with s = gain * tanh(r); log|det| = sum s. The maps r and t come from a convolutional net that reads the conditioning
/// half, and the flow's condition where it has one.
/// </summary>
/// <remarks>Nothing here depends on height and width: the flow samples images larger than those it was trained on.</remarks>
public abstract class ImageCoupling : FlowStep
{
    private protected ImageCoupling(ImageMask mask, bool checkerboard, ResidualConditioner net, ImmutableArray<float> gain, bool shiftFirst)
    {
        if (mask.IsCheckerboard() != checkerboard)
            throw new FlowModelException($"the mask {mask} is not one of this coupling's.");
        if (net.Input.Channels != gain.Length || net.Output.Outputs != 2 * gain.Length || net.ReadsMask != checkerboard)
            throw new FlowModelException(
                $"a net of {net.Input.Channels} inputs and {net.Output.Outputs} outputs does not fit {gain.Length} transformed channels.");
        Mask = mask;
        Net = net;
        Gain = gain;
        ShiftFirst = shiftFirst;
    }

    /// <summary>Which half conditions.</summary>
    public ImageMask Mask { get; }

    /// <summary>The net that yields r and t.</summary>
    public ResidualConditioner Net { get; }

    /// <summary>What the net reads of the flow's condition; 0 where there is none.</summary>
    public int ConditionInputs => Net.ConditionInputs;

    /// <summary>The bound of |s| per transformed channel.</summary>
    public ImmutableArray<float> Gain { get; }

    /// <summary>Whether the shift is added before the scale is applied: y = (x + t) * exp(s).</summary>
    public bool ShiftFirst { get; }

    /// <inheritdoc/>
    public override string Describe()
        => $"{Mask} condition, {Net.Blocks.Length} residual blocks of {Net.First.Outputs} maps"
            + $"{(ConditionInputs > 0 ? $" given {ConditionInputs}" : "")}, |log-scale| <= {Gain.Max(Math.Abs):G3}";

    /// <summary>Writes y of x, s and t.</summary>
    private protected string Transform(GraphNodes nodes, string x, string s, string t)
    {
        string scale = nodes.Node("Exp", s);
        return ShiftFirst ? nodes.Node("Mul", nodes.Node("Add", x, t), scale) : nodes.Node("Add", nodes.Node("Mul", x, scale), t);
    }

    /// <summary>Writes x of y, s and t.</summary>
    private protected string Restore(GraphNodes nodes, string y, string s, string t)
    {
        string scale = nodes.Node("Exp", nodes.Node("Neg", s));
        return ShiftFirst ? nodes.Node("Sub", nodes.Node("Mul", y, scale), t) : nodes.Node("Mul", nodes.Node("Sub", y, t), scale);
    }

    internal override void Save(StepWriter writer)
    {
        writer.Text("mask", Mask.ToString());
        writer.Tensor("gain", Gain);
        writer.Number("shift_first", ShiftFirst ? 1 : 0);
        Net.Save(writer);
    }

    private protected static (ImageMask Mask, ResidualConditioner Net, ImmutableArray<float> Gain, bool ShiftFirst) LoadParts(
        StepReader reader)
        => (reader.Enum<ImageMask>("mask"), ResidualConditioner.Load(reader), reader.Tensor("gain"), reader.Count("shift_first") != 0);
}
