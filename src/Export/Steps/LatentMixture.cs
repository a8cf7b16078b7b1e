using System.Collections.Immutable;
using RealNvp.ML.Export.Onnx;
using RealNvp.ML.Export.Storage;

namespace RealNvp.ML.Export.Steps;

/// <summary>
/// The last step of a vector flow whose latent is not standard normal but distributed as a mixture: q(z) = (1 - sum w - e) N(z; 0, I) +
/// sum w N(z; mean, diag(deviation^2)) + e C(z). Values pass unchanged; what stands in the place of a log-determinant is log q(z) -
/// log N(z; 0, I), so that with the standard normal's log-density the flow's is that under q.
/// </summary>
/// <remarks>
/// C is the tail: the multivariate Cauchy density, Student's t of one degree of freedom, as wide as latents are far from 0, sqrt(D) (in
/// the midst a narrower one would be far above the normal where values are many): Gamma((D + 1) / 2) / (D^(D / 2) (pi (1 + |z|^2 / D))^((D
/// + 1) / 2)). A flow is steep where it has learned that rows lie close together, and says of a row far from all others that its latent is
/// thousands of deviations out; a normal's log-density falls with the square of that, so that one such row among hundreds outweighs all
/// others in a mean. The tail's falls with the logarithm. It has so little weight, e, that it matters only where the rest is unlikely
/// beyond -log e nats.
/// The sampling graph knows nothing of all this: latents are to be drawn from q by whoever runs it, as <c>RealNvpTransformer.Sample</c>
/// does (which leaves the tail out: of an e of 1E-5 one row in 100,000 would come, from anywhere). Standard normal latents give rows of
/// the flow without it, which are a little smoother.
/// </remarks>
public sealed class LatentMixture : FlowStep
{
    /// <summary>
    /// The most by which a component may raise the log-density anywhere, in nats: its exponential is far from float32's end.
    /// </summary>
    public const double MostGain = 40;

    /// <summary>
    /// Beyond it a latent counts as this beside the components, which have no part in it; float32 still has its square.
    /// </summary>
    internal const double OutOfReach = 1e9;

    private readonly double[] _logScales; // of each component: log w - sum log deviation
    private readonly double[] _constants; // of each component: log w - sum log deviation - sum (mean / deviation)^2 / 2

    /// <summary>A mixture of this many components beside the standard normal, which has the rest of the weight; without a tail.</summary>
    /// <param name="weights">w [K], positive, together below 1.</param>
    /// <param name="means">[K, D], finite.</param>
    /// <param name="deviations">[K, D], above 0 and below 1, so that far out the standard normal is what remains.</param>
    /// <exception cref="FlowModelException">The numbers are not such, or a component raises the log-density somewhere by more than
    /// <see cref="MostGain"/>.</exception>
    public LatentMixture(ImmutableArray<float> weights, ImmutableArray<float> means, ImmutableArray<float> deviations)
        : this(weights.IsEmpty ? 0 : means.Length / weights.Length, weights, means, deviations, tailWeight: 0)
    {
    }

    /// <summary>A mixture of this many components, which may be none, beside the standard normal and the tail.</summary>
    /// <param name="features">D.</param>
    /// <param name="weights">w [K], positive, together below 1.</param>
    /// <param name="means">[K, D], finite.</param>
    /// <param name="deviations">[K, D], above 0 and below 1.</param>
    /// <param name="tailWeight">e, the weight of the tail; 0 or above, together with the others below 1.</param>
    /// <exception cref="FlowModelException">The numbers are not such, or a component raises the log-density somewhere by more than
    /// <see cref="MostGain"/>.</exception>
    public LatentMixture(int features, ImmutableArray<float> weights, ImmutableArray<float> means, ImmutableArray<float> deviations,
        double tailWeight)
    {
        if (features < 1 || means.Length != deviations.Length || means.Length != (long)features * weights.Length
            || (weights.IsEmpty && tailWeight == 0))
        {
            throw new FlowModelException($"expects weights, and means and deviations of as many components; found {weights.Length}, "
                + $"{means.Length} and {deviations.Length} numbers.");
        }
        if (weights.Any(weight => !(weight > 0)) || !(tailWeight >= 0) || !(weights.Sum(weight => (double)weight) + tailWeight < 1))
            throw new FlowModelException("expects positive weights that are together below 1, and none below 0 for the tail.");
        if (means.Any(mean => !float.IsFinite(mean)) || deviations.Any(deviation => !(deviation is > 0 and < 1)))
            throw new FlowModelException("expects finite means, and deviations above 0 and below 1.");
        (Features, Weights, Means, Deviations, TailWeight) = (features, weights, means, deviations, tailWeight);
        NormalWeight = 1 - weights.Sum(weight => (double)weight) - tailWeight;
        (_logScales, _constants) = (new double[weights.Length], new double[weights.Length]);
        for (int k = 0; k < weights.Length; k++)
        {
            double gain = Math.Log(weights[k]) + GainOf(ComponentMeans(k), ComponentDeviations(k));
            if (!(gain <= MostGain))
                throw new FlowModelException($"expects components that raise the log-density by at most {MostGain}, found {gain:G4}.");
            double constant = Math.Log(weights[k]);
            for (int j = 0; j < Features; j++)
            {
                double mean = ComponentMeans(k)[j], deviation = ComponentDeviations(k)[j];
                constant -= Math.Log(deviation) + 0.5 * (mean / deviation) * (mean / deviation);
            }
            _constants[k] = constant;
            _logScales[k] = Math.Log(weights[k]);
            foreach (float deviation in ComponentDeviations(k))
                _logScales[k] -= Math.Log(deviation);
        }
    }

    /// <summary>The weight of each component, [K].</summary>
    public ImmutableArray<float> Weights { get; }

    /// <summary>The mean of each, [K, D].</summary>
    public ImmutableArray<float> Means { get; }

    /// <summary>The standard deviations of each, [K, D].</summary>
    public ImmutableArray<float> Deviations { get; }

    /// <summary>e, the weight of the tail; 0 where there is none.</summary>
    public double TailWeight { get; }

    /// <summary>The weight of the standard normal: 1 less those of the components and of the tail.</summary>
    public double NormalWeight { get; }

    /// <summary>D, the number of values of a latent.</summary>
    public int Features { get; }

    /// <summary>A mixture, or null for the standard normal, with a tail of a weight, which may be 0.</summary>
    internal static LatentMixture? WithTail(LatentMixture? mixture, int features, double weight) => weight == 0 ? mixture
        : mixture is null ? new(features, [], [], [], weight)
        : new(features, mixture.Weights, mixture.Means, mixture.Deviations, weight);

    /// <summary>The mean of one component, [D].</summary>
    internal ReadOnlySpan<float> ComponentMeans(int component) => Means.AsSpan(component * Features, Features);

    /// <summary>The standard deviations of one component, [D].</summary>
    internal ReadOnlySpan<float> ComponentDeviations(int component) => Deviations.AsSpan(component * Features, Features);

    /// <summary>
    /// The most that log N(z; mean, diag(deviation^2)) exceeds log N(z; 0, I) by, over all z: -sum log deviation + sum mean^2 / (1 -
    /// deviation^2) / 2, where deviations are below 1.
    /// </summary>
    internal static double GainOf(ReadOnlySpan<float> means, ReadOnlySpan<float> deviations)
    {
        double gain = 0;
        for (int j = 0; j < means.Length; j++)
        {
            double mean = means[j], deviation = deviations[j];
            gain += 0.5 * mean * mean / (1 - deviation * deviation) - Math.Log(deviation);
        }
        return gain;
    }

    /// <summary>
    /// By how much the components raise the log-density of one latent, in nats: log q(z) less what it would be if the standard normal had
    /// their weight, in double precision.
    /// </summary>
    internal double LogGain(ReadOnlySpan<float> latent)
    {
        double tail = TailRatio(latent);
        return double.IsFinite(tail) ? Math.Log((NormalWeight + ComponentsRatio(latent) + tail) / (1 - TailWeight + tail)) : 0;
    }

    /// <summary>What the tail adds to q(z) / N(z; 0, I); infinite where nothing but it is left.</summary>
    internal double TailRatio(ReadOnlySpan<float> latent)
    {
        if (TailWeight == 0)
            return 0;
        double squares = 0;
        foreach (double z in latent)
            squares += z * z;
        return Math.Exp(LogOfTail(Features, TailWeight) - 0.5 * (Features + 1) * Math.Log(1 + squares / Features)
            + 0.5 * (squares + Features * Math.Log(2 * Math.PI)));
    }

    /// <summary>What the components add to q(z) / N(z; 0, I), however little that is beside the normal's weight.</summary>
    internal double ComponentsRatio(ReadOnlySpan<float> latent)
    {
        double sum = 0;
        for (int k = 0; k < Weights.Length; k++)
        {
            double exponent = _logScales[k];
            ReadOnlySpan<float> means = ComponentMeans(k), deviations = ComponentDeviations(k);
            for (int j = 0; j < means.Length; j++)
            {
                double z = latent[j], away = (z - means[j]) / deviations[j];
                exponent += 0.5 * (z * z - away * away);
            }
            sum += Math.Exp(exponent);
        }
        return sum;
    }

    /// <inheritdoc/>
    public override FlowShape OutputShape(FlowShape input) => RequireVector(input, Features);

    /// <inheritdoc/>
    public override string Describe()
        => (Weights.IsEmpty ? "a standard normal" : $"a standard normal of weight {NormalWeight:G3} and {Weights.Length} Gaussians")
        + (TailWeight > 0 ? $", with a Cauchy tail of {TailWeight:G3}" : "");

    internal override void EmitDensity(DensityState state)
    {
        GraphNodes nodes = state.Nodes;
        string ratio = Weights.IsEmpty ? nodes.DoubleScalar(Math.Log(NormalWeight)) : nodes.Node("Log", EmitRatio(state));
        if (TailWeight == 0)
        {
            state.AddRowLogDet(ratio);
            return;
        }
        // in place of the normal's density, not relative to it: far out nothing would be left of a difference
        string wide = nodes.ToDouble(state.Vector.Whole()), squares = nodes.Sum(nodes.Node("Mul", wide, wide), axis: 1, keep: true);
        string normal = nodes.Node("Add", nodes.Node("Mul", squares, nodes.DoubleScalar(-0.5)),
            nodes.DoubleScalar(-0.5 * Features * Math.Log(2 * Math.PI)));
        string rest = nodes.Node("Add", normal, ratio);
        string far = nodes.Node("Add", nodes.Node("Mul", squares, nodes.DoubleScalar(1.0 / Features)), nodes.DoubleScalar(1));
        string falls = nodes.Node("Mul", nodes.Node("Log", far), nodes.DoubleScalar(-0.5 * (Features + 1)));
        string tail = nodes.Node("Add", falls, nodes.DoubleScalar(LogOfTail(Features, TailWeight)));
        string less = nodes.Node("Neg", nodes.Node("Abs", nodes.Node("Sub", rest, tail)));
        state.LatentLogDensity = nodes.Node("Add", nodes.Node("Max", rest, tail),
            nodes.Node("Log", nodes.Node("Add", nodes.Node("Exp", less), nodes.DoubleScalar(1))));
    }

    /// <summary>(q(z) - e C(z)) / N(z; 0, I), [N, 1] in double.</summary>
    private string EmitRatio(DensityState state)
    {
        GraphNodes nodes = state.Nodes;
        int features = Features, components = Weights.Length;
        // the exponents are quadratic in z: one product with its squares, one with itself
        double[] squares = new double[features * components], linear = new double[features * components];
        for (int k = 0; k < components; k++)
        {
            for (int j = 0; j < features; j++)
            {
                double precision = 1 / ((double)ComponentDeviations(k)[j] * ComponentDeviations(k)[j]);
                squares[j * components + k] = 0.5 * (1 - precision);
                linear[j * components + k] = precision * ComponentMeans(k)[j];
            }
        }
        string z = nodes.Node("Clip", state.Vector.Whole(), nodes.Scalar(-OutOfReach), nodes.Scalar(OutOfReach));
        string ofSquares = nodes.Node("MatMul", nodes.Node("Mul", z, z), nodes.Constant(squares, features, components));
        string ofValues = nodes.Node("MatMul", z, nodes.Constant(linear, features, components));
        string exponents = nodes.Node("Add", nodes.Node("Add", ofSquares, nodes.Constant(_constants)), ofValues);
        return nodes.Node("Add", nodes.DoubleRowSum(nodes.Node("Exp", exponents)), nodes.DoubleScalar(NormalWeight));
    }

    internal override void EmitSampling(FlowState state) { }

    internal override void Save(StepWriter writer)
    {
        if (!Weights.IsEmpty)
        {
            writer.Tensor("weights", Weights);
            writer.Tensor("means", Means);
            writer.Tensor("deviations", Deviations);
        }
        if (TailWeight == 0)
            return;
        writer.Number("features", Features);
        writer.Number("tail_weight", TailWeight);
    }

    internal static LatentMixture Load(StepReader reader)
    {
        (ImmutableArray<float> weights, ImmutableArray<float> means, ImmutableArray<float> deviations)
            = (reader.TensorOrEmpty("weights"), reader.TensorOrEmpty("means"), reader.TensorOrEmpty("deviations"));
        return reader.CountOrZero("features") is > 0 and var features
            ? new(features, weights, means, deviations, reader.Number("tail_weight"))
            : new(weights, means, deviations);
    }

    /// <summary>log e C(0), of which (D + 1) / 2 log(1 + |z|^2 / D) is taken elsewhere.</summary>
    internal static double LogOfTail(int features, double weight) => Math.Log(weight) + LogGammaOfHalf(features + 1)
        - 0.5 * (features + 1) * Math.Log(Math.PI) - 0.5 * features * Math.Log(features);

    /// <summary>log Gamma(n / 2) of a whole n above 0, by Gamma(x + 1) = x Gamma(x) from Gamma(1) or Gamma(1 / 2) on.</summary>
    private static double LogGammaOfHalf(int n)
    {
        double sum = n % 2 == 0 ? 0 : 0.5 * Math.Log(Math.PI);
        for (int twice = n - 2; twice > 0; twice -= 2)
            sum += Math.Log(0.5 * twice);
        return sum;
    }
}
