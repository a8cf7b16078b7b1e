using RealNvp.ML.Export.Onnx;

namespace RealNvp.ML.Export;

/// <summary>
/// Assembles the quantiles of one feature given a condition: a flow over one feature rises with its latent z, so that x(z) is the quantile
/// at the probability of z under the standard normal distribution. The nets read the condition alone, and so are computed once for all of
/// a row's quantiles.
/// </summary>
internal sealed class QuantileGraph : FlowGraph
{
    private const string Points = "K", Values = "M x K";

    private QuantileGraph(FlowModel model) : base(model, "quantiles", "Latent", GraphNodes.Opset, 1, Points) { }

    /// <summary>
    /// Inputs <c>Latent</c> [1, K] and <c>Condition</c> [N, C]; output <c>Features</c> [N, M K]: for each member in turn, its K quantiles.
    /// </summary>
    public static byte[] Build(FlowModel model)
    {
        if (model.InputShape.Size != 1 || model.InputShape.IsImage || model.Condition is null)
        {
            throw new InvalidOperationException(
                $"Quantiles are of one feature given a condition, and the flow is over {model.InputShape} values.");
        }
        var graph = new QuantileGraph(model);
        string[] members = [.. Enumerable.Range(0, model.Members.Length).Select(member => graph.Backwards(member, "Latent"))];
        string all = members.Length == 1 ? members[0] : graph.Nodes.Node("Concat", members, [("axis", 1L)]);
        graph.Nodes.Name("Features", graph.Nodes.Node("Add", all, graph.NanUnlessUsable!)); // to [N, M K], also where no net is read
        graph.Nodes.Output("Features", false, Batch, Values);
        return graph.ToModel("Real NVP quantiles: latents to quantiles of the one feature, given a condition.");
    }
}
