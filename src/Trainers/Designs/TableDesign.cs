using System.Text.Json.Serialization;
using RealNvp.ML.Export.Nets;
using RealNvp.ML.Export.Steps;
using RealNvp.ML.Trainers.Data.Batches;
using RealNvp.ML.Trainers.Data.Columns;
using RealNvp.ML.Trainers.Data.Rows;
using RealNvp.ML.Trainers.Flows;
using RealNvp.ML.Trainers.Flows.Nets;
using RealNvp.ML.Trainers.Flows.Steps;
using RealNvp.ML.Trainers.Native;
using RealNvp.ML.Transforms.Columns;
using RealNvp.ML.Transforms.Scoring;
using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Trainers.Designs;

/// <summary>The flow of a table: standardisation, tails, then couplings over alternating halves.</summary>
internal sealed record TableDesign : FlowDesign
{
    /// <summary>Bins of the spline of a feature that is alone: enough for several modes, a tenth of what a coupling's net holds.</summary>
    private const int BinsOfOneFeature = 32;

    /// <summary>Standard deviations with which float32 holds the norm of a gradient, which has the sixth power of them.</summary>
    private const double MostDeviations = 1e6;

    /// <summary>
    /// The weight of the latent's tail, of a thousand rows and more and of thirty and less: the fall of the log-density ends some 12 nats
    /// below, or 5.
    /// </summary>
    private const double LeastTailWeight = 1e-5, MostTailWeight = 0.01;

    /// <summary>From so many features on the flow starts as a Gaussian, unless the options say otherwise.</summary>
    public const int ManyFeatures = 128;

    /// <summary>The number of couplings.</summary>
    public required int Couplings { get; init; }

    /// <summary>Whether there may be fewer where whitened features are many for the rows.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool MayHaveFewerCouplings { get; init; }

    /// <summary>Whether the features are whitened before the couplings; one alone is not.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool Whitens { get; init; }

    /// <summary>Hidden layers of each coupling's net.</summary>
    public required int HiddenLayers { get; init; }

    /// <summary>Their width.</summary>
    public required int HiddenUnits { get; init; }

    /// <summary>Their nonlinearity.</summary>
    public required Activation Activation { get; init; }

    /// <summary>What stands between the couplings.</summary>
    public required FeatureMixing Mixing { get; init; }

    /// <summary>Whether a sinh-arcsinh map stands before each coupling.</summary>
    public required bool SinhArcsinh { get; init; }

    /// <summary>Whether a batch norm follows each coupling.</summary>
    public required bool BatchNorm { get; init; }

    /// <summary>Whether the nets' layers have normalised weights.</summary>
    public required bool WeightNorm { get; init; }

    /// <summary>Where the bound of each log-scale starts.</summary>
    public required double LogScaleGain { get; init; }

    /// <summary>Scales beyond which values are compressed; 0 for none.</summary>
    public required double TailBound { get; init; }

    /// <summary>The same of the latent.</summary>
    public required double LatentTailBound { get; init; }

    /// <summary>
    /// The most that a component of the latent's mixture may add to the log-density, in nats; 0 for a standard normal. Training does not
    /// depend on it, so that no run is another for it.
    /// </summary>
    [JsonIgnore]
    public double MixtureBound { get; init; }

    /// <summary>Whether discrete features have bins.</summary>
    public required bool Dequantize { get; init; }

    /// <summary>Whether the features are labels, to be predicted from the condition; one that does not vary is refused.</summary>
    [JsonIgnore]
    public bool IsOfLabels { get; init; }

    /// <summary>The column of bits per dimension, for which every feature must be discrete; null for none.</summary>
    public string? BitsPerDimensionColumn { get; init; }

    /// <inheritdoc/>
    [JsonIgnore]
    public override string ValueName => IsOfLabels ? "label or feature" : base.ValueName;

    /// <inheritdoc/>
    public override bool LooksForCopies => true;

    /// <inheritdoc/>
    public override string? WhyNot(DensityOutput output) => output switch
    {
        DensityOutput.BitsPerDimension when !Dequantize => "bits per dimension need discrete features: set Table.Dequantize, or give an "
            + "image column.",
        _ when DensityColumn.NeedsMap(output) => "a map is of positions, and the feature column is taken for a table, which has none: "
            + "leave the name out, or say by FeatureKind, Image or Maps that the column has pixels or maps.",
        _ => null,
    };

    /// <summary>Whether a spline takes the place of couplings: one feature has no second half that they could read.</summary>
    private bool IsSpline => Shape.Size == 1 && Condition is null;

    /// <inheritdoc/>
    public override TrainingDefaults DefaultsOf(long rows, long different) => new()
    {
        BatchSize = rows < 5_000 ? 128 : rows < 50_000 ? 256 : 512,
        // a label follows its features more sharply than features each other; a spline alone needs less
        LeastSteps = IsOfLabels ? 3000 : IsSpline ? 1500 : Whitens || Condition is not null ? 2000 : LeastStepsOf(different),
        Dropout = 0.1,
        LearningRate = IsSpline ? 3e-2 : 3e-3, // its few weights go far
        GainPenalty = 0,
        GradientClip = 5 * Math.Sqrt(Shape.Size),
        Evaluations = 40,
        LooksEarly = true,
        StartPatience = Whitens ? GaussianPatience : 0,
        EvaluationBatch = 8192,
        StatisticsRows = long.MaxValue,
    };

    /// <summary>
    /// 2,000 where there are rows for them. Few rows, of which some may be anomalies, are learned by heart in as many: some 300 passes over
    /// them rank better, and need 500 steps to leave the start.
    /// </summary>
    private static long LeastStepsOf(long different) => Math.Clamp(5 * different / 2, 500, 2000);

    /// <inheritdoc/>
    public override ColumnFacts Facts(WeightedRows training, ColumnStatistics? statistics, ColumnNames column, Action<string> warn)
    {
        ColumnFacts facts = ColumnFacts.OfTable(training, Dequantize, BitsPerDimensionColumn is not null || IsOfLabels, statistics,
            Condition?.Size ?? 0);
        if (IsOfLabels && facts.Unvaried.Count > 0)
        {
            string which = Shape.Size == 1 ? "has" : $"({ShortList.Of([.. facts.Unvaried.Select(column.Call)])}) has";
            throw new ArgumentException($"The label column '{column.Name}' {which} one value, {facts.Mean[facts.Unvaried[0]]}, in all "
                + "training rows, or varies by less than float32 resolves: there is nothing to tell from features. Name another label "
                + "column, leave the label out of the vector, or subtract a constant from it.", "input");
        }
        facts = Told(facts, column, warn);
        if (TailBound == 0)
            RequireHeld(training, facts, column);
        if (BitsPerDimensionColumn is not null && Array.FindIndex(facts.BinWidths, width => width == 0) is >= 0 and var continuous)
        {
            throw new ArgumentException($"The column '{BitsPerDimensionColumn}' of bits per dimension needs discrete features, and value "
                + $"{continuous} of '{column.Name}' is not: at most 20 different values, or 5 % of the rows, and more than one make a "
                + "feature discrete. Leave the column out.");
        }
        if (Condition is not null && !IsOfLabels) // the noise of labels was chosen by their own deviations
            facts = facts with { NoiseScales = ResidualScales.Of(training, facts) };
        return Whitens && Shape.Size > 1 ? facts with { Whitening = WhiteningFit.Of(training, facts, TailBound) } : facts;
    }

    /// <summary>Requires that float32 can hold the gradient of every row, where nothing compresses the extreme ones.</summary>
    private void RequireHeld(WeightedRows training, ColumnFacts facts, ColumnNames column)
    {
        for (int i = 0; i < training.Values.Length; i++)
        {
            int j = i % training.Features;
            if (j < Shape.Size && Math.Abs((double)training.Values[i] - facts.Mean[j]) / facts.StandardDeviation[j] is var distance
                && distance > MostDeviations)
            {
                throw new ArgumentException($"A training row has {training.Values[i]} in {column.Call(j)} of column '{column.Name}', "
                    + $"{distance:G2} standard deviations from the mean (scales by quartiles, where those are far less): with a TailBound "
                    + "of 0 its gradient leaves float32. Leave TailBound at its default, which compresses such values, or leave the row "
                    + "out.", "input");
            }
        }
    }

    /// <summary>
    /// A fresh flow, the identity after its preprocessing. Couplings come in pairs over the two halves of one random order, so that each
    /// pair transforms every feature; rotations and learned linear maps stand before every coupling. One feature has no second half to
    /// condition on: a sinh-arcsinh map and a spline take the place of couplings, and give it tails and modes. With a condition of the flow
    /// its couplings read that alone, and sinh-arcsinh maps between them give it skewness and tails.
    /// </summary>
    public override Flow Build(ColumnFacts facts, double dropout, int seed, DeviceRandom noise)
    {
        int features = Shape.Size;
        var steps = new List<FlowStepModule>();
        if (facts.BinWidths.Any(width => width > 0))
            steps.Add(new DequantizationModule(facts.BinWidths));
        steps.Add(new StandardizationModule(facts.Mean, facts.StandardDeviation));
        if (TailBound > 0)
            steps.Add(new TailCompressionModule(TailBound));
        if (facts.Whitening is { } whitening)
        {
            steps.Add(new RotationModule(features, whitening.Axes));
            steps.Add(new StandardizationModule(whitening.Mean, whitening.Scales));
        }

        var net = new ConditionerOptions(HiddenLayers, HiddenUnits, Activation, dropout, LogScaleGain)
        {
            WeightNorm = WeightNorm,
            BFloat16 = BFloat16,
        };
        using var weights = new torch.Generator((ulong)(uint)seed, torch.CPU);
        var orders = new Random(seed);
        bool couples = features > 1 || facts.Condition is not null;
        for (int i = 0; i < CouplingsFor(facts) && couples; i++)
        {
            if (SinhArcsinh || features == 1)
                steps.Add(new SinhArcsinhModule(features));
            if (Mixer(i, orders, weights) is { } mixer)
                steps.Add(mixer);
            CouplingMask mask = Halves(features);
            if (i % 2 == 1 && features > 1)
                mask = mask.Complement();
            steps.Add(new AffineCouplingModule(mask, net, weights, noise, facts.Condition?.Inputs ?? 0));
            if (BatchNorm)
                steps.Add(new BatchNormModule(mask));
        }
        if (!couples)
            steps.AddRange([new SinhArcsinhModule(features), new RationalQuadraticSplineModule(features, BinsOfOneFeature)]);
        if (LatentTailBound > 0)
            steps.Add(new TailCompressionModule(LatentTailBound));
        return new Flow(steps, condition: facts.Condition);
    }

    /// <summary>
    /// It ends the fall of the log-density where the normal's would go on: in the mean of a small table's rows a few far ones do not
    /// outweigh what was learned of the others, and the fewer rows there are, the more of what comes is unlike all of them. It is light
    /// enough to be left out where rows are drawn.
    /// </summary>
    public override double TailWeightOf(long rows)
        => HasOwnLatents ? Math.Clamp(9 / Math.Pow(rows, 2), LeastTailWeight, MostTailWeight) : 0;

    /// <summary>Whether latents need not be standard normal.</summary>
    private bool HasOwnLatents => MixtureBound > 0 && !IsOfLabels && BitsPerDimensionColumn is null;

    /// <summary>How many couplings the rows are enough for.</summary>
    public int CouplingsFor(ColumnFacts facts) => facts.Whitening is { } whitening && MayHaveFewerCouplings
        ? Math.Min(Couplings, whitening.Rows < 4L * Shape.Size ? 2 : whitening.Rows < 16L * Shape.Size ? 4 : Couplings)
        : Couplings;

    /// <summary>Weights of the nets, and matrices between the couplings, which grow with the square of the features.</summary>
    public override long CountNumbers()
    {
        long features = Shape.Size, half = (features + 1) / 2, inputs = half + (Condition?.Size ?? 0);
        long net = HiddenLayers == 0 ? 2 * inputs * half
            : (inputs + 2 * half) * HiddenUnits + (HiddenLayers - 1L) * HiddenUnits * HiddenUnits;
        return Couplings * (net + (Mixing == FeatureMixing.Permutation ? 0 : features * features));
    }

    /// <inheritdoc/>
    public override TrainingNoise Noise(ColumnFacts facts, double gaussian, DeviceRandom random, Device device)
        => new(WithCondition(facts.NoiseWidths), WithCondition(Array.ConvertAll(facts.NoiseScales, scale
            => (float)(gaussian * scale))), random, device, facts.NoiseGroups)
        {
            Reach = gaussian > 0 && TailBound > 0 && facts.IsStretched.Contains(true) ? NoiseReach.Of(facts, TailBound, device) : null,
        };

    /// <inheritdoc/>
    public override EvaluationRows Evaluation(DeviceRows sample, DeviceRows? validation, ColumnFacts facts, int seed)
    {
        if (validation is null || facts.NoiseWidths.All(width => width == 0))
            return new(sample, validation, validation);
        DeviceRows noisy = Dequantized(validation, facts, seed);
        return new(sample, validation, noisy) { Own = [noisy] };
    }

    /// <inheritdoc/>
    public override (LatentMixture Mixture, double TrainingGain, double ValidationGain)? FitLatents(Flow flow, EvaluationRows rows,
        ColumnFacts facts, int seed)
    {
        if (!HasOwnLatents || Shape.Size == 1 || Whitens || Condition is not null
            || rows is not { Validation: { } heldOut, EarlyValidation: { } validation })
        {
            return null;
        }
        // with the noise of discrete features: of the bins' centres alone the density would be that of no bin
        using DeviceRows? noisy = facts.NoiseWidths.All(width => width == 0) ? null : Dequantized(rows.Sample, facts, seed);
        (WeightedRows training, float[] logLikelihoods) = Latents(flow, noisy ?? rows.Sample);
        // a copy of a training row says of every component that it was right to be there
        int[] fresh = new CopiedRows(rows.Sample.ToHost()).Fresh(heldOut.ToHost(LatentMixtureFit.MostRows));
        WeightedRows choosing = Latents(flow, validation).Latents.Gather(fresh);
        using var random = new DeviceRandom(seed, rows.Sample.Rows.device);
        using Flow start = Build(facts, dropout: 0, seed, random);
        start.to(rows.Sample.Rows.device);
        start.eval();
        start.Tail = flow.Tail;
        float[] before = Latents(start, noisy ?? rows.Sample).LogLikelihoods;
        double tail = flow.Tail?.Weight ?? 0;
        if (LatentMixtureFit.Of(training, [logLikelihoods, before], choosing, MixtureBound, tail, seed) is not { } mixture)
            return null;
        // told of the rows that other figures are of: all of them, without noise
        double Gain(DeviceRows of) => LatentMixtureFit.Gain(mixture, Latents(flow, of).Latents);
        return (mixture, Gain(rows.Sample), Gain(heldOut));
    }

    /// <summary>The latents of rows, as many as are looked at, and their log-likelihoods.</summary>
    private static (WeightedRows Latents, float[] LogLikelihoods) Latents(Flow flow, DeviceRows rows)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable guard = inference_mode();
        long count = Math.Min(rows.Count, LatentMixtureFit.MostRows);
        (Tensor latents, Tensor logLikelihoods) = flow.LatentAndLogLikelihood(rows.Rows.narrow(0, 0, count));
        return (new(FloatTensors.Array(latents), rows.HostWeights(count), (int)latents.shape[1]), FloatTensors.Array(logLikelihoods));
    }

    private FlowStepModule? Mixer(int coupling, Random orders, Generator weights)
    {
        int features = Shape.Size;
        if (features == 1)
            return null;
        switch (Mixing)
        {
            case FeatureMixing.Rotation:
                return new RotationModule(features, weights);
            case FeatureMixing.Linear:
                return new InvertibleLinearModule(features);
            default:
                if (coupling % 2 == 1 || features == 2)
                    return null;
                int[] order = [.. Enumerable.Range(0, features)];
                orders.Shuffle(order);
                return new PermutationModule(order);
        }
    }

    /// <summary>
    /// The first half conditions, the second is transformed; with an odd number the first is the larger, except that one feature alone is
    /// transformed.
    /// </summary>
    private static CouplingMask Halves(int features)
    {
        int half = features == 1 ? 0 : (features + 1) / 2;
        return new CouplingMask([.. Enumerable.Range(0, half)], [.. Enumerable.Range(half, features - half)]);
    }
}
