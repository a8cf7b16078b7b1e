using System.Collections.Immutable;
using System.Globalization;
using RealNvp.ML.Export;
using RealNvp.ML.Export.Steps;
using RealNvp.ML.Trainers.Flows.Nets;
using RealNvp.ML.Trainers.Flows.Steps;
using RealNvp.ML.Trainers.Flows.Steps.Images;
using RealNvp.ML.Trainers.Native;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace RealNvp.ML.Trainers.Flows;

/// <summary>
/// A flow in training: its steps in the density direction. Rows are flat, features and after them the condition, where there is one; the
/// rows of an image flow are planar images. Latents are flat too: of an image flow that of the last scale, then what was factored out, the
/// latest first, each planar.
/// </summary>
internal sealed class Flow : nn.Module<Tensor, (Tensor Latent, Tensor LogDet)>
{
    // images that pass a step at once where all training rows do: their convolutions take 100 times the memory
    private const long ImageChunk = 128;

    // rows by which the use of log-scales is told: of large images few, which take a CPU long
    private const long ValuesOfUse = 1 << 16, LeastRowsOfUse = 8, MostRowsOfUse = 128;

    private static readonly Scalar s_minusHalf = (-0.5).ToScalar();

    private readonly ModuleList<FlowStepModule> steps;
    private readonly ConditionModule? condition;
    private readonly MapReader? maps;
    private readonly FlowShape? _image;
    private readonly ImmutableArray<FlowShape> _latentShapes = []; // of an image flow, in the latent's order
    private (long Size, Scalar Value)? _logNormaliser;

    /// <summary>A flow from its steps.</summary>
    /// <param name="steps">In the density direction.</param>
    /// <param name="image">The shape of a row, where it is an image.</param>
    /// <param name="condition">What the steps read beside the features, if anything.</param>
    /// <param name="maps">How images are read that are continuous maps; null for pixels.</param>
    public Flow(IEnumerable<FlowStepModule> steps, FlowShape? image = null, FlowCondition? condition = null, MapReader? maps = null)
        : base(nameof(Flow))
    {
        this.maps = maps;
        this.steps = new ModuleList<FlowStepModule>([.. steps]);
        if (condition is not null)
            this.condition = new ConditionModule(condition);
        _image = image;
        if (image is not null)
            _latentShapes = MultiScale.LatentShapes(image, this.steps.Select(step => step.Reshaping).OfType<FlowStep>());
        RegisterComponents();
    }

    /// <summary>The steps in the density direction.</summary>
    public IEnumerable<FlowStepModule> Steps => steps;

    /// <summary>What the steps read beside the features; null for nothing.</summary>
    public FlowCondition? Condition => condition?.Frozen;

    /// <summary>
    /// The tail that the latent will have, which evaluation therefore counts with: one far row would choose the best model otherwise.
    /// </summary>
    public LatentTail? Tail { get; set; }

    /// <summary>Gives a trained flow the distribution of its latents.</summary>
    /// <param name="latents">Null for the standard normal.</param>
    public void EndIn(LatentMixture? latents)
    {
        if (latents is null)
            return;
        var step = new LatentMixtureModule(latents);
        steps.Add(step);
        // a list registers what it began with alone
        steps.register_module(string.Create(CultureInfo.InvariantCulture, $"{steps.Count - 1}"), step);
    }

    /// <summary>Whether any step has parameters to train.</summary>
    public bool Learns => parameters().Any();

    /// <summary>Rows [n, D], or [n, D + C] with a condition, to latents [n, D] and log-determinants [n].</summary>
    public override (Tensor Latent, Tensor LogDet) forward(Tensor rows)
    {
        (Tensor x, Tensor? given) = FromRows(rows);
        return Pass(x, given);
    }

    private (Tensor Latent, Tensor LogDet) Pass(Tensor x, Tensor? given)
    {
        var factoredOut = new Stack<Tensor>();
        Tensor? logDet = null;
        foreach (FlowStepModule step in steps)
        {
            (x, Tensor term) = step.forward(x, given);
            if (!step.KeepsVolume)
                logDet = logDet is null ? term : logDet.Plus(term);
            if (step is FactorOutModule)
            {
                (x, Tensor part) = FactorOutModule.Split(x);
                factoredOut.Push(part);
            }
        }
        if (_image is not null)
            x = cat([x.flatten(1), .. factoredOut.Select(part => part.flatten(1))], 1);
        return (x, logDet ?? zeros([], dtype: x.dtype, device: x.device));
    }

    /// <summary>log p of rows, [n], in nats and in the units of the rows.</summary>
    public Tensor LogLikelihood(Tensor rows) => LatentAndLogLikelihood(rows).LogLikelihood;

    /// <summary>
    /// Latents [n, D] and <see cref="LogLikelihood"/> in one pass. Of continuous maps training may see some positions alone, whose latents
    /// these are, and by which it estimates the likelihood of all.
    /// </summary>
    public (Tensor Latent, Tensor LogLikelihood) LatentAndLogLikelihood(Tensor rows)
    {
        (Tensor x, Tensor? given) = FromRows(rows);
        double weight = 1;
        if (training && maps is not null)
            (x, given, weight) = maps.Draw(x);
        (Tensor latent, Tensor logDet) = Pass(x, given);
        Tensor logLikelihood = LogDensity(latent).Plus(logDet);
        if (weight == 1)
            return (latent, logLikelihood);
        using Scalar times = weight.ToScalar();
        return (latent, logLikelihood * times);
    }

    /// <summary>log N(z; 0, I) of latents, or what takes its place.</summary>
    private Tensor LogDensity(Tensor latent)
    {
        if (steps.LastOrDefault() is LatentMixtureModule mixture)
            return mixture.LogDensity(latent);
        if (_logNormaliser is not { } normaliser || normaliser.Size != latent.shape[1])
            _logNormaliser = normaliser = (latent.shape[1], (0.5 * latent.shape[1] * Math.Log(2 * Math.PI)).ToScalar());
        // in evaluation as in the frozen graph: in double, for a latent may be further out than float32 has squares
        Tensor wide = training ? latent : latent.to(ScalarType.Float64);
        Tensor squares = (wide * wide).sum(1), normal = squares * s_minusHalf - normaliser.Value;
        return training ? normal : (Tail?.Beside(normal, squares) ?? normal).to(latent.dtype);
    }

    /// <summary>Latents to features.</summary>
    /// <param name="latent">[n, D].</param>
    /// <param name="condition">[n, C], in its own units; null where the flow has none.</param>
    public Tensor Inverse(Tensor latent, Tensor? condition = null)
    {
        Tensor? given = condition is null ? maps?.Planes : this.condition!.forward(condition);
        var factoredOut = new Stack<Tensor>();
        Tensor last = latent;
        if (_image is not null)
        {
            Tensor[] parts = [.. latent.split([.. _latentShapes.Select(shape => (long)shape.Size)], 1)
                .Zip(_latentShapes, (part, shape) => ToImages(part, shape))];
            last = parts[0];
            foreach (Tensor part in parts.Skip(1).Reverse())
                factoredOut.Push(part);
        }
        foreach (FlowStepModule step in steps.Reverse())
            last = step.Inverse(step is FactorOutModule ? FactorOutModule.Join(last, factoredOut.Pop()) : last, given);
        return _image is null ? last : last.flatten(1);
    }

    /// <summary>
    /// Gives every step with running statistics those of all rows, step by step, as evaluation will see them; in the order of the
    /// flow, because each step's input depends on the statistics of the ones before it. Cancelled, it leaves some steps without them.
    /// </summary>
    public void RefreshStatistics(Tensor rows, CancellationToken cancellation = default)
    {
        if (!steps.Any(step => step.HasStatistics))
            return;
        bool wasTraining = training;
        eval();
        Walk(rows, (step, x, given) =>
        {
            cancellation.ThrowIfCancellationRequested();
            step.RefreshStatistics(x, given);
        });
        train(wasTraining);
    }

    /// <summary>
    /// How much of the bounds of log-scales is used: the share of its bound that a log-scale stays within in 99 of 100 rows, and of all
    /// couplings and values the largest. Near 1 couplings would like to scale more than they may. Of the first rows; NaN without couplings.
    /// </summary>
    public double LogScaleUse(Tensor rows)
    {
        double? most = null;
        int count = (int)Math.Min(rows.shape[0], Math.Clamp(ValuesOfUse / rows.shape[1], LeastRowsOfUse, MostRowsOfUse));
        using DisposeScope scope = NewDisposeScope();
        Walk(rows.narrow(0, 0, count), (step, x, given) =>
        {
            if (step.LogScales(x, given) is not { } scales)
                return;
            Tensor bounds = scales.Bounds.expand_as(scales.LogScales);
            most = Math.Max(most ?? 0, Used(FloatTensors.Array(scales.LogScales), FloatTensors.Array(bounds), count));
        });
        return most ?? double.NaN;
    }

    /// <summary>Hands every step, in the order of the flow, what reaches it of rows; without gradients.</summary>
    private void Walk(Tensor rows, Action<FlowStepModule, Tensor, Tensor?> visit)
    {
        using DisposeScope all = NewDisposeScope();
        using IDisposable guard = no_grad();
        (Tensor x, Tensor? given) = FromRows(rows);
        x = x.alias();
        foreach (FlowStepModule step in steps)
        {
            using DisposeScope scope = NewDisposeScope();
            visit(step, x, given);
            Tensor next = Apply(step, x, given).alias().MoveToOuterDisposeScope();
            x.Dispose();
            x = next;
        }
        x.Dispose();
    }

    private static double Used(float[] scales, float[] bounds, int rows)
    {
        float most = 0;
        int width = scales.Length / rows;
        var shares = new float[rows];
        for (int j = 0; j < width; j++)
        {
            for (int i = 0; i < rows; i++)
                shares[i] = scales[i * width + j] == 0 ? 0 : Math.Abs(scales[i * width + j] / bounds[i * width + j]);
            Array.Sort(shares);
            most = Math.Max(most, shares[(rows - 1) * 99 / 100]);
        }
        return most;
    }

    /// <summary>Lets go of what the last step of the training left.</summary>
    public void ForgetGradients()
    {
        foreach (Tensor parameter in parameters())
            parameter.grad = null;
    }

    /// <summary>The flow as plain data.</summary>
    public IEnumerable<FlowStep> Freeze() => steps.Select(step => step.Freeze());

    /// <summary>The features, and what the nets read of the condition.</summary>
    private (Tensor Features, Tensor? Condition) FromRows(Tensor rows)
    {
        long given = condition?.Frozen.Size ?? 0, size = rows.shape[1] - given;
        Tensor features = given == 0 ? rows : rows.narrow(1, 0, size);
        return (_image is null ? features : ToImages(features, _image),
            condition is null ? maps?.Planes : condition.forward(rows.narrow(1, size, given)));
    }

    /// <summary>What a step hands on to the next.</summary>
    private Tensor Apply(FlowStepModule step, Tensor x, Tensor? given)
    {
        if (_image is null)
            return step.forward(x, given).Output;
        Tensor[]? conditions = condition is null ? null : given?.split(ImageChunk); // the planes of maps are the same for all rows
        return cat([.. x.split(ImageChunk).Select((chunk, i) =>
        {
            using DisposeScope scope = NewDisposeScope();
            Tensor next = step.forward(chunk, conditions is null ? given : conditions[i]).Output;
            return (step is FactorOutModule ? FactorOutModule.Split(next).Kept : next).MoveToOuterDisposeScope();
        })]);
    }

    private static Tensor ToImages(Tensor rows, FlowShape shape)
        => rows.reshape([-1, .. shape.Dimensions.Select(dimension => (long)dimension)]);
}
