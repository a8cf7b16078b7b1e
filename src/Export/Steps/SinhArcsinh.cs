using System.Collections.Immutable;
using RealNvp.ML.Export.Onnx;
using RealNvp.ML.Export.Storage;

namespace RealNvp.ML.Export.Steps;

/// <summary>
/// Learned marginals: y = sinh(d asinh(x) + e) per feature with a tail weight d > 0 and a skewness e (Jones and Pewsey 2009);
/// log|det| = sum log d + (log(1 + y^2) - log(1 + x^2)) / 2, and x = sinh((asinh(y) - e) / d).
/// </summary>
public sealed class SinhArcsinh : FlowStep
{
    /// <summary>A frozen step.</summary>
    /// <param name="tail">d per feature, positive.</param>
    /// <param name="skew">e per feature.</param>
    public SinhArcsinh(ImmutableArray<float> tail, ImmutableArray<float> skew)
    {
        if (tail.IsEmpty || tail.Length != skew.Length)
            throw new FlowModelException($"expects a tail weight and a skewness per feature, found {tail.Length} and {skew.Length}.");
        if (tail.Any(value => !(value > 0 && float.IsFinite(value))) || skew.Any(value => !float.IsFinite(value)))
            throw new FlowModelException("expects positive tail weights and finite skewnesses.");
        Tail = tail;
        Skew = skew;
    }

    /// <summary>d per feature.</summary>
    public ImmutableArray<float> Tail { get; }

    /// <summary>e per feature.</summary>
    public ImmutableArray<float> Skew { get; }

    /// <inheritdoc/>
    public override FlowShape OutputShape(FlowShape input) => RequireVector(input, Tail.Length);

    /// <inheritdoc/>
    public override string Describe() => $"tail weights {Tail.Min():G3} to {Tail.Max():G3}, skewnesses {Skew.Min():G3} to {Skew.Max():G3}";

    internal override void EmitDensity(DensityState state)
    {
        GraphNodes nodes = state.Nodes;
        state.Vector.Map(part =>
        {
            string x = state.Vector.Scaled(part);
            string scaled = nodes.Node("Mul", nodes.Node("Asinh", x), nodes.Constant(part.Select(Tail)));
            string u = nodes.Node("Add", scaled, nodes.Constant(part.Select(Skew)));
            string y = nodes.Node("Sinh", u);
            string twice = nodes.Node("Sub", LogOnePlusSquare(nodes, y), LogOnePlusSquare(nodes, x));
            state.AddLogDet(nodes.Node("Mul", twice, nodes.Scalar(0.5)), part.Width);
            return part with { Tensor = y, Scale = null };
        });
        state.AddConstantLogDet(Tail.Sum(value => Math.Log(value)));
    }

    internal override void EmitSampling(FlowState state)
    {
        GraphNodes nodes = state.Nodes;
        state.Vector.Map(part =>
        {
            string u = nodes.Node("Sub", nodes.Node("Asinh", state.Vector.Scaled(part)), nodes.Constant(part.Select(Skew)));
            return part with { Tensor = nodes.Node("Sinh", nodes.Node("Div", u, nodes.Constant(part.Select(Tail)))), Scale = null };
        });
    }

    internal override void Save(StepWriter writer)
    {
        writer.Tensor("tail", Tail);
        writer.Tensor("skew", Skew);
    }

    internal static SinhArcsinh Load(StepReader reader) => new(reader.Tensor("tail"), reader.Tensor("skew"));

    private static string LogOnePlusSquare(GraphNodes nodes, string x)
        => nodes.Log(nodes.Node("Add", nodes.Node("Mul", x, x), nodes.Scalar(1)));
}
