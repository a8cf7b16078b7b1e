namespace RealNvp.ML.Export.Onnx;

/// <summary>Writes the density direction: features to log-likelihood and latent, and the decision where it is asked for.</summary>
internal sealed class DensityGraph : FlowGraph
{
    // Log-determinants per element are summed as [N, k] by their width first: additions are cheaper than row sums.
    private readonly Dictionary<int, string> _logDets = [];
    private double _constantLogDet;

    private DensityGraph(FlowModel model) : base(model, "density", "Features")
        => Vector = new VectorState(Nodes, "Features", model.InputShape.Size);

    public static byte[] Build(FlowModel model, DensityOutputs outputs, IReadOnlyDictionary<string, string>? parity)
    {
        var graph = new DensityGraph(model);
        foreach (Steps.FlowStep step in Fuse(model.Steps))
            step.WriteDensity(graph);
        graph.Finish(outputs);
        return graph.ToModel("Real NVP density: the log-likelihood of rows, in nats and in the units of the input.", parity);
    }

    /// <summary>Adds log-determinants per element, [N, width].</summary>
    public void AddLogDet(string tensor, int width)
        => _logDets[width] = _logDets.TryGetValue(width, out string? sum) ? Nodes.Node("Add", sum, tensor) : tensor;

    /// <summary>Adds a log-determinant that is the same for every row.</summary>
    public void AddConstantLogDet(double value) => _constantLogDet += value;

    private void Finish(DensityOutputs outputs)
    {
        int size = Model.InputShape.Size;
        Vector.Map(part => part with { Tensor = Vector.Scaled(part), Scale = null });

        // log N(z; 0, I) = -1/2 sum z^2 - D/2 log(2 pi), summed elementwise with the log-determinants of the same width
        foreach (VectorPart part in Vector.Parts)
        {
            string square = Nodes.Node("Mul", part.Tensor, part.Tensor);
            AddLogDet(Nodes.Node("Mul", square, Nodes.Scalar(-0.5)), part.Width);
        }
        string sum = _logDets.Values.Select(Nodes.RowSum).Aggregate((a, b) => Nodes.Node("Add", a, b));
        string logLikelihood = Nodes.Node("Add", sum, Nodes.Scalar(_constantLogDet - 0.5 * size * Math.Log(2 * Math.PI)));

        // Finite for every finite row (a NaN from infinity - infinity is a density of zero), NaN for every other:
        // x * 0 is NaN exactly where x is not finite.
        string lowest = Nodes.Scalar(float.MinValue);
        string clamped = Nodes.Node("Max", Nodes.Node("Where", Nodes.Node("IsNaN", logLikelihood), lowest, logLikelihood), lowest);
        string nanUnlessFinite = Nodes.RowSum(Nodes.Node("Mul", "Features", Nodes.Scalar(0)));
        logLikelihood = Nodes.Node("Add", clamped, nanUnlessFinite);
        Nodes.Name("LogLikelihood", logLikelihood);
        Nodes.Output("LogLikelihood", false, Batch, 1);

        if (outputs == DensityOutputs.Decision)
            WriteDecision(logLikelihood, nanUnlessFinite);

        Nodes.Name("Latent", Nodes.Node("Add", Vector.Whole(), nanUnlessFinite));
        Nodes.Output("Latent", false, Batch, size);
    }

    private void WriteDecision(string logLikelihood, string nanUnlessFinite)
    {
        Calibration calibration = Model.Calibration;
        Nodes.OptionalInput("Threshold", calibration.Threshold);
        string score = Nodes.Node("Neg", logLikelihood);
        Nodes.Name("Score", score);
        Nodes.Output("Score", false, Batch, 1);
        Nodes.Name("PredictedLabel", Nodes.Node("Greater", score, "Threshold"));
        Nodes.Output("PredictedLabel", true, Batch, 1);

        string pValue;
        if (calibration.Count == 0)
        {
            pValue = Nodes.Node("Add", nanUnlessFinite, Nodes.Scalar(1)); // nothing to compare with
        }
        else
        {
            string reached = Nodes.Node("GreaterOrEqual", Nodes.Constant(calibration.Scores.AsSpan(), 1, calibration.Count), score);
            string count = Nodes.RowSum(Nodes.Node("Cast", [reached], [("to", 1L)]));
            string share = Nodes.Node("Div", Nodes.Node("Add", count, Nodes.Scalar(1)), Nodes.Scalar(calibration.Count + 1));
            pValue = Nodes.Node("Add", share, nanUnlessFinite);
        }
        Nodes.Name("PValue", pValue);
        Nodes.Output("PValue", false, Batch, 1);
    }
}
