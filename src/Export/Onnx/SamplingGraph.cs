namespace RealNvp.ML.Export.Onnx;

/// <summary>Writes the sampling direction: latent, times temperature, back to features.</summary>
internal sealed class SamplingGraph : FlowGraph
{
    private SamplingGraph(FlowModel model) : base(model, "sampling", "Latent")
    {
        Nodes.OptionalInput("Temperature", 1);
        Vector = new VectorState(Nodes, Nodes.Node("Mul", "Latent", "Temperature"), model.InputShape.Size);
    }

    public static byte[] Build(FlowModel model, IReadOnlyDictionary<string, string>? parity)
    {
        var graph = new SamplingGraph(model);
        foreach (Steps.FlowStep step in Fuse(model.Steps).Reverse())
            step.WriteSampling(graph);
        graph.Nodes.Name("Features", graph.Vector.Whole());
        graph.Nodes.Output("Features", false, Batch, model.InputShape.Size);
        return graph.ToModel("Real NVP sampling: standard normal latents to rows in the units of the training column.", parity);
    }
}
