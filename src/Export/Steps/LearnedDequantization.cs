using RealNvp.ML.Export.Nets;
using RealNvp.ML.Export.Onnx;
using RealNvp.ML.Export.Storage;

namespace RealNvp.ML.Export.Steps;

/// <summary>
/// Learned dequantisation (Ho et al. 2019, "Flow++") as a step in front of the <see cref="Logit"/>, [N, C, H, W]: it moves each value
/// within the bin of its level, and a net that reads the levels of the whole image says how. What training adds is uniform noise u in
/// [0, 1) as ever; behind the step it has another density q within the bin, so that E[log p(v)] over the noise is the variational bound
/// E[log p(k + g) - log q(g | k)] of log P(k). A pixel whose level is certain then has the bell that a flow can make, where a box costs a
/// quarter of a bit.
/// </summary>
/// <remarks>
/// With k the level of v, v / width + 1/2 = k + u; z = F^-1(e + (1 - 2 e) u) of the normal distribution function in the form F(z) =
/// sigmoid(1.5976 z + 0.07056 z^3) (Bowling et al. 2009), whose inverse is that of a cubic; and with sigma the logistic function
/// g = (sigma(a z + b) - sigma(b - a z1)) / (sigma(b + a z1) - sigma(b - a z1)), where z1 = F^-1(1 - e). The net gives a = 1 + 0.9 tanh(r),
/// which goes from a truncated bell at 0.1 to nearly uniform noise at 1.7, and b = 3 tanh(t), which leans it. g is a bijection of
/// [0, 1]: a value never leaves its bin, and the levels are the same on both sides of the step. Values beyond the levels pass unchanged.
/// </remarks>
public sealed class LearnedDequantization : FlowStep
{
    /// <summary>Of F.</summary>
    internal const double Linear = 1.5976, Cubic = 0.07056;

    /// <summary>e, the tail of the bell that is cut off.</summary>
    internal const double Tail = 1e-3;

    /// <summary>a = <see cref="MiddleScale"/> + <see cref="ScaleRange"/> tanh(r), b = <see cref="LeanRange"/> tanh(t).</summary>
    internal const double MiddleScale = 1, ScaleRange = 0.9, LeanRange = 3;

    /// <summary>z1.</summary>
    internal static readonly double End = Quantile(1 - Tail);

    /// <summary>A frozen step.</summary>
    /// <param name="levels">The number of levels: 256 for 8 bits.</param>
    /// <param name="levelWidth">The distance of two levels in the column's units.</param>
    /// <param name="net">Reads the levels, 0, 1, 2..., of C channels and yields 2 C maps, r before t.</param>
    public LearnedDequantization(int levels, float levelWidth, ResidualConditioner net)
    {
        _ = new Logit(levels, levelWidth); // the same is expected of them
        if (net.ReadsMask || net.Output.Outputs != 2 * net.Input.Channels)
        {
            throw new FlowModelException($"expects a net that reads levels alone and yields two maps for each of {net.Input.Channels} "
                + $"channels, found {net.Output.Outputs} maps.");
        }
        Levels = levels;
        LevelWidth = levelWidth;
        Net = net;
    }

    /// <summary>The number of levels.</summary>
    public int Levels { get; }

    /// <summary>The distance of two levels in the column's units.</summary>
    public float LevelWidth { get; }

    /// <summary>The net.</summary>
    public ResidualConditioner Net { get; }

    /// <summary>F^-1, the root of the cubic 0.07056 z^3 + 1.5976 z = log(p / (1 - p)).</summary>
    internal static double Quantile(double p)
    {
        double third = Linear / (3 * Cubic), half = Math.Log(p / (1 - p)) / (2 * Cubic);
        double root = Math.Cbrt(Math.Abs(half) + Math.Sqrt(half * half + third * third * third));
        return Math.Sign(half) * (root - third / root);
    }

    /// <inheritdoc/>
    public override FlowShape OutputShape(FlowShape input) => RequireImage(input, Net.Input.Channels);

    /// <inheritdoc/>
    public override string Describe() => $"noise within the bins of {Levels} levels shaped by a net of {Net.First.Outputs} maps and "
        + $"{Net.Blocks.Length} blocks";

    internal override void EmitDensity(DensityState state)
    {
        GraphNodes nodes = state.Nodes;
        var bins = new Bins(this, state);
        (string a, string b, string low, string range) = bins.Shape(state);
        // in double, as the logit behind it
        string p = Affine(nodes, bins.Share, 1 - 2 * Tail, Tail), q = OneLess(nodes, p);
        string odds = nodes.Node("Sub", nodes.Node("Log", p), nodes.Node("Log", q));
        string z = Root(nodes, odds);
        string at = nodes.Node("Add", nodes.Node("Mul", a, z), b);
        string h = nodes.Node("Sigmoid", at), rest = nodes.Node("Sigmoid", nodes.Node("Neg", at));
        string share = nodes.Node("Div", nodes.Node("Sub", h, low), range);
        // dg/du = h (1 - h) a (1 - 2 e) / (range p (1 - p) (c1 + 3 c3 z^2))
        string above = nodes.Node("Mul", nodes.Node("Mul", nodes.Node("Mul", h, rest), a), nodes.DoubleScalar(1 - 2 * Tail));
        string slope = Affine(nodes, nodes.Node("Mul", z, z), 3 * Cubic, Linear);
        string below = nodes.Node("Mul", nodes.Node("Mul", range, nodes.Node("Mul", p, q)), slope);
        string logDet = nodes.Node("Log", nodes.Node("Div", above, below));
        state.AddImageLogDet(nodes.ToFloat(nodes.Node("Where", bins.IsInside, logDet, nodes.DoubleScalar(0))), state.Image.Channels);
        state.Image.Replace(bins.Replaced(share));
    }

    internal override void EmitSampling(FlowState state)
    {
        GraphNodes nodes = state.Nodes;
        var bins = new Bins(this, state);
        (string a, string b, string low, string range) = bins.Shape(state);
        string h = nodes.Node("Add", nodes.Node("Mul", bins.Share, range), low);
        string odds = nodes.Node("Sub", nodes.Node("Log", h), nodes.Node("Log", OneLess(nodes, h)));
        string z = nodes.Node("Div", nodes.Node("Sub", odds, b), a);
        string cubic = Affine(nodes, nodes.Node("Mul", z, z), Cubic, Linear);
        string p = nodes.Node("Sigmoid", nodes.Node("Mul", z, cubic));
        string share = Affine(nodes, p, 1 / (1 - 2 * Tail), -Tail / (1 - 2 * Tail));
        state.Image.Replace(bins.Replaced(nodes.Node("Clip", share, nodes.DoubleScalar(0), nodes.DoubleScalar(1))));
    }

    internal override void Save(StepWriter writer)
    {
        writer.Number("levels", Levels);
        writer.Number("level_width", LevelWidth);
        Net.Save(writer);
    }

    internal static LearnedDequantization Load(StepReader reader)
        => new(reader.Count("levels"), (float)reader.Number("level_width"), ResidualConditioner.Load(reader));

    private static string Affine(GraphNodes nodes, string x, double scale, double shift)
        => nodes.Node("Add", nodes.Node("Mul", x, nodes.DoubleScalar(scale)), nodes.DoubleScalar(shift));

    private static string OneLess(GraphNodes nodes, string x) => nodes.Node("Sub", nodes.DoubleScalar(1), x);

    /// <summary>z of log(p / (1 - p)).</summary>
    private static string Root(GraphNodes nodes, string odds)
    {
        const double Third = Linear / (3 * Cubic);
        string half = nodes.Node("Mul", odds, nodes.DoubleScalar(1 / (2 * Cubic))), size = nodes.Node("Abs", half);
        string square = Affine(nodes, nodes.Node("Mul", half, half), 1, Third * Third * Third);
        string cube = nodes.Node("Log", nodes.Node("Add", size, nodes.Node("Sqrt", square)));
        string root = nodes.Node("Exp", nodes.Node("Mul", cube, nodes.DoubleScalar(1.0 / 3)));
        string positive = nodes.Node("Sub", root, nodes.Node("Div", nodes.DoubleScalar(Third), root));
        return nodes.Node("Mul", nodes.Node("Sign", half), positive);
    }

    /// <summary>The image of a graph as levels and what is beyond them, in double.</summary>
    private readonly struct Bins
    {
        private readonly LearnedDequantization _step;
        private readonly GraphNodes _nodes;
        private readonly string _level, _beyond;

        public Bins(LearnedDequantization step, FlowState state)
        {
            (_step, _nodes) = (step, state.Nodes);
            string at = Affine(_nodes, _nodes.ToDouble(state.Image.Tensor), 1 / (double)step.LevelWidth, 0.5);
            _level = _nodes.Node("Clip", _nodes.Node("Floor", at), _nodes.DoubleScalar(0), _nodes.DoubleScalar(step.Levels - 1));
            string within = _nodes.Node("Sub", at, _level);
            Share = _nodes.Node("Clip", within, _nodes.DoubleScalar(0), _nodes.DoubleScalar(1));
            _beyond = _nodes.Node("Sub", within, Share);
            IsInside = _nodes.Node("Equal", within, Share);
        }

        /// <summary>Where in its bin a value is, from 0 to 1.</summary>
        public string Share { get; }

        /// <summary>Whether a value is in any bin.</summary>
        public string IsInside { get; }

        /// <summary>a, b, and where the bell begins and how far it goes, as the net says.</summary>
        public (string A, string B, string Low, string Range) Shape(FlowState state)
        {
            (string r, string t) = _step.Net.Emit(_nodes, _nodes.ToFloat(_level), mask: null, state.Condition);
            string a = Affine(_nodes, _nodes.ToDouble(_nodes.Node("Tanh", r)), ScaleRange, MiddleScale);
            string b = _nodes.Node("Mul", _nodes.ToDouble(_nodes.Node("Tanh", t)), _nodes.DoubleScalar(LeanRange));
            string reach = _nodes.Node("Mul", a, _nodes.DoubleScalar(End));
            string low = _nodes.Node("Sigmoid", _nodes.Node("Sub", b, reach));
            return (a, b, low, _nodes.Node("Sub", _nodes.Node("Sigmoid", _nodes.Node("Add", b, reach)), low));
        }

        /// <summary>The image with other places in the same bins.</summary>
        public string Replaced(string share)
        {
            string at = _nodes.Node("Add", _nodes.Node("Add", _level, share), _beyond);
            return _nodes.ToFloat(Affine(_nodes, at, _step.LevelWidth, -0.5 * _step.LevelWidth));
        }
    }
}
