using System.Collections.Immutable;

namespace RealNvp.ML.Export.Onnx;

/// <summary>Writes the sampling direction: latent, times temperature, back to features.</summary>
internal sealed class SamplingGraph : FlowGraph
{
    private SamplingGraph(FlowModel model) : base(model, "sampling", "Latent")
    {
        if (model.IsMixture)
            Nodes.Input("Member", Batch, 1);
        Nodes.OptionalInput("Temperature", 1);
    }

    public static byte[] Build(FlowModel model, IReadOnlyDictionary<string, string>? parity)
    {
        var graph = new SamplingGraph(model);
        // every member is computed and one picked per row: members are few and small
        string features = graph.WriteMember(0);
        for (int member = 1; member < model.Members.Length; member++)
            features = graph.Nodes.Node("Where", graph.Nodes.Node("Equal", "Member", graph.Nodes.Scalar(member)), graph.WriteMember(member), features);
        graph.Nodes.Name("Features", features);
        graph.Nodes.Output("Features", false, Batch, model.InputShape.Size);
        return graph.ToModel("Real NVP sampling: standard normal latents to rows in the units of the training column.", parity);
    }

    private string WriteMember(int member)
    {
        string latent = Nodes.Node("Mul", "Latent", "Temperature");
        ImmutableArray<Steps.FlowStep> steps = Fuse(Model.Members[member]);
        bool isImage = Model.InputShape.IsImage;
        if (isImage) Image = ImageState.FromLatent(Nodes, latent, Model.InputShape, steps);
        else Vector = new VectorState(Nodes, latent, Model.InputShape.Size);
        foreach (Steps.FlowStep step in steps.Reverse())
            step.WriteSampling(this);
        return isImage ? Image.Flat(Image.Tensor) : Vector.Whole();
    }
}
