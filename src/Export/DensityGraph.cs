using RealNvp.ML.Export.Onnx;
using RealNvp.ML.Export.Steps;

namespace RealNvp.ML.Export;

/// <summary>Assembles the density direction: features to log-likelihood and latent, and the decision where it is asked for.</summary>
internal sealed class DensityGraph : FlowGraph
{
    private DensityGraph(FlowModel model) : base(model, "density", "Features") { }

    public static byte[] Build(FlowModel model, DensityOutputs outputs, float threshold)
    {
        var graph = new DensityGraph(model);
        graph.Add(outputs, threshold);
        return graph.ToModel("Real NVP density: the log-likelihood of rows, in nats and in the units of the input.");
    }

    private void Add(DensityOutputs outputs, float threshold)
    {
        DensityState state = null!;
        string[] members = [.. Model.Members.Select(steps =>
        {
            state = new DensityState(Nodes, "Features", Model.InputShape.Dimensions.AsSpan()) { Condition = ConditionInputs };
            foreach (FlowStep step in Fuse(steps))
                step.EmitDensity(state);
            return state.LogLikelihood();
        })];
        // NaN unless the row is finite: x * 0 is NaN exactly where x is not
        string nanUnlessFinite = Nodes.RowSum(Nodes.Node("Mul", "Features", Nodes.Scalar(0)));
        if (NanUnlessUsable is not null)
            nanUnlessFinite = Nodes.Node("Add", nanUnlessFinite, NanUnlessUsable);
        string logLikelihood = Nodes.Node("Add", Model.IsMixture ? LogMeanExp(members) : members[0], nanUnlessFinite);
        Column("LogLikelihood", logLikelihood);
        if (outputs == DensityOutputs.Decision)
            AddDecision(logLikelihood, nanUnlessFinite, threshold);
        if (Model.IsMixture)
            return;
        Nodes.Name("Latent", Nodes.Node("Add", state.Latent(), nanUnlessFinite));
        Nodes.Output("Latent", false, Batch, Model.InputShape.Size);
    }

    /// <summary>log of the mean of exp over the members, the largest taken out first so that no exponential overflows.</summary>
    private string LogMeanExp(string[] members)
    {
        string all = Nodes.Node("Concat", members, [("axis", 1L)]);
        string largest = Nodes.Node("ReduceMax", [all], [("axes", new[] { 1L }), ("keepdims", 1L)]);
        string sum = Nodes.RowSum(Nodes.Node("Exp", Nodes.Node("Sub", all, largest)));
        return Nodes.Node("Add", largest, Nodes.Node("Log", Nodes.Node("Mul", sum, Nodes.Scalar(1.0 / members.Length))));
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
