using System.Collections.Immutable;
using RealNvp.ML.Export.Onnx;
using RealNvp.ML.Export.Storage;

namespace RealNvp.ML.Export.Steps;

/// <summary>
/// Learned marginals: y = sinh(d asinh(x) + e) per feature with a tail weight d > 0 and a skewness e (Jones and Pewsey 2009);
/// log|det| = sum log d + (log(1 + y^2) - log(1 + x^2)) / 2, and x = sinh((asinh(y) - e) / d).
/// </summary>
/// <remarks>
/// Float32 has no square of 1e20 and no sinh of 100. So x is held within +-<see cref="MostInput"/> and u = d asinh(x) + e within
/// +-<see cref="MostArgument"/>, far beyond all rows, and log(1 + sinh(u)^2) / 2 is taken as |u| + log(1 + exp(-2 |u|)) - log 2.
/// </remarks>
public sealed class SinhArcsinh : FlowStep
{
    /// <summary>Beyond it an input counts as this: libtorch's asinh is infinite from 1.8e19 on.</summary>
    internal const double MostInput = 1e18;

    /// <summary>Beyond it the argument of sinh counts as this, whose sinh is 8e37.</summary>
    internal const double MostArgument = 88;

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
            string from = nodes.Node("Asinh", Held(nodes, state.Vector.Scaled(part), MostInput));
            string scaled = nodes.Node("Mul", from, nodes.Constant(part.Select(Tail)));
            string u = Held(nodes, nodes.Node("Add", scaled, nodes.Constant(part.Select(Skew))), MostArgument);
            (string far, string near) = LogCosh(nodes, u);
            (string farFrom, string nearFrom) = LogCosh(nodes, from);
            state.AddLogDet(nodes.Node("Sub", far, farFrom), part.Width);
            state.AddLogDet(nodes.Log(nodes.Node("Div", near, nearFrom)), part.Width);
            return part with { Tensor = nodes.Node("Sinh", u), Scale = null };
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

    private static string Held(GraphNodes nodes, string x, double most)
        => nodes.Node("Clip", x, nodes.Scalar(-most), nodes.Scalar(most));

    /// <summary>log cosh x + log 2 = |x| + log(1 + exp(-2 |x|)): the first term, and the second one's number.</summary>
    private static (string Far, string Near) LogCosh(GraphNodes nodes, string x)
    {
        string far = nodes.Node("Abs", x);
        return (far, nodes.Node("Add", nodes.Node("Exp", nodes.Node("Mul", far, nodes.Scalar(-2))), nodes.Scalar(1)));
    }
}
