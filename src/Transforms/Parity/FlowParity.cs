using System.Globalization;
using System.Numerics.Tensors;
using Microsoft.ML.OnnxRuntime;
using RealNvp.ML.Export;
using RealNvp.ML.Transforms.Images.Pictures;
using RealNvp.ML.Transforms.Noise;
using RealNvp.ML.Transforms.Onnx;

namespace RealNvp.ML.Transforms.Parity;

/// <summary>
/// Runs a flow's stored probe rows through a graph in ONNX Runtime, on the CPU, and compares with what the trained flow computed for them
/// in double precision. So whoever exports a graph can certify it, without libtorch.
/// </summary>
/// <remarks>
/// <para>Allowed differences, with D values per row: log-likelihood 1e-4 max(1, |value|, D); each element of a latent 1e-4 max(1,
/// |latent|), the length of the whole latent: rotations and nets mix its elements, and so the roundings of all of them.</para>
/// <para>
/// Features that come back from the reference latents have units of their own, so their unit is the column's: 1e-4 max(s, |value - m|),
/// where m and s are the mean and standard deviation of the column over the probes, plus 4 roundings of the value to <see cref="float"/> (a
/// column around 1e6 has no finer values). Columns that are constant over the probes get 1e-4 max(1, |value|). Pixels all have one unit,
/// the range of their levels r: 1e-4 max(r, |value|).
/// </para>
/// <para>
/// Score, PredictedLabel and PValue, where the graph has them, must be those that C# derives from the graph's own log-likelihood: exactly,
/// except for one rounding of the p-value.
/// </para>
/// </remarks>
internal static class FlowParity
{
    private const double Relative = 1e-4;
    private const double RoundTripTolerance = 1e-2;

    /// <summary>Values that a round trip computes with, unless one or two images have more.</summary>
    private const int RoundTripValues = 1 << 16;

    /// <summary>
    /// Checks both graphs as exports write them. Training checks them as pipelines run them, in the session that these will use.
    /// </summary>
    /// <param name="model">The flow, with its probes.</param>
    /// <param name="cancellation">Ends it: graphs of thousands of columns take minutes.</param>
    /// <exception cref="FlowParityException">An output of a graph differs by more than is allowed.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public static void Check(FlowModel model, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(model);
        cancellation.ThrowIfCancellationRequested();
        CheckDensity(model, model.BuildDensityGraph(), threshold: null, cancellation);
        cancellation.ThrowIfCancellationRequested();
        CheckSampling(model, model.BuildSamplingGraph(), cancellation);
    }

    /// <summary>
    /// Checks the density graph as pipelines run it: with the outputs that they ask for, in the session and on the device that they will
    /// use.
    /// </summary>
    /// <param name="runtime">Runs the graphs.</param>
    /// <param name="model">The flow, with its probes.</param>
    /// <param name="cancellation">Ends it.</param>
    /// <exception cref="FlowParityException">An output of the graph differs by more than is allowed.</exception>
    internal static void CheckDensity(FlowRuntime runtime, FlowModel model, CancellationToken cancellation)
    {
        if (model.Probes.Count == 0)
            return;
        float[] rows = [.. model.Probes.Rows], conditions = [.. model.Probes.Conditions];
        var facts = new ParityFacts(model);
        facts.CompareLogLikelihoods(runtime.LogLikelihoods(rows, conditions, cancellation));
        if (!model.IsMixture)
            facts.CompareLatents(runtime.Latents(rows, conditions, cancellation));
    }

    /// <summary>As the other overload, of the sampling graph.</summary>
    internal static void CheckSampling(FlowRuntime runtime, FlowModel model, CancellationToken cancellation)
    {
        if (model.Probes.Count > 0)
            new ParityFacts(model).CompareFeatures(runtime.Features([.. model.Probes.Latents.Select(value => (float)value)],
                MembersOfProbes(model), [.. model.Probes.Conditions], cancellation));
    }

    /// <summary>What a log-likelihood of a row of <paramref name="size"/> values may be off by.</summary>
    internal static double LogLikelihoodTolerance(double expected, int size) => Relative * Math.Max(Math.Max(1, Math.Abs(expected)), size);

    /// <summary>What each element of a latent may be off by.</summary>
    internal static double LatentTolerance(ReadOnlySpan<double> latent) => Relative * Math.Max(1, TensorPrimitives.Norm(latent));

    /// <summary>Checks a density graph.</summary>
    /// <param name="model">The flow, with its probes.</param>
    /// <param name="graph">ONNX bytes from <see cref="FlowModel.BuildDensityGraph()"/>.</param>
    /// <param name="threshold">The graph's default threshold; null for the calibrated one.</param>
    /// <returns>The largest errors by name, for the graph's metadata; only the number of probes where the model has none.</returns>
    /// <exception cref="FlowParityException">An output differs by more than is allowed.</exception>
    public static IReadOnlyDictionary<string, string> CheckDensity(FlowModel model, byte[] graph, float? threshold = null)
        => CheckDensity(model, graph, threshold, CancellationToken.None);

    private static SortedDictionary<string, string> CheckDensity(
        FlowModel model, byte[] graph, float? threshold, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(graph);
        var facts = new ParityFacts(model);
        if (model.Probes.Count == 0)
            return facts.ByName;
        int size = model.InputShape.Size;
        using var run = new GraphRun(graph, "Features", [.. model.Probes.Rows], size, conditions: [.. model.Probes.Conditions],
            cancellation: cancellation, without: "Contributions");

        float[] logLikelihoods = run.Floats("LogLikelihood");
        facts.CompareLogLikelihoods(logLikelihoods);
        if (!model.IsMixture)
            facts.CompareLatents(run.Floats("Latent"));

        if (run.Has("Score"))
        {
            double[] scores = Array.ConvertAll(logLikelihoods, value => -(double)value);
            Calibration calibration = model.Calibration;
            facts.Compare("Score", run.Floats("Score"), scores, 1, (_, _) => 0);
            double[] labels = Array.ConvertAll(scores, score => score > (threshold ?? calibration.Threshold) ? 1d : 0);
            facts.Compare("PredictedLabel", run.Labels("PredictedLabel"), labels, 1, (_, _) => 0);
            double[] shares = Array.ConvertAll(scores, score => (double)calibration.PValue((float)score));
            facts.Compare("PValue", run.Floats("PValue"), shares, 1, (_, _) => 1e-6);
            float[] typicalities = Array.ConvertAll(scores, score => calibration.Typicality((float)score));
            facts.Compare("Typicality", run.Floats("Typicality"), Array.ConvertAll(typicalities, value => (double)value), 1, (_, _) => 0);
            double[] pValues = Array.ConvertAll(typicalities, value => (double)calibration.TypicalityPValue(value));
            facts.Compare("TypicalityPValue", run.Floats("TypicalityPValue"), pValues, 1, (_, _) => 1e-6);
        }
        if (run.Has("BitsPerDimension"))
        {
            double[] bits = Array.ConvertAll(logLikelihoods, value => model.BitsPerDimension(value));
            facts.Compare("BitsPerDimension", run.Floats("BitsPerDimension"), bits, 1, (_, value) => 1e-6 * Math.Max(1, Math.Abs(value)));
        }
        if (run.Has("ScoreMap"))
        {
            int positions = model.InputShape.Dimensions[1] * model.InputShape.Dimensions[2];
            float[][] maps = [.. run.Floats("ScoreMap").Chunk(positions)];
            facts.Compare("ScoreMap", [.. maps.Select(map => (float)map.Sum(value => (double)value))],
                Array.ConvertAll(logLikelihoods, value => -(double)value), 1, (_, value) => LogLikelihoodTolerance(value, size));
            facts.Compare("MapMaximum", run.Floats("MapMaximum"), [.. maps.Select(map => (double)map.Max())], 1, (_, _) => 0);
        }
        return facts.ByName;
    }

    /// <summary>Checks the contributions of a density graph that has them.</summary>
    /// <param name="graph">ONNX bytes.</param>
    /// <param name="rows">Rows, [n, size].</param>
    /// <param name="conditions">Their conditions; empty where the flow has none.</param>
    /// <param name="expected">Their contributions, [n, size].</param>
    /// <param name="size">The number of features.</param>
    /// <param name="tolerance">What those of a row may be off by.</param>
    /// <exception cref="FlowParityException">They differ by more.</exception>
    public static void CheckContributions(
        byte[] graph, float[] rows, float[] conditions, float[] expected, int size, Func<int, double> tolerance)
    {
        using var run = new GraphRun(graph, "Features", rows, size, conditions: conditions);
        Compare("Contributions", run.Floats("Contributions"), Array.ConvertAll(expected, value => (double)value), size,
            (i, _) => tolerance(i / size));
    }

    /// <summary>Checks a sampling graph: from the reference latents back to the probe rows.</summary>
    /// <param name="model">The flow, with its probes.</param>
    /// <param name="graph">ONNX bytes from <see cref="FlowModel.BuildSamplingGraph()"/>.</param>
    /// <returns>The largest errors by name, for the graph's metadata; only the number of probes where the model has none.</returns>
    /// <exception cref="FlowParityException">A feature differs by more than is allowed.</exception>
    public static IReadOnlyDictionary<string, string> CheckSampling(FlowModel model, byte[] graph)
        => CheckSampling(model, graph, CancellationToken.None);

    /// <summary>Checks a sampling graph by the probes, or where an image flow of another size has none by round trips.</summary>
    /// <exception cref="FlowParityException">The graph disagrees with the trained flow, or with its density graph.</exception>
    public static IReadOnlyDictionary<string, string> CheckSampler(FlowModel model, byte[] graph)
        => model.InputShape.IsImage && model.Probes.Count == 0 ? CheckRoundTrip(model, graph) : CheckSampling(model, graph);

    private static SortedDictionary<string, string> CheckSampling(FlowModel model, byte[] graph, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(graph);
        var facts = new ParityFacts(model);
        if (model.Probes.Count == 0)
            return facts.ByName;
        int size = model.InputShape.Size;
        float[]? members = MembersOfProbes(model);
        using var run = new GraphRun(graph, "Latent", [.. model.Probes.Latents.Select(value => (float)value)], size, members,
            [.. model.Probes.Conditions], cancellation);
        facts.CompareFeatures(run.Floats("Features"));
        return facts.ByName;
    }

    /// <summary>The member of a mixture that each probe is of.</summary>
    private static float[]? MembersOfProbes(FlowModel model)
        => model.IsMixture ? [.. Enumerable.Range(0, model.Probes.Count).Select(i => (float)(i % model.Members.Length))] : null;

    /// <summary>
    /// Checks a sampling graph where there are no probes, as of an image flow at another size than it was trained at: standard normal
    /// latents go through the graph, and their samples through the density graph of the same model, which must give the latents back.
    /// </summary>
    /// <remarks>
    /// Allowed is a root mean square error of 0.01 per row: float32 magnifies roundings on the way there and back, but few pixels by much;
    /// one that is computed wrongly is off by about 1. Where a density graph is wrong in the same way nothing is found, which is why the
    /// trained size is checked by its probes.
    /// </remarks>
    /// <param name="model">The flow at the graph's size.</param>
    /// <param name="graph">ONNX bytes from <see cref="FlowModel.BuildSamplingGraph()"/>.</param>
    /// <returns>The largest error, for the graph's metadata.</returns>
    /// <exception cref="FlowParityException">A latent does not come back.</exception>
    public static IReadOnlyDictionary<string, string> CheckRoundTrip(FlowModel model, byte[] graph)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(graph);
        int size = model.InputShape.Size, count = Math.Clamp(RoundTripValues / size, 2, 16);
        var latents = new float[count * size];
        var noise = new GaussianNoise(0);
        for (int row = 0; row < count; row++)
            noise.Fill(row, latents.AsSpan(row * size, size));
        float[]? conditions = model.Condition is { } condition ? Conditions(condition, count) : null;
        double largest = 0;
        for (int member = 0; member < model.Members.Length; member++)
        {
            float[]? members = model.IsMixture ? [.. Enumerable.Repeat((float)member, count)] : null;
            using var sampled = new GraphRun(graph, "Latent", latents, size, members, conditions);
            byte[] density = new FlowModel(model.InputShape, model.Members[member], condition: model.Condition)
                .BuildDensityGraph(DensityOutputs.Latent);
            using var back = new GraphRun(density, "Features", sampled.Floats("Features"), size, conditions: conditions);
            float[] found = back.Floats("Latent");
            for (int row = 0; row < count; row++)
            {
                double squares = 0;
                for (int i = row * size; i < (row + 1) * size; i++)
                    squares += Math.Pow((double)found[i] - latents[i], 2);
                double error = Math.Sqrt(squares / size);
                if (!(error <= RoundTripTolerance)) // NaN is none
                    throw new FlowParityException(row, error, RoundTripTolerance);
                largest = Math.Max(largest, error);
            }
        }
        return new SortedDictionary<string, string>(StringComparer.Ordinal)
        {
            ["round_trips"] = (count * model.Members.Length).ToString(CultureInfo.InvariantCulture),
            ["round_trip.max_rms_error.Latent"] = largest.ToString("G3", CultureInfo.InvariantCulture),
        };
    }

    /// <summary>Normal conditions by the statistics of the training rows; the first one unknown, where they may be.</summary>
    private static float[] Conditions(FlowCondition condition, int count)
    {
        var values = new float[count * condition.Size];
        new GaussianNoise(1).Fill(0, values);
        for (int i = 0; i < values.Length; i++)
        {
            int j = i % condition.Size;
            values[i] = condition.MayBeUnknown && i < condition.Size ? float.NaN : condition.At(j, values[i]);
        }
        return values;
    }

    private static (double[] Means, double[] Deviations) ColumnStatistics(ReadOnlySpan<float> values, int size)
    {
        var means = new double[size];
        var deviations = new double[size];
        int rows = values.Length / size;
        for (int i = 0; i < values.Length; i++)
            means[i % size] += values[i] / rows;
        for (int i = 0; i < values.Length; i++)
            deviations[i % size] += Math.Pow(values[i] - means[i % size], 2) / rows;
        return (means, Array.ConvertAll(deviations, Math.Sqrt));
    }

    /// <summary>What is found, by name, as the metadata of a graph takes it.</summary>
    private sealed class ParityFacts(FlowModel model)
    {
        public SortedDictionary<string, string> ByName { get; } = new(StringComparer.Ordinal)
        {
            ["probes"] = model.Probes.Count.ToString(CultureInfo.InvariantCulture),
        };

        /// <summary>Compares the log-likelihoods of the probe rows.</summary>
        public void CompareLogLikelihoods(float[] found)
            => Compare("LogLikelihood", found, [.. model.Probes.LogLikelihoods], 1, (_, expected)
                => LogLikelihoodTolerance(expected, model.InputShape.Size));

        /// <summary>Compares their latents.</summary>
        public void CompareLatents(float[] found)
        {
            int size = model.InputShape.Size;
            double[] tolerances = [.. Enumerable.Range(0, model.Probes.Count)
                .Select(i => LatentTolerance(model.Probes.Latents.AsSpan(i * size, size)))];
            Compare("Latent", found, [.. model.Probes.Latents], size, (i, _) => tolerances[i / size]);
        }

        /// <summary>Compares what comes back from the latents.</summary>
        public void CompareFeatures(float[] found) => Compare("Features", found, [.. model.Probes.Rows.Select(value => (double)value)],
            model.InputShape.Size, FeatureTolerance(model));

        /// <summary>Compares one output element by element and keeps its largest error.</summary>
        public void Compare(string output, float[] found, double[] expected, int width, Func<int, double, double> tolerance)
            => ByName[$"max_error.{output}"]
                = FlowParity.Compare(output, found, expected, width, tolerance).ToString("G3", CultureInfo.InvariantCulture);
    }

    /// <summary>
    /// What features that come back from latents may be off by: a function of an element's place, in its row or the matrix, and its value.
    /// Maps of all features spread the rounding of a row over its elements, as for latents: in standard deviations, in which a row's length
    /// is about sqrt(D).
    /// </summary>
    public static Func<int, double, double> FeatureTolerance(FlowModel model)
        => FeatureTolerance(model.Probes.Rows.AsSpan(), model.InputShape.Size, Levels.Of(model)?.Range);

    /// <summary>As the other overload, of probes that are being chosen.</summary>
    /// <param name="rows">The probes, [n, size].</param>
    /// <param name="size">The values of each.</param>
    /// <param name="range">The width of all bins of pixels together; null where values are none.</param>
    internal static Func<int, double, double> FeatureTolerance(ReadOnlySpan<float> rows, int size, double? range)
    {
        if (range is { } width)
            return (_, value) => Relative * Math.Max(width, Math.Abs(value));
        double length = Math.Sqrt(size);
        (double[] means, double[] deviations) = ColumnStatistics(rows, size);
        return (i, value) => deviations[i % size] is > 0 and var deviation
            ? Relative * Math.Max(deviation * length, Math.Abs(value - means[i % size])) + 4 * Math.Abs(value) * Math.Pow(2, -24)
            : Relative * Math.Max(1, Math.Abs(value));
    }

    /// <summary>Compares one output element by element, and gives its largest error.</summary>
    private static double Compare(string output, float[] found, double[] expected, int width, Func<int, double, double> tolerance)
    {
        if (found.Length != expected.Length)
            throw new InvalidOperationException($"Output {output} has {found.Length} values, expected {expected.Length}.");
        double largest = 0, worst = 0;
        int worstAt = -1;
        for (int i = 0; i < found.Length; i++)
        {
            double error = found[i] == expected[i] ? 0 : Math.Abs(found[i] - expected[i]);
            largest = Math.Max(largest, error);
            double excess = error == 0 ? 0 : error / tolerance(i, expected[i]);
            // written so that NaN counts as the worst
            if (!(excess <= 1) && (worstAt < 0 || !(excess <= worst)))
                (worst, worstAt) = (excess, i);
        }
        return worstAt < 0 ? largest : throw new FlowParityException(
            output, worstAt / width, worstAt % width, found[worstAt], expected[worstAt], tolerance(worstAt, expected[worstAt]));
    }

    /// <summary>All outputs of one run over rows [n, size].</summary>
    private sealed class GraphRun : IDisposable
    {
        private readonly InferenceSession _session;
        private readonly IDisposableReadOnlyCollection<OrtValue> _outputs;
        private readonly List<string> _outputNames;

        public GraphRun(byte[] graph, string input, float[] rows, int size, float[]? members = null, float[]? conditions = null,
            CancellationToken cancellation = default, string? without = null)
        {
            _session = OnnxLibrary.Call(() =>
            {
                using var options = new SessionOptions { LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR };
                return new InferenceSession(graph, options);
            });
            int count = rows.Length / size;
            List<(string Name, float[] Values)> inputs = [(input, rows)];
            if (members is not null)
                inputs.Add(("Member", members));
            if (conditions is { Length: > 0 })
                inputs.Add(("Condition", conditions));
            if (_session.OverridableInitializerMetadata.ContainsKey("Temperature"))
                inputs.Add(("Temperature", [1])); // whatever it is by default
            OrtValue[] values = [.. inputs.Select(given => OrtValue.CreateTensorValueFromMemory(
                given.Values, given.Name == "Temperature" ? [1] : [count, given.Values.Length / count]))];
            try
            {
                using var options = new RunOptions();
                using CancellationTokenRegistration ending = cancellation.Register(() => options.Terminate = true);
                cancellation.ThrowIfCancellationRequested();
                _outputNames = [.. _session.OutputNames.Where(name => name != without)];
                _outputs = _session.Run(options, [.. inputs.Select(given => given.Name)], values, _outputNames);
            }
            catch (Exception e)
            {
                _session.Dispose();
                if (e is OnnxRuntimeException)
                    cancellation.ThrowIfCancellationRequested(); // it was the cancellation that made the run fail
                throw;
            }
            finally
            {
                Array.ForEach(values, value => value.Dispose());
            }
        }

        public bool Has(string output) => _outputNames.Contains(output);

        public float[] Floats(string output) => Value(output).GetTensorDataAsSpan<float>().ToArray();

        public float[] Labels(string output)
            => Array.ConvertAll(Value(output).GetTensorDataAsSpan<bool>().ToArray(), label => label ? 1f : 0f);

        public void Dispose()
        {
            _outputs.Dispose();
            _session.Dispose();
        }

        private OrtValue Value(string output) => Has(output)
            ? _outputs[_outputNames.IndexOf(output)]
            : throw new InvalidOperationException($"The graph has no output {output}; it has {string.Join(", ", _outputNames)}.");
    }
}
