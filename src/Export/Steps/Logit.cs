using RealNvp.ML.Export.Onnx;
using RealNvp.ML.Export.Storage;

namespace RealNvp.ML.Export.Steps;

/// <summary>
/// The first step of an image flow (paper, section 4.1): y = log(p / (1 - p)) of p = a + (1 - 2 a) x, where x in [0, 1) is the share of the
/// k levels that a pixel stands for. A column value v is the centre of its level's bin: x = (v / width + 1/2) / k, so that noise of one
/// width around v, as training adds, fills [0, 1) and scoring evaluates the centre. log|dy/dv| = -log p - log(1 - p) + log((1 - 2 a) / (k
/// width)).
/// </summary>
/// <remarks>
/// The squash by a keeps every level away from the ends of the logit. Beyond them, where p is outside (0.01, 0.99) and no level is (except
/// for a below 0.01), y goes on as a straight line: every row has a finite latent and every latent a row. Samples that lie there are
/// clipped when they become images.
/// </remarks>
public sealed class Logit : FlowStep
{
    /// <summary>p at which the straight line begins.</summary>
    internal const double Edge = 0.01;

    /// <summary>The paper's a.</summary>
    internal const double StandardAlpha = 0.05;

    /// <summary>A logit of levels.</summary>
    /// <param name="levels">k, the number of levels: 256 for 8 bits.</param>
    /// <param name="levelWidth">The distance of two levels in the column's units: 1 for values 0, 1, 2..., 1/255 where 255 became
    /// 1.</param>
    /// <param name="alpha">a, from 0 to less than 1/2.</param>
    public Logit(int levels, float levelWidth, float alpha = (float)StandardAlpha)
    {
        if (levels < 2 || !(levelWidth > 0 && float.IsFinite(levelWidth)) || !(alpha is >= 0 and < 0.5f))
        {
            throw new FlowModelException("expects 2 levels or more of a positive width and an alpha from 0 to less than 0.5, "
                + $"found {levels}, {levelWidth} and {alpha}.");
        }
        Levels = levels;
        LevelWidth = levelWidth;
        Alpha = alpha;
    }

    /// <summary>k, the number of levels.</summary>
    public int Levels { get; }

    /// <summary>The distance of two levels in the column's units.</summary>
    public float LevelWidth { get; }

    /// <summary>a.</summary>
    public float Alpha { get; }

    /// <summary>dp/dv.</summary>
    public double Slope => (1 - 2.0 * Alpha) / ((double)Levels * LevelWidth);

    /// <summary>p at v = 0.</summary>
    public double Intercept => Alpha + (0.5 - Alpha) / Levels;

    /// <inheritdoc/>
    public override FlowShape OutputShape(FlowShape input) => RequireImage(input);

    /// <inheritdoc/>
    public override string Describe()
        => $"{Levels} levels of {LevelWidth:G3}, alpha {Alpha:G3}; uniform noise in training, the bin's centre in scoring";

    internal override void EmitDensity(DensityState state)
    {
        GraphNodes nodes = state.Nodes;
        // in double: a flow of images that hardly differ magnifies what is rounded here several hundred times
        string x = nodes.ToDouble(state.Image.Tensor);
        string p = nodes.Node("Add", nodes.Node("Mul", x, nodes.DoubleScalar(Slope)), nodes.DoubleScalar(Intercept));
        string inside = nodes.Node("Clip", p, nodes.DoubleScalar(Edge), nodes.DoubleScalar(1 - Edge));
        string logP = nodes.Node("Log", inside), logQ = nodes.Node("Log", nodes.Node("Sub", nodes.DoubleScalar(1), inside));
        string line = nodes.Node("Mul", nodes.Node("Sub", p, inside), nodes.DoubleScalar(1 / (Edge * (1 - Edge))));
        state.AddImageLogDet(nodes.ToFloat(nodes.Node("Neg", nodes.Node("Add", logP, logQ))), state.Image.Channels);
        state.AddImageConstantLogDet(state.Image.Channels * Math.Log(Slope));
        state.Image.Replace(nodes.ToFloat(nodes.Node("Add", nodes.Node("Sub", logP, logQ), line)));
    }

    internal override void EmitSampling(FlowState state)
    {
        GraphNodes nodes = state.Nodes;
        double bound = Math.Log((1 - Edge) / Edge);
        string y = state.Image.Tensor;
        string inside = nodes.Node("Clip", y, nodes.Scalar(-bound), nodes.Scalar(bound));
        string line = nodes.Node("Mul", nodes.Node("Sub", y, inside), nodes.Scalar(Edge * (1 - Edge)));
        string p = nodes.Node("Add", nodes.Node("Sigmoid", inside), line);
        state.Image.Replace(nodes.Node("Mul", nodes.Node("Sub", p, nodes.Scalar(Intercept)), nodes.Scalar(1 / Slope)));
    }

    internal override void Save(StepWriter writer)
    {
        writer.Number("levels", Levels);
        writer.Number("level_width", LevelWidth);
        writer.Number("alpha", Alpha);
    }

    internal static Logit Load(StepReader reader)
        => new(reader.Count("levels"), (float)reader.Number("level_width"), (float)reader.Number("alpha"));
}
