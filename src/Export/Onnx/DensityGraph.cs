using System.Collections.Immutable;

namespace RealNvp.ML.Export.Onnx;

/// <summary>Writes the density direction: features to log-likelihood and latent, and the decision where it is asked for.</summary>
internal sealed class DensityGraph : FlowGraph
{
    // Log-determinants per element are summed as [N, k] by their width first: additions are cheaper than row sums.
    private readonly Dictionary<int, string> _logDets = [];
    private double _constantLogDet;

    private DensityGraph(FlowModel model) : base(model, "density", "Features") { }

    public static byte[] Build(FlowModel model, DensityOutputs outputs, IReadOnlyDictionary<string, string>? parity, float threshold)
    {
        var graph = new DensityGraph(model);
        graph.Write(outputs, threshold);
        return graph.ToModel("Real NVP density: the log-likelihood of rows, in nats and in the units of the input.", parity);
    }

    /// <summary>Adds log-determinants per element, [N, width].</summary>
    public void AddLogDet(string tensor, int width)
        => _logDets[width] = _logDets.TryGetValue(width, out string? sum) ? Nodes.Node("Add", sum, tensor) : tensor;

    /// <summary>Adds log-determinants per element of an image, [N, channels, H, W].</summary>
    public void AddImageLogDet(string tensor, int channels) => AddLogDet(Image.Flat(tensor), channels * Image.Height * Image.Width);

    /// <summary>Adds a log-determinant that is the same for every row.</summary>
    public void AddConstantLogDet(double value) => _constantLogDet += value;

    private void Write(DensityOutputs outputs, float threshold)
    {
        string[] members = [.. Model.Members.Select(WriteMember)];
        // NaN unless the row is finite: x * 0 is NaN exactly where x is not
        string nanUnlessFinite = Nodes.RowSum(Nodes.Node("Mul", "Features", Nodes.Scalar(0)));
        string logLikelihood = Nodes.Node("Add", Model.IsMixture ? LogMeanExp(members) : members[0], nanUnlessFinite);
        Column("LogLikelihood", logLikelihood);
        if (outputs == DensityOutputs.Decision)
            WriteDecision(logLikelihood, nanUnlessFinite, threshold);
        if (Model.IsMixture)
            return;
        Nodes.Name("Latent", Nodes.Node("Add", Latent(), nanUnlessFinite));
        Nodes.Output("Latent", false, Batch, Model.InputShape.Size);
    }

    /// <summary>Writes one flow and returns its log-likelihood [N, 1], finite for every finite row.</summary>
    private string WriteMember(ImmutableArray<Steps.FlowStep> steps)
    {
        int size = Model.InputShape.Size;
        if (Model.InputShape.IsImage) Image = ImageState.FromRows(Nodes, "Features", Model.InputShape);
        else Vector = new VectorState(Nodes, "Features", size);
        _logDets.Clear();
        _constantLogDet = 0;
        foreach (Steps.FlowStep step in Fuse(steps))
            step.WriteDensity(this);

        // log N(z; 0, I) = -1/2 sum z^2 - D/2 log(2 pi), summed elementwise with the log-determinants of the same width
        foreach ((string tensor, int width) in LatentParts())
        {
            string square = Nodes.Node("Mul", tensor, tensor);
            AddLogDet(Nodes.Node("Mul", square, Nodes.Scalar(-0.5)), width);
        }
        string sum = _logDets.Values.Select(Nodes.RowSum).Aggregate((a, b) => Nodes.Node("Add", a, b));
        string logLikelihood = Nodes.Node("Add", sum, Nodes.Scalar(_constantLogDet - 0.5 * size * Math.Log(2 * Math.PI)));
        string lowest = Nodes.Scalar(float.MinValue); // a NaN from infinity - infinity is a density of zero
        return Nodes.Node("Max", Nodes.Node("Where", Nodes.Node("IsNaN", logLikelihood), lowest, logLikelihood), lowest);
    }

    /// <summary>The latent in parts that are already there, [N, Width] each.</summary>
    private IEnumerable<(string Tensor, int Width)> LatentParts()
    {
        if (Model.InputShape.IsImage)
            return Image.Latent;
        Vector.Map(part => part with { Tensor = Vector.Scaled(part), Scale = null });
        return Vector.Parts.Select(part => (part.Tensor, part.Width));
    }

    /// <summary>The latent as one tensor, [N, size].</summary>
    private string Latent()
    {
        if (!Model.InputShape.IsImage)
            return Vector.Whole();
        string[] parts = [.. Image.Latent.Select(part => part.Tensor)];
        return parts.Length == 1 ? parts[0] : Nodes.Node("Concat", parts, [("axis", 1L)]);
    }

    /// <summary>log of the mean of exp over the members, the largest taken out first so that no exponential overflows.</summary>
    private string LogMeanExp(string[] members)
    {
        string all = Nodes.Node("Concat", members, [("axis", 1L)]);
        string largest = Nodes.Node("ReduceMax", [all], [("axes", new[] { 1L }), ("keepdims", 1L)]);
        string sum = Nodes.RowSum(Nodes.Node("Exp", Nodes.Node("Sub", all, largest)));
        return Nodes.Node("Add", largest, Nodes.Node("Log", Nodes.Node("Mul", sum, Nodes.Scalar(1.0 / members.Length))));
    }

    private void WriteDecision(string logLikelihood, string nanUnlessFinite, float threshold)
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
