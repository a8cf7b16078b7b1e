using System.Collections.Immutable;
using RealNvp.ML.Export.Onnx;
using RealNvp.ML.Export.Storage;

namespace RealNvp.ML.Export.Steps;

/// <summary>A fixed order of the channels between couplings, [N, C, H, W]: y[i] = x[order[i]], log|det| = 0.</summary>
public sealed class ChannelPermutation : FlowStep
{
    private readonly Permutation _permutation;

    /// <summary>A permutation.</summary>
    /// <param name="order">For each channel of the result the channel it is taken from; every channel once.</param>
    public ChannelPermutation(ImmutableArray<int> order) => _permutation = new(order);

    /// <summary>For each channel of the result the channel it is taken from.</summary>
    public ImmutableArray<int> Order => _permutation.Order;

    /// <inheritdoc/>
    public override FlowShape OutputShape(FlowShape input) => RequireImage(input, Order.Length);

    /// <inheritdoc/>
    public override string Describe() => $"{Order.Length} channels";

    internal override void EmitDensity(DensityState state) => Emit(state, Order);

    internal override void EmitSampling(FlowState state)
    {
        var inverse = new int[Order.Length];
        for (int i = 0; i < Order.Length; i++)
            inverse[Order[i]] = i;
        Emit(state, inverse);
    }

    internal override void Save(StepWriter writer) => writer.Indices("order", Order);

    internal static ChannelPermutation Load(StepReader reader) => new(reader.Indices("order"));

    private static void Emit(FlowState state, IEnumerable<int> order) => state.Image.Replace(state.Nodes.Node(
        "Gather", [state.Image.Tensor, state.Nodes.Constant([.. order.Select(channel => (long)channel)])], [("axis", 1L)]));
}
