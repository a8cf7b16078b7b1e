using System.Collections.Immutable;
using RealNvp.ML.Export.Nets;
using RealNvp.ML.Export.Onnx;
using RealNvp.ML.Export.Storage;

namespace RealNvp.ML.Export.Steps;

/// <summary>
/// An affine coupling layer (paper, section 3.2, equations 4 and 5): the conditioning half passes unchanged; the transformed half becomes
/// y = x * exp(s) + t, where the log-scale s = gain * tanh(r) and the shift t come from one net with two heads that reads the conditioning
/// half, and the condition where the flow has one; log|det| = sum s. The inverse is x = (y - t) * exp(-s).
/// </summary>
public sealed class AffineCoupling : FlowStep
{
    // Constant terms of s, from batch norms folded in by TryFuse; null where there are none.
    private readonly double[]? _logScaleOffset;

    /// <summary>A frozen coupling.</summary>
    /// <param name="mask">Which positions condition and which are transformed.</param>
    /// <param name="trunk">The hidden layers, each followed by <paramref name="activation"/>; may be empty.</param>
    /// <param name="activation">The nonlinearity of the hidden layers.</param>
    /// <param name="logScale">The head that yields r, one output per transformed position.</param>
    /// <param name="shift">The head that yields t, one output per transformed position.</param>
    /// <param name="gain">The bound of |s| per transformed position.</param>
    /// <param name="conditionInputs">What the net reads of the flow's condition, after the conditioning half; 0 for none.</param>
    public AffineCoupling(
        CouplingMask mask, ImmutableArray<DenseLayer> trunk, Activation activation, DenseLayer logScale, DenseLayer shift,
        ImmutableArray<float> gain, int conditionInputs = 0)
        : this(mask, trunk, activation, logScale, shift, gain, conditionInputs, null) { }

    private AffineCoupling(
        CouplingMask mask, ImmutableArray<DenseLayer> trunk, Activation activation, DenseLayer logScale, DenseLayer shift,
        ImmutableArray<float> gain, int conditionInputs, double[]? logScaleOffset)
    {
        int width = mask.Conditioning.Length + conditionInputs;
        if (width == 0)
            throw new FlowModelException("a coupling reads at least one position, or a condition.");
        foreach (DenseLayer layer in trunk)
        {
            if (layer.Inputs != width)
                throw new FlowModelException($"a hidden layer reads {layer.Inputs} values where the one before it yields {width}.");
            width = layer.Outputs;
        }
        foreach (DenseLayer head in new[] { logScale, shift })
        {
            if (head.Inputs != width || head.Outputs != mask.Transformed.Length)
            {
                throw new FlowModelException($"a head of {head.Inputs} inputs and {head.Outputs} outputs stands where {width} and "
                    + $"{mask.Transformed.Length} are needed.");
            }
        }
        if (gain.Length != mask.Transformed.Length)
            throw new FlowModelException($"{gain.Length} log-scale gains stand beside {mask.Transformed.Length} transformed positions.");
        Mask = mask;
        Trunk = trunk;
        Activation = activation;
        LogScale = logScale;
        Shift = shift;
        Gain = gain;
        ConditionInputs = conditionInputs;
        _logScaleOffset = logScaleOffset;
    }

    /// <summary>Which positions condition and which are transformed.</summary>
    public CouplingMask Mask { get; }

    /// <summary>The hidden layers.</summary>
    public ImmutableArray<DenseLayer> Trunk { get; }

    /// <summary>The nonlinearity of the hidden layers.</summary>
    public Activation Activation { get; }

    /// <summary>The head that yields r, before tanh and gain.</summary>
    public DenseLayer LogScale { get; }

    /// <summary>The head that yields the shift t.</summary>
    public DenseLayer Shift { get; }

    /// <summary>The bound of |s| per transformed position.</summary>
    public ImmutableArray<float> Gain { get; }

    /// <summary>What the net reads of the flow's condition, after the conditioning half; 0 where there is none.</summary>
    public int ConditionInputs { get; }

    /// <inheritdoc/>
    public override FlowShape OutputShape(FlowShape input) => RequireVector(input, Mask.Features);

    /// <inheritdoc/>
    public override string Describe()
        => $"{Mask.Conditioning.Length}{(ConditionInputs > 0 ? $" + {ConditionInputs}" : "")} -> "
            + $"{string.Join(" -> ", Trunk.Select(layer => layer.Outputs).Append(Mask.Transformed.Length))}, "
            + $"{Activation}, |log-scale| <= {Gain.Max(Math.Abs):G3}";

    // Notation of the two graphs: a pending scale g stands for the value g * u, so that constant factors travel to the end of the graph
    // for free: g folds into the first layer where the half conditions, and 1/g into the shift head where it is transformed.

    internal override void EmitDensity(DensityState state)
    {
        (VectorPart conditioning, VectorPart transformed) = state.Vector.Split(Mask.Conditioning, Mask.Transformed);
        double[] pending = PendingScale(transformed, sign: +1);
        (string s, string t) = EmitNet(state, conditioning, pending);
        state.AddLogDet(s, transformed.Width);
        if (_logScaleOffset is not null)
            state.AddConstantLogDet(_logScaleOffset.Sum());
        string scaled = state.Nodes.Node("Mul", transformed.Tensor, state.Nodes.Node("Exp", s));
        state.Vector.Replace(transformed with { Tensor = state.Nodes.Node("Add", scaled, t), Scale = pending });
    }

    internal override void EmitSampling(FlowState state)
    {
        (VectorPart conditioning, VectorPart transformed) = state.Vector.Split(Mask.Conditioning, Mask.Transformed);
        double[] incoming = transformed.ScaleOrOnes();
        (string s, string t) = EmitNet(state, conditioning, incoming);
        string shifted = state.Nodes.Node("Sub", transformed.Tensor, t);
        string tensor = state.Nodes.Node("Mul", shifted, state.Nodes.Node("Exp", state.Nodes.Node("Neg", s)));
        state.Vector.Replace(transformed with { Tensor = tensor, Scale = PendingScale(transformed, sign: -1) });
    }

    internal override FlowStep? TryFuse(FlowStep next)
    {
        if (next is not BatchNorm norm || !norm.Positions.AsSpan().SequenceEqual(Mask.Transformed.AsSpan()))
            return null;
        // norm(x exp(s) + t) = x exp(s + log scale) + (scale t + shift)
        double[] scale = [.. norm.Scale.Select(value => (double)value)];
        double[] offset = [.. scale.Select((value, i) => Math.Log(value) + (_logScaleOffset?[i] ?? 0))];
        DenseLayer shift = Shift.WithOutputAffine(scale, [.. norm.Shift.Select(value => (double)value)]);
        return new AffineCoupling(Mask, Trunk, Activation, LogScale, shift, Gain, ConditionInputs, offset);
    }

    internal override void Save(StepWriter writer)
    {
        writer.Indices("conditioning", Mask.Conditioning);
        writer.Indices("transformed", Mask.Transformed);
        writer.Text("activation", Activation.ToString());
        writer.Number("hidden_layers", Trunk.Length);
        for (int i = 0; i < Trunk.Length; i++)
            Trunk[i].Save(writer, $"trunk.{i}");
        LogScale.Save(writer, "log_scale");
        Shift.Save(writer, "shift");
        writer.Tensor("gain", Gain);
        if (ConditionInputs > 0) // files without are those of before there were conditions
            writer.Number("condition_inputs", ConditionInputs);
    }

    internal static AffineCoupling Load(StepReader reader)
    {
        // a list, which grows by what is there: a file may promise more layers than fit into memory
        var trunk = new List<DenseLayer>();
        for (int i = 0, count = reader.Count("hidden_layers"); i < count; i++)
            trunk.Add(DenseLayer.Load(reader, $"trunk.{i}"));
        return new(
            new CouplingMask(reader.Indices("conditioning"), reader.Indices("transformed")),
            [.. trunk],
            reader.Enum<Activation>("activation"),
            DenseLayer.Load(reader, "log_scale"),
            DenseLayer.Load(reader, "shift"),
            reader.Tensor("gain"),
            reader.CountOrZero("condition_inputs"));
    }

    private double[] PendingScale(VectorPart transformed, int sign)
        => [.. transformed.ScaleOrOnes().Select((scale, i) => scale * Math.Exp(sign * (_logScaleOffset?[i] ?? 0)))];

    /// <summary>The net's two outputs: s without its constant terms, and t divided by <paramref name="shiftDivisor"/>.</summary>
    private (string S, string T) EmitNet(FlowState state, VectorPart conditioning, double[] shiftDivisor)
    {
        GraphNodes nodes = state.Nodes;
        DenseLayer shift = Shift.WithOutputAffine([.. shiftDivisor.Select(value => 1 / value)], new double[shiftDivisor.Length]);
        DenseLayer logScale = LogScale;
        ImmutableArray<DenseLayer> trunk = Trunk;
        if (conditioning.Scale is { } scale)
        {
            scale = [.. scale, .. Enumerable.Repeat(1.0, ConditionInputs)];
            if (trunk.IsEmpty) (logScale, shift) = (logScale.WithInputScale(scale), shift.WithInputScale(scale));
            else trunk = trunk.SetItem(0, trunk[0].WithInputScale(scale));
        }
        string hidden = ConditionInputs == 0 ? conditioning.Tensor
            : conditioning.Width == 0 ? state.Condition!
            : nodes.Node("Concat", [conditioning.Tensor, state.Condition!], [("axis", 1L)]);
        foreach (DenseLayer layer in trunk)
            hidden = nodes.Node(Activation.ToString(), layer.Emit(nodes, hidden));
        string r = nodes.Node("Tanh", logScale.Emit(nodes, hidden));
        string s = Gain.All(gain => gain == 1) ? r : nodes.Node("Mul", r, nodes.Constant(Gain.AsSpan()));
        return (s, shift.Emit(nodes, hidden));
    }
}
