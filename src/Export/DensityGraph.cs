using RealNvp.ML.Export.Onnx;
using RealNvp.ML.Export.Steps;

namespace RealNvp.ML.Export;

/// <summary>Assembles the density direction: features to log-likelihood and latent, and the decision where it is asked for.</summary>
internal sealed class DensityGraph : FlowGraph
{
    /// <summary>Divides what is nothing.</summary>
    public const float SmallestSum = 1e-30f;

    private DensityGraph(FlowModel model, int opset) : base(model, "density", "Features", opset) { }

    public static byte[] Build(FlowModel model, DensityOutputs outputs, float threshold, int opset)
    {
        var graph = new DensityGraph(model, opset);
        graph.Add(outputs, threshold);
        return graph.ToModel("Real NVP density: the log-likelihood of rows, in nats and in the units of the input.");
    }

    private void Add(DensityOutputs outputs, float threshold)
    {
        bool isMapped = outputs.HasFlag(DensityOutputs.ScoreMap);
        (string[] members, DensityState[] states) = LogLikelihoods("Features", ConditionInputs, isMapped);
        // NaN unless the row is finite: x * 0 is NaN exactly where x is not
        string nanUnlessFinite = Nodes.RowSum(Nodes.Node("Mul", "Features", Nodes.Scalar(0)));
        if (NanUnlessUsable is not null)
            nanUnlessFinite = Nodes.Node("Add", nanUnlessFinite, NanUnlessUsable);
        string logLikelihood = Nodes.Node("Add", Mean(members), nanUnlessFinite);
        Column("LogLikelihood", logLikelihood);
        if (outputs.HasFlag(DensityOutputs.Decision))
            AddDecision(logLikelihood, nanUnlessFinite, threshold);
        if (outputs.HasFlag(DensityOutputs.BitsPerDimension))
            AddBitsPerDimension(logLikelihood);
        if (outputs.HasFlag(DensityOutputs.Contributions))
            AddContributions(logLikelihood, nanUnlessFinite);
        if (isMapped)
            AddScoreMap(members, states, logLikelihood, nanUnlessFinite, outputs.HasFlag(DensityOutputs.Decision));
        if (Model.IsMixture)
            return;
        Nodes.Name("Latent", Nodes.Node("Add", states[0].Latent(), nanUnlessFinite));
        Nodes.Output("Latent", false, Batch, Model.InputShape.Size);
    }

    /// <summary>The log-likelihoods of rows by each member, [N, 1], finite for every finite row, and the members' states.</summary>
    private (string[] Members, DensityState[] States) LogLikelihoods(string rows, string? conditionInputs, bool mapped = false)
    {
        DensityState[] states = [.. Model.Members.Select(steps =>
        {
            var state = new DensityState(Nodes, rows, Model.InputShape.Dimensions.AsSpan(), mapped) { Condition = conditionInputs };
            foreach (FlowStep step in Fuse(steps))
                step.EmitDensity(state);
            return state;
        })];
        return ([.. states.Select(state => state.LogLikelihood())], states);
    }

    private string Mean(string[] members) => Model.IsMixture ? LogMeanExp(members) : members[0];

    /// <summary>log of the mean of exp over the members, the largest taken out first so that no exponential overflows.</summary>
    private string LogMeanExp(string[] members)
    {
        string all = Nodes.Node("Concat", members, [("axis", 1L)]);
        string largest = Nodes.Node("ReduceMax", [all], [("axes", new[] { 1L }), ("keepdims", 1L)]);
        string sum = Nodes.DoubleRowSum(Nodes.Node("Exp", Nodes.Node("Sub", all, largest)));
        string mean = Nodes.Node("Mul", sum, Nodes.DoubleScalar(1.0 / members.Length));
        return Nodes.Node("Add", largest, Nodes.ToFloat(Nodes.Node("Log", mean)));
    }

    private void AddDecision(string logLikelihood, string nanUnlessFinite, float threshold)
    {
        Calibration calibration = Model.Calibration;
        Nodes.OptionalInput("Threshold", threshold);
        string score = Nodes.Node("Neg", logLikelihood);
        Column("Score", score);
        Column("PredictedLabel", Nodes.Node("Greater", score, "Threshold"), isBool: true);
        Column("PValue", PValue(score, [.. calibration.Scores], nanUnlessFinite));
        string typicality = Nodes.Node("Abs", Nodes.Node("Sub", score, Nodes.Scalar(calibration.MeanScore)));
        Column("Typicality", typicality);
        Column("TypicalityPValue", PValue(typicality, [.. calibration.Typicalities], nanUnlessFinite));
    }

    /// <summary>-(LL + sum ln delta) / (D ln 2), in double as everywhere.</summary>
    private void AddBitsPerDimension(string logLikelihood)
    {
        (double logWidths, double natsPerBit) = Model.BitsPerDimensionTerms;
        string sum = Nodes.Node("Add", Nodes.ToDouble(logLikelihood), Nodes.DoubleScalar(logWidths));
        Column("BitsPerDimension", Nodes.ToFloat(Nodes.Node("Div", Nodes.Node("Neg", sum), Nodes.DoubleScalar(natsPerBit))));
    }

    /// <summary>
    /// Columns are replaced by their medians one by one, from the first to the last and from the last to the first, and the drops in score
    /// of the two orders averaged. The 2 D - 1 variants of a row are rows of one more, larger batch, the row of medians among them.
    /// </summary>
    private void AddContributions(string logLikelihood, string nanUnlessFinite)
    {
        ExplainedColumns columns = ExplainedColumns.Of(Model.Metadata, Model.InputShape.Size);
        int size = columns.Count, features = Model.InputShape.Size, variants = 2 * size - 1;
        // variant i has its first i + 1 columns replaced; from i = D on its last i + 1 - D
        string position = Nodes.Constant([.. columns.ColumnOf.Select(column => (double)column)], features);
        string isReplaced = Nodes.Node("Less", position, Nodes.Constant([.. Numbers(1, size)], size, 1));
        if (size > 1)
        {
            string atEnd = Nodes.Node("GreaterOrEqual", position, Nodes.Constant([.. Numbers(1, size - 1).Reverse()], size - 1, 1));
            isReplaced = Nodes.Node("Concat", [isReplaced, atEnd], [("axis", 0L)]);
        }
        string medians = Nodes.Constant(Model.Metadata.FeatureMedians.AsSpan());
        string rows = Nodes.Node("Where", isReplaced, medians, Nodes.Node("Reshape", "Features", Nodes.Constant([-1L, 1, features])));
        string? condition = ConditionInputs is null ? null : PerVariant(ConditionInputs, Model.Condition!.Inputs, variants);

        string density = Mean(LogLikelihoods(Nodes.Node("Reshape", rows, Nodes.Constant([-1L, features])), condition).Members);
        string scores = Nodes.Node("Neg", Nodes.Node("Reshape", density, Nodes.Constant([-1L, variants])));
        string score = Nodes.Node("Neg", logLikelihood);
        string[] parts = size == 1 ? [scores] : Nodes.Split(scores, size - 1, 1, size - 1); // [.., the medians, ..]
        string[] forward = size == 1 ? [score, scores] : [score, parts[0], parts[1]];
        string[] backward = size == 1 ? forward : [score, parts[2], parts[1]];
        string added = Nodes.Node("Add", Half(Drops(forward, Enumerable.Range(0, size))),
            Half(Drops(backward, Enumerable.Range(0, size).Reverse()))); // halves first: sums of the largest scores would be infinite
        if (!columns.IsPlain)
            added = PerFeature(added, columns, medians);
        Nodes.Name("Contributions", Nodes.Node("Add", added, nanUnlessFinite));
        Nodes.Output("Contributions", false, Batch, features);

        string Half(string x) => Nodes.Node("Mul", x, Nodes.Scalar(0.5));

        static IEnumerable<double> Numbers(int first, int count) => Enumerable.Range(first, count).Select(i => (double)i);

        // what the score loses at each place: [N, D + 1] to [N, D]
        string Drops(string[] along, IEnumerable<int> places)
        {
            string all = Nodes.Node("Concat", along, [("axis", 1L)]);
            return Nodes.Node("Sub", Gather(all, places), Gather(all, places.Select(i => i + 1)));
        }
    }

    /// <summary>
    /// [N, columns] as [N, features]: what a category adds stands at those of its features that are above their medians, or where none is,
    /// at those below.
    /// </summary>
    private string PerFeature(string added, ExplainedColumns columns, string medians)
    {
        int size = columns.ColumnOf.Length;
        string above = Nodes.Node("Sub", "Features", medians), rise = Nodes.Node("Relu", above);
        string isAny = Nodes.Node("Greater", SumOfColumn(rise), Nodes.Scalar(0));
        string shares = Nodes.Node("Where", isAny, rise, Nodes.Node("Neg", above));
        string share = Nodes.Node("Div", shares, Nodes.Node("Max", SumOfColumn(shares), Nodes.Scalar(SmallestSum)));
        double[] alone = [.. columns.ColumnOf.Select(column => columns.Starts[column + 1] - columns.Starts[column] == 1 ? 1.0 : 0)];
        string isAlone = Nodes.Node("Greater", Nodes.Constant(alone, size), Nodes.Scalar(0));
        return Nodes.Node("Mul", Gather(added, columns.ColumnOf), Nodes.Node("Where", isAlone, Nodes.Scalar(1), share));

        string SumOfColumn(string x)
        {
            var isOf = new double[size * columns.Count];
            for (int feature = 0; feature < size; feature++)
                isOf[feature * columns.Count + columns.ColumnOf[feature]] = 1;
            return Gather(Nodes.Node("MatMul", x, Nodes.Constant(isOf, size, columns.Count)), columns.ColumnOf);
        }
    }

    private string Gather(string x, IEnumerable<int> places)
        => Nodes.Node("Gather", [x, Nodes.Constant([.. places.Select(i => (long)i)])], [("axis", 1L)]);

    /// <summary>
    /// Each position's share of the score. In a mixture the score is not a sum over positions: with r the members' shares of a row's
    /// density, -log p is the mean by r of the members' scores plus sum r log(m r), at most log m, which is spread evenly.
    /// </summary>
    private void AddScoreMap(string[] members, DensityState[] states, string logLikelihood, string nanUnlessFinite, bool decides)
    {
        int positions = Model.InputShape.Dimensions[1] * Model.InputShape.Dimensions[2];
        string? map = null;
        if (!Model.IsMixture)
        {
            map = states[0].ScoreMap();
        }
        else
        {
            foreach ((string member, DensityState state) in members.Zip(states))
            {
                string logRatio = Nodes.Node("Sub", member, logLikelihood); // log(m r)
                string share = Nodes.Node("Mul", Nodes.Node("Exp", logRatio), Nodes.Scalar(1.0 / members.Length));
                string rest = Nodes.Node("Mul", logRatio, Nodes.Scalar(1.0 / positions));
                string part = Nodes.Node("Mul", share, Nodes.Node("Add", state.ScoreMap(), rest));
                // a member that says nothing of the row adds nothing, however large its score
                part = Nodes.Node("Where", Nodes.Node("Greater", share, Nodes.Scalar(0)), part, Nodes.Scalar(0));
                map = map is null ? part : Nodes.Node("Add", map, part);
            }
        }
        Nodes.Name("ScoreMap", Nodes.Node("Add", map!, nanUnlessFinite));
        Nodes.Output("ScoreMap", false, Batch, positions);
        string maximum = Nodes.Node("Add", Nodes.Node("ReduceMax", [map!], [("axes", new[] { 1L }), ("keepdims", 1L)]), nanUnlessFinite);
        Column("MapMaximum", maximum);
        if (!decides)
            return;
        Calibration calibration = Model.ScoreMapCalibration?.Maximum ?? Calibration.None;
        Column("MapMaximumPValue", PValue(maximum, [.. calibration.Scores], nanUnlessFinite));
        Column("MapMaximumLabel", Nodes.Node("Greater", maximum, Nodes.Scalar(calibration.Threshold)), isBool: true);
    }

    /// <summary>[N, width] as [N * variants, width]: each row this many times.</summary>
    private string PerVariant(string x, int width, int variants)
    {
        string rows = Nodes.Node("Reshape", x, Nodes.Constant([-1L, 1, width]));
        string repeated = Nodes.Node("Expand", rows, Nodes.Constant([1L, variants, 1]));
        return Nodes.Node("Reshape", repeated, Nodes.Constant([-1L, width]));
    }

    private void Column(string name, string tensor, bool isBool = false)
    {
        Nodes.Name(name, tensor);
        Nodes.Output(name, isBool, Batch, 1);
    }

    /// <summary>(1 + number of calibration values at or above the value) / (n + 1).</summary>
    private string PValue(string value, float[] calibration, string nanUnlessFinite)
    {
        if (calibration.Length == 0)
            return Nodes.Node("Add", nanUnlessFinite, Nodes.Scalar(1)); // nothing to compare with
        string reached = Nodes.Node("GreaterOrEqual", Nodes.Constant(calibration, 1, calibration.Length), value);
        string count = Nodes.RowSum(Nodes.Node("Cast", [reached], [("to", 1L)]));
        string share = Nodes.Node("Div", Nodes.Node("Add", count, Nodes.Scalar(1)), Nodes.Scalar(calibration.Length + 1));
        return Nodes.Node("Add", share, nanUnlessFinite);
    }
}
