using System.Collections.Immutable;
using RealNvp.ML.Export.Onnx;
using RealNvp.ML.Export.Storage;

namespace RealNvp.ML.Export.Steps;

/// <summary>
/// A fixed order of the positions between couplings: y[i] = x[order[i]], log|det| = 0. Graphs only rename columns, without a node.
/// </summary>
public sealed class Permutation : FlowStep
{
    /// <summary>A permutation.</summary>
    /// <param name="order">For each position of the result the position it is taken from; every position once.</param>
    public Permutation(ImmutableArray<int> order)
    {
        if (order.IsEmpty || !order.Order().SequenceEqual(Enumerable.Range(0, order.Length)))
            throw new FlowModelException($"expects every position from 0 to {order.Length - 1} once.");
        Order = order;
    }

    /// <summary>For each position of the result the position it is taken from.</summary>
    public ImmutableArray<int> Order { get; }

    /// <inheritdoc/>
    public override FlowShape OutputShape(FlowShape input) => RequireVector(input, Order.Length);

    /// <inheritdoc/>
    public override string Describe() => $"{Order.Length} positions";

    internal override void EmitDensity(DensityState state)
    {
        var inverse = new int[Order.Length];
        for (int i = 0; i < Order.Length; i++)
            inverse[Order[i]] = i;
        state.Vector.Map(part => part with { Positions = [.. part.Select(inverse)] });
    }

    internal override void EmitSampling(FlowState state) => state.Vector.Map(part => part with { Positions = [.. part.Select(Order)] });

    internal override void Save(StepWriter writer) => writer.Indices("order", Order);

    internal static Permutation Load(StepReader reader) => new(reader.Indices("order"));
}
