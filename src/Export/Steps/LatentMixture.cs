using System.Collections.Immutable;
using RealNvp.ML.Export.Onnx;
using RealNvp.ML.Export.Storage;

namespace RealNvp.ML.Export.Steps;

/// <summary>
/// The last step of a vector flow whose latent is not standard normal but distributed as a mixture of Gaussians: q(z) = (1 - sum w) N(z; 0,
/// I) + sum w N(z; mean, diag(deviation^2)). Values pass unchanged; what stands in the place of a log-determinant is log q(z) - log N(z; 0,
/// I), so that with the standard normal's log-density the flow's is that under q.
/// </summary>
/// <remarks>
/// The sampling graph knows nothing of it: latents are to be drawn from q by whoever runs it, as
/// <c>RealNvpTransformer.Sample</c> does. Standard normal latents give rows of the flow without it, which are a little smoother.
/// </remarks>
public sealed class LatentMixture : FlowStep
{
    /// <summary>
    /// The most by which a component may raise the log-density anywhere, in nats: its exponential is far from float32's end.
    /// </summary>
    public const double MostGain = 40;

    private readonly double[] _constants; // of each component: log w - sum log deviation - sum (mean / deviation)^2 / 2

    /// <summary>A mixture of this many components beside the standard normal, which has the rest of the weight.</summary>
    /// <param name="weights">w [K], positive, together below 1.</param>
    /// <param name="means">[K, D], finite.</param>
    /// <param name="deviations">[K, D], above 0 and below 1, so that far out the standard normal is what remains.</param>
    /// <exception cref="FlowModelException">The numbers are not such, or a component raises the log-density somewhere by more than
    /// <see cref="MostGain"/>.</exception>
    public LatentMixture(ImmutableArray<float> weights, ImmutableArray<float> means, ImmutableArray<float> deviations)
    {
        if (weights.IsEmpty || means.Length != deviations.Length || means.IsEmpty || means.Length % weights.Length != 0)
        {
            throw new FlowModelException($"expects weights, and means and deviations of as many components; found {weights.Length}, "
                + $"{means.Length} and {deviations.Length} numbers.");
        }
        if (weights.Any(weight => !(weight > 0)) || !(weights.Sum(weight => (double)weight) < 1))
            throw new FlowModelException("expects positive weights that are together below 1.");
        if (means.Any(mean => !float.IsFinite(mean)) || deviations.Any(deviation => !(deviation is > 0 and < 1)))
            throw new FlowModelException("expects finite means, and deviations above 0 and below 1.");
        (Weights, Means, Deviations) = (weights, means, deviations);
        NormalWeight = 1 - weights.Sum(weight => (double)weight);
        _constants = new double[weights.Length];
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
        }
    }

    /// <summary>The weight of each component, [K].</summary>
    public ImmutableArray<float> Weights { get; }

    /// <summary>The mean of each, [K, D].</summary>
    public ImmutableArray<float> Means { get; }

    /// <summary>The standard deviations of each, [K, D].</summary>
    public ImmutableArray<float> Deviations { get; }

    /// <summary>The weight of the standard normal: 1 less those of the components.</summary>
    public double NormalWeight { get; }

    /// <summary>D, the number of values of a latent.</summary>
    public int Features => Means.Length / Weights.Length;

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

    /// <summary>log q(z) - log N(z; 0, I) of one latent, in double precision.</summary>
    internal double LogRatio(ReadOnlySpan<float> latent) => Math.Log(NormalWeight + ComponentsRatio(latent));

    /// <summary>What the components add to q(z) / N(z; 0, I), however little that is beside the normal's weight.</summary>
    internal double ComponentsRatio(ReadOnlySpan<float> latent)
    {
        double sum = 0;
        for (int k = 0; k < Weights.Length; k++)
        {
            double exponent = Math.Log(Weights[k]);
            ReadOnlySpan<float> means = ComponentMeans(k), deviations = ComponentDeviations(k);
            for (int j = 0; j < means.Length; j++)
            {
                double z = latent[j], away = (z - means[j]) / deviations[j];
                exponent += 0.5 * (z * z - away * away) - Math.Log(deviations[j]);
            }
            sum += Math.Exp(exponent);
        }
        return sum;
    }

    /// <inheritdoc/>
    public override FlowShape OutputShape(FlowShape input) => RequireVector(input, Features);

    /// <inheritdoc/>
    public override string Describe() => $"a standard normal of weight {NormalWeight:G3} and {Weights.Length} Gaussians";

    internal override void EmitDensity(DensityState state)
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
        string z = state.Vector.Whole();
        string ofSquares = nodes.Node("MatMul", nodes.Node("Mul", z, z), nodes.Constant(squares, features, components));
        string ofValues = nodes.Node("MatMul", z, nodes.Constant(linear, features, components));
        string exponents = nodes.Node("Add", nodes.Node("Add", ofSquares, nodes.Constant(_constants)), ofValues);
        string ratio = nodes.Node("Add", nodes.DoubleRowSum(nodes.Node("Exp", exponents)), nodes.DoubleScalar(NormalWeight));
        state.AddRowLogDet(nodes.Node("Log", ratio));
    }

    internal override void EmitSampling(FlowState state) { }

    internal override void Save(StepWriter writer)
    {
        writer.Tensor("weights", Weights);
        writer.Tensor("means", Means);
        writer.Tensor("deviations", Deviations);
    }

    internal static LatentMixture Load(StepReader reader)
        => new(reader.Tensor("weights"), reader.Tensor("means"), reader.Tensor("deviations"));
}
