using System.Collections.Immutable;
using RealNvp.ML.Export.Onnx;
using RealNvp.ML.Export.Storage;

namespace RealNvp.ML.Export.Steps;

/// <summary>
/// Learned marginals that may have several modes: a monotone rational-quadratic spline per feature (Gregory and Delbourgo 1982; Durkan,
/// Bekasov, Murray and Papamakarios 2019, "Neural spline flows", equations 4 to 8 and appendix A.3), with straight lines beyond its ends.
/// </summary>
/// <remarks>
/// In bin k with the width w, the height h, s = h / w, e = d_(k+1) + d_k - 2 s and u = (x - x_k) / w:
/// y = y_k + h (s u^2 + d_k u (1 - u)) / q with q = s + e u (1 - u), and
/// dy/dx = s^2 (d_(k+1) u^2 + 2 s u (1 - u) + d_k (1 - u)^2) / q^2. Back, with v = y - y_k:
/// u = 2 c / (-b - sqrt(b^2 - 4 a c)) of a = h (s - d_k) + v e, b = h d_k - v e and c = -s v.
/// </remarks>
public sealed class RationalQuadraticSpline : FlowStep
{
    private readonly double[] _x, _y; // knots, [features, bins + 1]

    /// <summary>A frozen spline.</summary>
    /// <param name="features">The number of values in a row, D.</param>
    /// <param name="start">x and y of the first knot of every feature, [2].</param>
    /// <param name="widths">The widths of the bins, [D, K] row-major, positive.</param>
    /// <param name="heights">Their heights, [D, K] row-major, positive.</param>
    /// <param name="slopes">dy/dx at the knots, [D, K + 1] row-major, positive.</param>
    public RationalQuadraticSpline(int features, ImmutableArray<float> start, ImmutableArray<float> widths, ImmutableArray<float> heights,
        ImmutableArray<float> slopes)
    {
        if (features < 1 || start.Length != 2 || widths.IsEmpty || widths.Length % features != 0 || heights.Length != widths.Length
            || slopes.Length != widths.Length + features)
        {
            throw new FlowModelException($"expects K widths, K heights and K + 1 slopes for each of {features} features and a start, "
                + $"found {widths.Length}, {heights.Length}, {slopes.Length} and {start.Length} numbers.");
        }
        if (start.Any(value => !float.IsFinite(value))
            || widths.Concat(heights).Concat(slopes).Any(value => !(value > 0 && float.IsFinite(value))))
        {
            throw new FlowModelException("expects a finite start and positive widths, heights and slopes.");
        }
        (Features, Bins, Start, Widths, Heights, Slopes) = (features, widths.Length / features, start, widths, heights, slopes);
        (_x, _y) = (Knots(start[0], widths), Knots(start[1], heights));
    }

    /// <summary>The number of values in a row.</summary>
    public int Features { get; }

    /// <summary>The number of bins of each feature, K.</summary>
    public int Bins { get; }

    /// <summary>x and y of the first knot.</summary>
    public ImmutableArray<float> Start { get; }

    /// <summary>The widths of the bins, [Features, Bins] row-major.</summary>
    public ImmutableArray<float> Widths { get; }

    /// <summary>Their heights, [Features, Bins] row-major.</summary>
    public ImmutableArray<float> Heights { get; }

    /// <summary>dy/dx at the knots, [Features, Bins + 1] row-major.</summary>
    public ImmutableArray<float> Slopes { get; }

    /// <inheritdoc/>
    public override FlowShape OutputShape(FlowShape input) => RequireVector(input, Features);

    /// <inheritdoc/>
    public override string Describe()
        => $"{Bins} bins for each of {Features} features, slopes {Heights.Zip(Widths, (h, w) => h / w).Min():G3} to "
            + $"{Heights.Zip(Widths, (h, w) => h / w).Max():G3}";

    internal override void EmitDensity(DensityState state) => state.Vector.Map(part =>
    {
        GraphNodes nodes = state.Nodes;
        string x = state.Vector.Scaled(part);
        var bin = new Bin(this, nodes, part, x, _x);
        string u = nodes.Node("Div", nodes.Node("Sub", bin.Held, bin.Of(_x, Bins + 1)), bin.Of(Widths));
        (string y, string slope) = Evaluate(nodes, bin, u);
        state.AddLogDet(nodes.Log(slope), part.Width);
        return part with { Tensor = nodes.Node("Add", y, nodes.Node("Mul", bin.Beyond, slope)), Scale = null };
    });

    internal override void EmitSampling(FlowState state) => state.Vector.Map(part =>
    {
        GraphNodes nodes = state.Nodes;
        string y = state.Vector.Scaled(part);
        var bin = new Bin(this, nodes, part, y, _y);
        string v = nodes.Node("Sub", bin.Held, bin.Of(_y, Bins + 1)), h = bin.Of(Heights), s = bin.Of(Steepness()), d = bin.Of(Left());
        string ve = nodes.Node("Mul", v, bin.Of(Excess()));
        string a = nodes.Node("Add", nodes.Node("Mul", h, nodes.Node("Sub", s, d)), ve);
        string b = nodes.Node("Sub", nodes.Node("Mul", h, d), ve);
        string c = nodes.Node("Neg", nodes.Node("Mul", s, v));
        string four = nodes.Node("Mul", nodes.Node("Mul", a, c), nodes.Scalar(4));
        string root = nodes.Node("Sqrt", nodes.Node("Max", nodes.Node("Sub", nodes.Node("Mul", b, b), four), nodes.Scalar(0)));
        string u = nodes.Node("Div", nodes.Node("Mul", c, nodes.Scalar(2)), nodes.Node("Neg", nodes.Node("Add", b, root)));
        string inside = nodes.Node("Add", bin.Of(_x, Bins + 1), nodes.Node("Mul", u, bin.Of(Widths)));
        (_, string slope) = Evaluate(nodes, bin, u);
        return part with { Tensor = nodes.Node("Add", inside, nodes.Node("Div", bin.Beyond, slope)), Scale = null };
    });

    internal override void Save(StepWriter writer)
    {
        writer.Tensor("start", Start);
        writer.Tensor("widths", Widths, Features, Bins);
        writer.Tensor("heights", Heights, Features, Bins);
        writer.Tensor("slopes", Slopes, Features, Bins + 1);
    }

    internal static RationalQuadraticSpline Load(StepReader reader)
    {
        (ImmutableArray<float> widths, int features, _) = reader.Matrix("widths");
        return new(features, reader.Tensor("start"), widths, reader.Matrix("heights").Values, reader.Matrix("slopes").Values);
    }

    /// <summary>y and dy/dx at the place u of a bin.</summary>
    private (string Y, string Slope) Evaluate(GraphNodes nodes, Bin bin, string u)
    {
        string s = bin.Of(Steepness()), left = bin.Of(Left()), right = bin.Of(Right()), rest = nodes.Node("Sub", nodes.Scalar(1), u);
        string both = nodes.Node("Mul", u, rest), square = nodes.Node("Mul", u, u);
        string q = nodes.Node("Add", s, nodes.Node("Mul", bin.Of(Excess()), both));
        string rise = nodes.Node("Add", nodes.Node("Mul", s, square), nodes.Node("Mul", left, both));
        string y = nodes.Node("Add", bin.Of(_y, Bins + 1), nodes.Node("Div", nodes.Node("Mul", bin.Of(Heights), rise), q));
        string mean = nodes.Node("Add", nodes.Node("Mul", right, square), nodes.Node("Mul", nodes.Node("Mul", s, both), nodes.Scalar(2)));
        mean = nodes.Node("Add", mean, nodes.Node("Mul", left, nodes.Node("Mul", rest, rest)));
        string ratio = nodes.Node("Div", s, q);
        return (y, nodes.Node("Mul", nodes.Node("Mul", ratio, ratio), mean));
    }

    private double[] Steepness() => [.. Heights.Zip(Widths, (height, width) => (double)height / width)];

    private double[] Left() => [.. Widths.Select((_, i) => (double)Slopes[i + i / Bins])];

    private double[] Right() => [.. Widths.Select((_, i) => (double)Slopes[i + i / Bins + 1])];

    private double[] Excess() => [.. Steepness().Select((s, i) => (double)Slopes[i + i / Bins] + Slopes[i + i / Bins + 1] - 2 * s)];

    private double[] Knots(double start, ImmutableArray<float> steps)
    {
        var knots = new double[Features * (Bins + 1)];
        for (int i = 0; i < knots.Length; i++)
        {
            int within = i % (Bins + 1);
            knots[i] = within == 0 ? start : knots[i - 1] + steps[i / (Bins + 1) * Bins + within - 1];
        }
        return knots;
    }

    /// <summary>The bin that each value of a part falls into: those beyond the ends into the first and the last.</summary>
    private sealed class Bin
    {
        private readonly RationalQuadraticSpline _spline;
        private readonly GraphNodes _nodes;
        private readonly VectorPart _part;
        private readonly string _index; // of the bin among those of the part's features, [N, width]

        public Bin(RationalQuadraticSpline spline, GraphNodes nodes, VectorPart part, string values, double[] knots)
        {
            (_spline, _nodes, _part) = (spline, nodes, part);
            int bins = spline.Bins, width = part.Width;
            double[] Knot(int k) => [.. part.Positions.Select(position => knots[position * (bins + 1) + k])];
            Held = nodes.Node("Min", nodes.Node("Max", values, nodes.Constant(Knot(0))), nodes.Constant(Knot(bins)));
            Beyond = nodes.Node("Sub", values, Held);
            double[] inner = [.. part.Positions.SelectMany(position
                => Enumerable.Range(1, bins - 1).Select(k => knots[position * (bins + 1) + k]))];
            string each = nodes.Constant(Enumerable.Range(0, width).Select(i => (float)(i * bins)).ToArray());
            string column = nodes.Node("Reshape", Held, nodes.Constant([0L, width, 1L]));
            string passed = bins == 1 ? each : nodes.Node("Add", each, nodes.Sum(nodes.ToFloat(nodes.Node("GreaterOrEqual", column,
                nodes.Constant(inner, width, bins - 1))), axis: 2, keep: false));
            _index = nodes.ToInteger(bins == 1 ? nodes.Node("Add", nodes.Node("Mul", Held, nodes.Scalar(0)), each) : passed);
        }

        /// <summary>The values, held between the first and the last knot.</summary>
        public string Held { get; }

        /// <summary>How far beyond these they are.</summary>
        public string Beyond { get; }

        /// <summary>What a number per bin is for each value.</summary>
        public string Of(ImmutableArray<float> perBin) => Of([.. perBin.Select(value => (double)value)]);

        /// <summary>The same of numbers per bin, or of as many per feature, of which those of the bins come first.</summary>
        public string Of(double[] perBin, int? perFeature = null)
        {
            int stride = perFeature ?? _spline.Bins;
            double[] own = [.. _part.Positions.SelectMany(position => perBin.AsSpan(position * stride, _spline.Bins).ToArray())];
            return _nodes.Node("Gather", _nodes.Constant(own), _index);
        }
    }
}
