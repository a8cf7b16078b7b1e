using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using RealNvp.ML.Export.Onnx;
using RealNvp.ML.Export.Steps;
using RealNvp.ML.Export.Storage;

namespace RealNvp.ML.Export;

/// <summary>
/// A trained flow as immutable data: the shape of a row, the ordered steps from the input column to a standard normal latent, the
/// calibration, and what the flow says of itself. It writes its own file and its two ONNX graphs, and needs neither libtorch nor ML.NET.
/// </summary>
/// <example>
/// <code>
/// FlowModel model = FlowModel.Load("flow.rnvp");
/// File.WriteAllBytes("density.onnx", model.BuildDensityGraph());
/// </code>
/// </example>
public sealed class FlowModel
{
    /// <summary>A flow from its parts.</summary>
    /// <param name="inputShape">The shape of one row.</param>
    /// <param name="steps">The steps in the order of the density direction; each must accept what the one before it yields.</param>
    /// <param name="calibration">Held-out scores; <see cref="Export.Calibration.None"/> by default.</param>
    /// <param name="metadata">Feature names and training summary.</param>
    /// <param name="probes">Rows with reference values.</param>
    /// <param name="condition">What the flow's couplings read beside the features; null for a flow without a condition.</param>
    /// <exception cref="FlowModelException">The steps do not fit the shape, or the metadata or probes do not.</exception>
    public FlowModel(
        FlowShape inputShape, IEnumerable<FlowStep> steps,
        Calibration? calibration = null, FlowMetadata? metadata = null, ProbeSet? probes = null, FlowCondition? condition = null)
        : this(inputShape, [steps], calibration, metadata, probes, condition) { }

    /// <summary>
    /// A mixture of flows with equal weights: its density is the mean of theirs, a sample comes from a member picked at random.
    /// </summary>
    /// <param name="inputShape">The shape of one row.</param>
    /// <param name="members">The steps of each member, at least one member.</param>
    /// <param name="calibration">Held-out scores; <see cref="Export.Calibration.None"/> by default.</param>
    /// <param name="metadata">Feature names and training summary.</param>
    /// <param name="probes">Rows with reference values; probe i has the latent of member i modulo their number.</param>
    /// <param name="condition">What the members' couplings read beside the features; null for a flow without a condition.</param>
    /// <exception cref="FlowModelException">A member's steps do not fit the shape, or the metadata or probes do not.</exception>
    public FlowModel(
        FlowShape inputShape, IReadOnlyList<IEnumerable<FlowStep>> members,
        Calibration? calibration = null, FlowMetadata? metadata = null, ProbeSet? probes = null, FlowCondition? condition = null)
    {
        ArgumentNullException.ThrowIfNull(inputShape);
        ArgumentNullException.ThrowIfNull(members);
        if (members.Count == 0)
            throw new FlowModelException("A flow model has at least one member.");
        InputShape = inputShape;
        Members = [.. members.Select(steps => steps.ToImmutableArray())];
        Calibration = calibration ?? Calibration.None;
        Metadata = metadata ?? FlowMetadata.Empty;
        Probes = probes ?? ProbeSet.Empty;
        Condition = condition;
        foreach (ImmutableArray<FlowStep> steps in Members)
            CheckShapes(inputShape, steps, condition?.Inputs ?? 0);
        (string What, int Count)[] told = [("names", Metadata.FeatureNames.Length), ("medians", Metadata.FeatureMedians.Length),
            ("lists of levels", Metadata.FeatureLevels.Length)];
        foreach ((string what, int count) in told)
        {
            if (count != 0 && count != inputShape.Size)
                throw new FlowModelException($"There are {count} feature {what} for {inputShape.Size} features.");
        }
        foreach ((int feature, ImmutableArray<float> levels) in Metadata.FeatureLevels.Index())
        {
            if (!levels.All(float.IsFinite) || levels.Zip(levels.Skip(1)).Any(pair => pair.First >= pair.Second))
                throw new FlowModelException($"The levels of feature {feature} are not finite and ascending.");
        }
        int last = -1;
        foreach (int feature in Metadata.OneHotGroups.SelectMany(group => group))
        {
            if (feature <= last || feature >= Metadata.FeatureLevels.Length || Metadata.FeatureLevels[feature].Length != 2)
                throw new FlowModelException($"Feature {feature} cannot be the next of a one-hot group.");
            last = feature;
        }
        if (Probes.Rows.Length != (long)Probes.Count * inputShape.Size)
            throw new FlowModelException(
                $"The {Probes.Count} probe rows hold {Probes.Rows.Length} values, expected {Probes.Count} x {inputShape.Size}.");
        if (Probes.Conditions.Length != (long)Probes.Count * (condition?.Size ?? 0))
        {
            throw new FlowModelException($"The conditions of the {Probes.Count} probe rows hold {Probes.Conditions.Length} values, "
                + $"expected {Probes.Count} x {condition?.Size ?? 0}.");
        }
        _levels = new DiscreteLevels(inputShape, Members);
    }

    private readonly DiscreteLevels _levels;

    // ---- what it is made of

    /// <summary>The shape of one row of the input column.</summary>
    public FlowShape InputShape { get; }

    /// <summary>The flows that the model is a mixture of; one, except for ensembles.</summary>
    public ImmutableArray<ImmutableArray<FlowStep>> Members { get; }

    /// <summary>Whether there is more than one member. A mixture has no latent.</summary>
    public bool IsMixture => Members.Length > 1;

    /// <summary>
    /// The steps in the density direction, input column to latent, of the first member: all there is where the model is no mixture.
    /// </summary>
    public ImmutableArray<FlowStep> Steps => Members[0];

    /// <summary>What the flow's couplings read beside the features; null where the flow has no condition.</summary>
    public FlowCondition? Condition { get; }

    /// <summary>Held-out scores and the threshold that follows from them.</summary>
    public Calibration Calibration { get; }

    /// <summary>
    /// Held-out values of the score map, and the thresholds that follow from them: per picture by the map's maximum, and per position. Null
    /// where there are none.
    /// </summary>
    public ScoreMapCalibration? ScoreMapCalibration { get; private init; }

    /// <summary>Feature names and training summary.</summary>
    public FlowMetadata Metadata { get; }

    /// <summary>Rows with the trained flow's own double-precision results.</summary>
    public ProbeSet Probes { get; }

    // ---- discrete data

    /// <summary>
    /// The distance of two levels of each value of a row, in the column's units; empty where the model is not discrete. Images have it from
    /// their <see cref="Logit"/>, vectors from a <see cref="Dequantization"/> in front with a width for every feature; the members of a
    /// mixture must agree.
    /// </summary>
    public ImmutableArray<float> LevelWidths => _levels.Widths();

    /// <summary>Whether every value of a row is one of discrete levels, so that <see cref="BitsPerDimension"/> means something.</summary>
    public bool IsDiscrete => WhyNotDiscrete is null;

    /// <summary>What the model lacks to be discrete, as a sentence; null where it is.</summary>
    internal string? WhyNotDiscrete => _levels.WhyNot;

    /// <summary>
    /// Bits per dimension of a log-likelihood: -(LL + sum of the logarithms of <see cref="LevelWidths"/>) / (D ln 2), the bits that the
    /// model spends on a value, whatever the column's units. That of a row as it is, the centre of its bin, is not the figure that papers
    /// print: they average over noise in the bin.
    /// </summary>
    /// <param name="logLikelihood">In nats and in the units of the column.</param>
    /// <exception cref="InvalidOperationException">The model is not discrete.</exception>
    /// <example>
    /// <code>
    /// double bits = model.BitsPerDimension(logLikelihood: -7200); // 3 x 32 x 32 values, 0 to 255
    /// </code>
    /// </example>
    public double BitsPerDimension(double logLikelihood) => _levels.BitsPerDimension(logLikelihood);

    /// <summary>The numbers in it: the sum of the logarithms, and D ln 2.</summary>
    /// <exception cref="InvalidOperationException">The model is not discrete.</exception>
    internal (double LogWidths, double NatsPerBit) BitsPerDimensionTerms => _levels.Terms;

    // ---- the same flow otherwise

    /// <summary>The same flow with another calibration.</summary>
    public FlowModel WithCalibration(Calibration calibration) => new(InputShape, MemberSteps, calibration, Metadata, Probes, Condition)
    {
        ScoreMapCalibration = ScoreMapCalibration,
    };

    /// <summary>The same flow with another calibration of its score map; null for none.</summary>
    /// <exception cref="FlowModelException">The flow is not over images, and has no map.</exception>
    public FlowModel WithScoreMapCalibration(ScoreMapCalibration? calibration)
        => calibration is null || InputShape.IsImage
            ? new(InputShape, MemberSteps, Calibration, Metadata, Probes, Condition) { ScoreMapCalibration = calibration }
            : throw new FlowModelException($"A flow over {InputShape} values has no score map.");

    /// <summary>
    /// The same flow over images of another size, without calibration and probes: an image flow is convolutional throughout, so that it
    /// samples images larger than those it was trained on. The sides must be multiples of <see cref="ImageSizeUnit"/>.
    /// </summary>
    /// <exception cref="FlowModelException">The flow is over vectors, or the size does not fit its steps: the nearest that do are
    /// named.</exception>
    public FlowModel WithImageSize(int height, int width)
    {
        if (!InputShape.IsImage)
            throw new FlowModelException($"A flow over {InputShape} values has no image size.");
        int unit = ImageSizeUnit, channels = InputShape.Dimensions[0];
        if (height < 1 || width < 1 || height % unit != 0 || width % unit != 0)
        {
            throw new FlowModelException(
                $"The flow's squeezes need a height and a width that are multiples of {unit}; found {height}x{width}. "
                    + MultiScale.NearestSizes(height, width, unit) + ".");
        }
        if ((long)height * width > FlowShape.MostValues / channels)
        {
            throw new FlowModelException(
                $"Images of {channels}x{height}x{width} have more values than a row may have, {FlowShape.MostValues}.");
        }
        double down = (double)height / InputShape.Dimensions[1], across = (double)width / InputShape.Dimensions[2];
        return new(FlowShape.Image(channels, height, width),
            [.. Members.Select(steps => steps.Select(step => step.Resized(down, across)))],
            metadata: new FlowMetadata { Training = Metadata.Training }, condition: Condition);
    }

    /// <summary>What the height and the width of an image must be multiples of, for the flow's squeezes; 1 for vectors.</summary>
    public int ImageSizeUnit => Members.Max(steps => MultiScale.SizeUnit(steps));

    private IReadOnlyList<IEnumerable<FlowStep>> MemberSteps => [.. Members.Select(steps => steps.AsEnumerable())];

    // ---- graphs

    /// <summary>
    /// The density graph as ONNX (opset 17, IR 8). Input <c>Features</c> [N, size] and, of a flow with a condition, <c>Condition</c> [N,
    /// values] in its own units. Outputs <c>LogLikelihood</c> (nats, in the units of the input), <c>Score</c>, <c>PredictedLabel</c>
    /// (bool), <c>PValue</c>, <c>Typicality</c> and <c>TypicalityPValue</c>, each [N, 1], and, except for mixtures, <c>Latent</c> [N,
    /// size]. The input <c>Threshold</c> [1] defaults to the calibrated one. A row with a NaN or infinite feature, or such a condition,
    /// gets NaN results and the label false.
    /// </summary>
    public byte[] BuildDensityGraph() => BuildDensityGraph(DensityOutputs.Decision);

    /// <summary>
    /// As the other overload, and of a flow over images also with <c>ScoreMap</c> [N, height * width], each position's share of the score,
    /// which add up to it; with <c>MapMaximum</c>, its largest value, and <c>MapMaximumPValue</c> and <c>MapMaximumLabel</c> by
    /// <see cref="ScoreMapCalibration"/>, each [N, 1].
    /// </summary>
    /// <param name="scoreMap">Whether it has these.</param>
    /// <exception cref="InvalidOperationException">They are asked for, and the flow is not over images.</exception>
    public byte[] BuildDensityGraph(bool scoreMap)
        => BuildDensityGraph(DensityOutputs.Decision | (scoreMap ? DensityOutputs.ScoreMap : 0));

    /// <summary>As the other overload, with a choice of outputs.</summary>
    /// <param name="outputs">Which outputs the graph has.</param>
    /// <param name="threshold">The default of the input <c>Threshold</c>; null for the calibrated one.</param>
    /// <param name="opset">One of those of <see cref="GraphNodes"/>.</param>
    internal byte[] BuildDensityGraph(DensityOutputs outputs, float? threshold = null, int opset = GraphNodes.Opset)
        => !outputs.HasFlag(DensityOutputs.ScoreMap) || InputShape.IsImage
            ? DensityGraph.Build(this, outputs, threshold ?? Calibration.Threshold, opset)
            : throw new InvalidOperationException($"There is no score map: {WhyNoScoreMap}");

    /// <summary>What the model lacks to have contributions, as a sentence; null where it has them.</summary>
    internal string? WhyNoContributions => !Metadata.FeatureMedians.IsEmpty ? null : "contributions compare a row with the medians of the "
        + $"training rows, and the flow has none.{(InputShape.IsImage ? " ScoreMap tells what each position adds." : "")}";

    /// <summary>What the model lacks to have a score map, as a sentence; null where it has one.</summary>
    internal string? WhyNoScoreMap => InputShape.IsImage ? null : $"a map is of pictures or maps (channels x height x width), and the flow "
        + $"is over {InputShape} values; Contributions tell what each of them adds.";

    /// <summary>
    /// The sampling graph as ONNX (opset 17, IR 8). Inputs <c>Latent</c> [N, size], of a flow with a condition <c>Condition</c> [N,
    /// values] in its own units, <c>Temperature</c> [1] (default 1; multiplies the
    /// latent) and, for mixtures, <c>Member</c> [N, 1] (float32, the index of the member that each row is drawn from). Output
    /// <c>Features</c> [N, size] in the units of the training column.
    /// </summary>
    public byte[] BuildSamplingGraph() => SamplingGraph.Build(this);

    /// <summary>As the other overload, with another default of the input <c>Temperature</c>.</summary>
    /// <param name="temperature">The default.</param>
    /// <param name="opset">One of those of <see cref="GraphNodes"/>.</param>
    internal byte[] BuildSamplingGraph(float temperature, int opset) => SamplingGraph.Build(this, temperature, opset);

    /// <summary>The graph of the quantiles of one feature given a condition; see <see cref="QuantileGraph"/>.</summary>
    internal byte[] BuildQuantileGraph() => QuantileGraph.Build(this);

    // ---- the file

    /// <summary>Writes the flow to a file, beside it first and then renamed, so that a crash leaves the old file whole.</summary>
    public void Save(string path) => AtomicFile.Write(path, Save);

    /// <summary>Writes the flow to a stream.</summary>
    public void Save(Stream stream) => FlowModelFile.Save(this, stream);

    /// <summary>Reads a flow from a file.</summary>
    /// <exception cref="FlowModelException">The file is not a flow, is damaged or truncated, or comes from a newer version.</exception>
    public static FlowModel Load(string path)
    {
        using FileStream stream = File.OpenRead(path);
        return Load(stream);
    }

    /// <summary>Reads a flow from a stream.</summary>
    /// <exception cref="FlowModelException">The stream does not hold a flow, is damaged or truncated, or comes from a newer
    /// version.</exception>
    public static FlowModel Load(Stream stream) => FlowModelFile.Load(stream);

    // ---- in words

    /// <summary>
    /// One line per step with its size, then the calibration and the facts of the training run, among them what was done to rows in
    /// training alone (noise, dropout, trim): what the flow does to a row, from the input column to the latent.
    /// </summary>
    public string Summary()
    {
        var text = new StringBuilder();
        string mixture = IsMixture ? $", a mixture of {Members.Length} flows" : "";
        text.AppendLine(CultureInfo.InvariantCulture, $"Real NVP over {InputShape} values{mixture}");
        if (Condition is not null)
        {
            string unknown = Condition.MayBeUnknown ? ", which may be unknown" : "";
            text.AppendLine(CultureInfo.InvariantCulture, $"Given a condition of {Condition.Size} values{unknown}");
        }
        for (int member = 0; member < Members.Length; member++)
        {
            if (IsMixture)
                text.AppendLine(CultureInfo.InvariantCulture, $"Member {member}");
            for (int i = 0; i < Members[member].Length; i++)
                text.AppendLine(CultureInfo.InvariantCulture, $"{i,3}  {Members[member][i].Kind,-18} {Members[member][i].Describe()}");
        }
        string[] discrete = [.. Metadata.FeatureLevels.Index().Where(levels => levels.Item.Length > 0).Select(levels
            => $"{FeatureName(levels.Index)} ({levels.Item.Length})")];
        if (discrete.Length > 0)
            text.Append("Discrete, with how many values in training: ").AppendJoin(", ", discrete).AppendLine();
        string[] oneHot = [.. Metadata.OneHotGroups.Where(group => group.Length > 0).Select(group
            => $"{FeatureName(group[0])} to {FeatureName(group[^1])} ({group.Length})")];
        if (oneHot.Length > 0)
            text.Append("One-hot groups: ").AppendJoin(", ", oneHot).AppendLine();
        text.Append(CultureInfo.InvariantCulture,
            $"Calibration: {Calibration.Count} scores, contamination {Calibration.Contamination:G6}, threshold {Calibration.Threshold}");
        if (!Metadata.Training.IsEmpty)
            text.AppendLine().Append("Training: ").AppendJoin(", ", Metadata.Training.Select(fact => $"{fact.Key} {fact.Value}"));
        return text.ToString();
    }

    private string FeatureName(int feature) => feature < Metadata.FeatureNames.Length ? Metadata.FeatureNames[feature]
        : string.Create(CultureInfo.InvariantCulture, $"value {feature}");

    private static void CheckShapes(FlowShape shape, ImmutableArray<FlowStep> steps, int conditionInputs)
    {
        for (int i = 0; i < steps.Length; i++)
        {
            try
            {
                shape = steps[i].OutputShape(shape);
                int? reads = (steps[i] as AffineCoupling)?.ConditionInputs ?? (steps[i] as ImageCoupling)?.ConditionInputs;
                if (reads is not null && reads != conditionInputs)
                {
                    throw new FlowModelException($"its net reads {reads} inputs of a condition, where the flow has {conditionInputs}.");
                }
            }
            catch (FlowModelException e)
            {
                throw new FlowModelException($"Step {i} ({steps[i].Kind}): {e.Message}", e);
            }
        }
    }
}
