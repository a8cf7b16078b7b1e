using RealNvp.ML.Export.Onnx;
using RealNvp.ML.Export.Storage;

namespace RealNvp.ML.Export.Steps;

/// <summary>
/// Leaves values within +-c as they are and compresses those beyond logarithmically: y = sign(x) c (1 + log(|x| / c)) for |x| > c, with
/// log|dy/dx| = -log(|x| / c) there. Smooth to first order, exactly invertible, and the reason why every finite row has a finite score: the
/// largest float32 becomes less than 90 c.
/// </summary>
public sealed class TailCompression : FlowStep
{
    /// <summary>exp of more than this overflows float32: the inverse stops growing there.</summary>
    private const float MaxExponent = 80;

    /// <summary>Compression of what lies beyond <paramref name="bound"/>.</summary>
    /// <param name="bound">c, in the units of the step's input (standard deviations, after <see cref="Standardization"/>);
    /// positive.</param>
    public TailCompression(float bound)
    {
        if (!(bound > 0 && float.IsFinite(bound)))
            throw new FlowModelException($"expects a positive bound, found {bound}.");
        Bound = bound;
    }

    /// <summary>c: values within +-c pass unchanged.</summary>
    public float Bound { get; }

    /// <inheritdoc/>
    public override FlowShape OutputShape(FlowShape input) => RequireVector(input, input.Size);

    /// <inheritdoc/>
    public override string Describe() => $"logarithmic beyond +-{Bound:G3} standard deviations";

    internal override void EmitDensity(DensityState state)
    {
        GraphNodes nodes = state.Nodes;
        string low = nodes.Scalar(-Bound), high = nodes.Scalar(Bound), most = nodes.Scalar(float.MaxValue);
        state.Vector.Map(part =>
        {
            string x = state.Vector.Scaled(part);
            string beyond = nodes.Node("Clip", nodes.Node("Abs", x), high, most); // 1 <= beyond / c, also for an infinity
            string excess = nodes.Log(nodes.Node("Mul", beyond, nodes.Scalar(1 / Bound)));
            state.AddLogDet(nodes.Node("Neg", excess), part.Width);
            string tail = nodes.Node("Mul", nodes.Node("Mul", excess, high), nodes.Node("Sign", x));
            return part with { Tensor = nodes.Node("Add", nodes.Node("Clip", x, low, high), tail), Scale = null };
        });
    }

    internal override void EmitSampling(FlowState state)
    {
        GraphNodes nodes = state.Nodes;
        string low = nodes.Scalar(-Bound), high = nodes.Scalar(Bound);
        state.Vector.Map(part =>
        {
            string y = state.Vector.Scaled(part);
            string excess = nodes.Node("Sub", nodes.Node("Mul", nodes.Node("Abs", y), nodes.Scalar(1 / Bound)), nodes.Scalar(1));
            // exp(0) = 1 within the bound, where the clipped value already is the answer
            string growth = nodes.Node("Exp", nodes.Node("Clip", excess, nodes.Scalar(0), nodes.Scalar(MaxExponent)));
            return part with { Tensor = nodes.Node("Mul", nodes.Node("Clip", y, low, high), growth), Scale = null };
        });
    }

    internal override void Save(StepWriter writer) => writer.Number("bound", Bound);

    internal static TailCompression Load(StepReader reader) => new((float)reader.Number("bound"));
}
