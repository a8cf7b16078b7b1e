using System.Collections.Immutable;
using RealNvp.ML.Export.Onnx;
using RealNvp.ML.Export.Storage;

namespace RealNvp.ML.Export.Steps;

/// <summary>
/// Coupling-output batch normalisation (paper, section 3.7), frozen: y = scale * x + shift on the positions that the coupling transformed,
/// the others pass; log|det| = sum log(scale). Behind an <see cref="AffineCoupling"/> over the same positions it costs nothing: graphs fold
/// it into the coupling.
/// </summary>
public sealed class BatchNorm : FlowStep
{
    /// <summary>A frozen batch norm.</summary>
    /// <param name="features">The number of values in a row.</param>
    /// <param name="positions">The positions that are normalised.</param>
    /// <param name="scale">1 / sqrt(running variance + epsilon) per position; positive.</param>
    /// <param name="shift">-(running mean) * scale per position.</param>
    public BatchNorm(int features, ImmutableArray<int> positions, ImmutableArray<float> scale, ImmutableArray<float> shift)
    {
        if (positions.Length != scale.Length || positions.Length != shift.Length || positions.IsEmpty)
        {
            throw new FlowModelException($"expects one scale and one shift per position, found {positions.Length} positions, "
                + $"{scale.Length} scales, {shift.Length} shifts.");
        }
        if (positions.Any(position => position < 0 || position >= features) || positions.Distinct().Count() != positions.Length)
            throw new FlowModelException($"expects different positions from 0 to {features - 1}.");
        RequireScales(scale, shift);
        Features = features;
        Positions = positions;
        Scale = scale;
        Shift = shift;
    }

    /// <summary>The number of values in a row.</summary>
    public int Features { get; }

    /// <summary>The positions that are normalised.</summary>
    public ImmutableArray<int> Positions { get; }

    /// <summary>The factor of each position.</summary>
    public ImmutableArray<float> Scale { get; }

    /// <summary>What is added to each position after the factor.</summary>
    public ImmutableArray<float> Shift { get; }

    /// <inheritdoc/>
    public override FlowShape OutputShape(FlowShape input) => RequireVector(input, Features);

    /// <inheritdoc/>
    public override string Describe() => $"{Positions.Length} of {Features} positions, scales {Scale.Min():G3} to {Scale.Max():G3}";

    internal override void EmitDensity(DensityState state)
    {
        (double[] scale, double[] shift) = OverAllPositions();
        state.Vector.Map(part => part with
        {
            Tensor = state.Nodes.Node("Add",
                state.Nodes.Node("Mul", state.Vector.Scaled(part), state.Nodes.Constant(part.Select(scale))),
                state.Nodes.Constant(part.Select(shift))),
            Scale = null,
        });
        state.AddConstantLogDet(Scale.Sum(value => Math.Log(value)));
    }

    internal override void EmitSampling(FlowState state)
    {
        (double[] scale, double[] shift) = OverAllPositions();
        state.Vector.Map(part => part with
        {
            Tensor = state.Nodes.Node("Sub", state.Vector.Scaled(part), state.Nodes.Constant(part.Select(shift))),
            Scale = Array.ConvertAll(part.Select(scale), value => 1 / value),
        });
    }

    internal override void Save(StepWriter writer)
    {
        writer.Number("features", Features);
        writer.Indices("positions", Positions);
        writer.Tensor("scale", Scale);
        writer.Tensor("shift", Shift);
    }

    internal static BatchNorm Load(StepReader reader)
        => new(reader.Count("features"), reader.Indices("positions"), reader.Tensor("scale"), reader.Tensor("shift"));

    private (double[] Scale, double[] Shift) OverAllPositions()
    {
        var scale = new double[Features];
        var shift = new double[Features];
        Array.Fill(scale, 1);
        for (int i = 0; i < Positions.Length; i++)
            (scale[Positions[i]], shift[Positions[i]]) = (Scale[i], Shift[i]);
        return (scale, shift);
    }
}
