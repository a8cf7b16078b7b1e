using Microsoft.ML;
using RealNvp.ML.Export;

namespace RealNvp.ML.Transforms.MlNet;

/// <summary>The flow inside a saved ML.NET model: the bytes of a flow file, as a stream of its own.</summary>
internal static class FlowStream
{
    private const string Name = "Flow";

    /// <summary>Writes the flow.</summary>
    public static void Save(ModelSaveContext context, FlowModel model) => MlNetInternals.SaveBinaryStream(context, Name, writer =>
    {
        writer.Flush();
        model.Save(writer.BaseStream);
    });

    /// <summary>Reads the flow. <paramref name="context"/> is a ModelLoadContext.</summary>
    /// <exception cref="FlowModelException">It is missing or damaged.</exception>
    public static FlowModel Load(object context)
    {
        FlowModel? model = null;
        if (!MlNetInternals.TryLoadBinaryStream(context, Name, reader => model = FlowModel.Load(reader.BaseStream)))
            throw new FlowModelException($"The saved model is damaged: it has no entry '{Name}' with the flow.");
        return model!;
    }
}
