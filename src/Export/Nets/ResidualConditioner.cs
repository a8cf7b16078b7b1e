using System.Collections.Immutable;
using RealNvp.ML.Export.Onnx;
using RealNvp.ML.Export.Storage;

namespace RealNvp.ML.Export.Nets;

/// <summary>
/// The convolutional net of an image coupling (paper, section 4.1): [N, C, H, W] of the conditioning half to [N, 2 K, H, W], first the K
/// maps r of the log-scale, then the K maps t of the shift. The normalised input u stands beside -u and, under a checkerboard, the mask;
/// after a ReLU follow a 3x3 convolution, residual blocks, which read the flow's condition where it has one, and the 1x1 output of the ReLU
/// of all skips together.
/// </summary>
/// <remarks>Weight norm is part of the weights; the batch norm over the sum of the skips is part of theirs.</remarks>
public sealed class ResidualConditioner
{
    /// <summary>A frozen net.</summary>
    /// <param name="input">u = scale * x + shift, per input channel.</param>
    /// <param name="readsMask">Whether the mask is a channel of its own after u and -u.</param>
    /// <param name="first">The 3x3 convolution of the input.</param>
    /// <param name="firstSkip">The 1x1 convolution that takes its result to the output.</param>
    /// <param name="blocks">The residual blocks.</param>
    /// <param name="output">The 1x1 convolution of the output.</param>
    public ResidualConditioner(
        ConditionerNorm input, bool readsMask, ConvLayer first, ConvLayer firstSkip, ImmutableArray<ResidualBlock> blocks, ConvLayer output)
    {
        int width = first.Outputs;
        if (first.Inputs != 2 * input.Channels + (readsMask ? 1 : 0) || firstSkip.Inputs != width || firstSkip.Outputs != width
            || output.Inputs != width || output.Outputs % 2 != 0)
        {
            throw new FlowModelException("the layers of a residual net do not fit each other.");
        }
        foreach (ResidualBlock block in blocks)
            block.Check(width);
        int[] conditionInputs = [.. blocks.Select(block => block.Condition?.Inputs ?? 0).Distinct()];
        if (conditionInputs.Length > 1)
            throw new FlowModelException("the blocks of a residual net do not read the same of a condition.");
        ConditionInputs = conditionInputs.FirstOrDefault();
        Input = input;
        ReadsMask = readsMask;
        First = first;
        FirstSkip = firstSkip;
        Blocks = blocks;
        Output = output;
    }

    /// <summary>The normalisation of the input.</summary>
    public ConditionerNorm Input { get; }

    /// <summary>Whether the mask is a channel of its own.</summary>
    public bool ReadsMask { get; }

    /// <summary>What each block reads of the flow's condition; 0 where there is none.</summary>
    public int ConditionInputs { get; }

    /// <summary>The 3x3 convolution of the input.</summary>
    public ConvLayer First { get; }

    /// <summary>The skip of its result.</summary>
    public ConvLayer FirstSkip { get; }

    /// <summary>The residual blocks.</summary>
    public ImmutableArray<ResidualBlock> Blocks { get; }

    /// <summary>The 1x1 convolution of the output.</summary>
    public ConvLayer Output { get; }

    /// <summary>Emits the net and returns r and t.</summary>
    /// <param name="nodes">The graph.</param>
    /// <param name="x">The conditioning half, [N, C, H, W]; under a checkerboard with zeros elsewhere.</param>
    /// <param name="mask">The mask as a channel, [N, 1, H, W], where the net reads it.</param>
    /// <param name="condition">What nets read of the flow's condition, [N, inputs], where it has one.</param>
    internal (string R, string T) Emit(GraphNodes nodes, string x, string? mask, string? condition)
    {
        string scaled = nodes.Node("Mul", x, nodes.Constant(Input.Scale.AsSpan(), Input.Channels, 1, 1));
        string u = nodes.Node("Add", scaled, nodes.Constant(Input.Shift.AsSpan(), Input.Channels, 1, 1));
        string both = nodes.Node("Concat", ReadsMask ? [u, nodes.Node("Neg", u), mask!] : [u, nodes.Node("Neg", u)], [("axis", 1L)]);
        string hidden = First.Emit(nodes, nodes.Node("Relu", both));
        string skips = FirstSkip.Emit(nodes, hidden);
        foreach (ResidualBlock block in Blocks)
        {
            hidden = block.Emit(nodes, hidden, condition);
            skips = nodes.Node("Add", skips, block.Skip.Emit(nodes, hidden));
        }
        string heads = Output.Emit(nodes, nodes.Node("Relu", skips));
        long width = Output.Outputs / 2;
        string[] halves = nodes.Split(heads, width, width);
        return (halves[0], halves[1]);
    }

    internal void Save(StepWriter writer)
    {
        Input.Save(writer, "input");
        writer.Number("reads_mask", ReadsMask ? 1 : 0);
        if (ConditionInputs > 0) // files without are those of before images had conditions
            writer.Number("condition_inputs", ConditionInputs);
        First.Save(writer, "first");
        FirstSkip.Save(writer, "first_skip");
        writer.Number("blocks", Blocks.Length);
        for (int i = 0; i < Blocks.Length; i++)
            Blocks[i].Save(writer, $"block.{i}");
        Output.Save(writer, "output");
    }

    internal static ResidualConditioner Load(StepReader reader)
    {
        // a list, which grows by what is there: a file may promise more blocks than fit into memory
        var blocks = new List<ResidualBlock>();
        bool readsCondition = reader.CountOrZero("condition_inputs") > 0;
        for (int i = 0, count = reader.Count("blocks"); i < count; i++)
            blocks.Add(ResidualBlock.Load(reader, $"block.{i}", readsCondition));
        return new(
            ConditionerNorm.Load(reader, "input"), reader.Count("reads_mask") != 0,
            ConvLayer.Load(reader, "first"), ConvLayer.Load(reader, "first_skip"), [.. blocks], ConvLayer.Load(reader, "output"));
    }
}
