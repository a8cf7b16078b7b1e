using RealNvp.ML.Export.Onnx;

namespace RealNvp.ML.Export;

/// <summary>Assembles the sampling direction: latent, times temperature, back to features.</summary>
internal sealed class SamplingGraph : FlowGraph
{
    private SamplingGraph(FlowModel model, float temperature, int opset) : base(model, "sampling", "Latent", opset)
    {
        if (model.IsMixture)
            Nodes.Input("Member", Batch, 1);
        Nodes.OptionalInput("Temperature", temperature);
    }

    /// <summary>The graph.</summary>
    /// <param name="model">The flow.</param>
    /// <param name="temperature">What the input <c>Temperature</c> is where it is left out.</param>
    /// <param name="opset">One of those of <see cref="GraphNodes"/>.</param>
    public static byte[] Build(FlowModel model, float temperature = 1, int opset = GraphNodes.Opset)
    {
        var graph = new SamplingGraph(model, temperature, opset);
        // every member is computed and one picked per row: members are few and small
        string features = graph.AddMember(0);
        for (int member = 1; member < model.Members.Length; member++)
        {
            string isPicked = graph.Nodes.Node("Equal", "Member", graph.Nodes.Scalar(member));
            features = graph.Nodes.Node("Where", isPicked, graph.AddMember(member), features);
        }
        if (graph.NanUnlessUsable is { } nan)
            features = graph.Nodes.Node("Add", features, nan);
        graph.Nodes.Name("Features", features);
        graph.Nodes.Output("Features", false, Batch, model.InputShape.Size);
        return graph.ToModel("Real NVP sampling: standard normal latents to rows in the units of the training column.");
    }

    private string AddMember(int member) => Backwards(member, Nodes.Node("Mul", "Latent", "Temperature"));
}
