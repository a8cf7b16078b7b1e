using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;
using RealNvp.ML.Export.Onnx;
using RealNvp.ML.Export.Steps;

namespace RealNvp.ML.Export;

/// <summary>What the density and the sampling graph share: the nodes, tensor names and metadata.</summary>
internal abstract class FlowGraph
{
    /// <summary>The name of the batch axis.</summary>
    protected const string Batch = "N";

    protected FlowGraph(FlowModel model, string name, string input)
    {
        Model = model;
        Nodes = new GraphNodes(name);
        Nodes.Input(input, Batch, model.InputShape.Size);
    }

    public FlowModel Model { get; }

    public GraphNodes Nodes { get; }

    /// <summary>The steps with neighbours merged where they can be.</summary>
    protected static ImmutableArray<FlowStep> Fuse(ImmutableArray<FlowStep> steps)
    {
        var fused = new List<FlowStep>();
        foreach (FlowStep step in steps)
        {
            if (fused.Count > 0 && fused[^1].TryFuse(step) is { } one) fused[^1] = one;
            else fused.Add(step);
        }
        return [.. fused];
    }

    protected byte[] ToModel(string description, IReadOnlyDictionary<string, string>? parity)
    {
        var metadata = new SortedDictionary<string, string>(StringComparer.Ordinal)
        {
            ["realnvp.input_shape"] = Model.InputShape.ToString(),
            ["realnvp.members"] = Model.Members.Length.ToString(CultureInfo.InvariantCulture),
            ["realnvp.calibration.count"] = Model.Calibration.Count.ToString(CultureInfo.InvariantCulture),
            ["realnvp.calibration.contamination"] = Model.Calibration.Contamination.ToString(CultureInfo.InvariantCulture),
            ["realnvp.calibration.threshold"] = Model.Calibration.Threshold.ToString(CultureInfo.InvariantCulture),
        };
        if (!Model.Metadata.FeatureNames.IsEmpty)
            metadata["realnvp.feature_names"] = JsonSerializer.Serialize(Model.Metadata.FeatureNames.ToArray());
        foreach ((string key, string value) in Model.Metadata.Training)
            metadata["realnvp.training." + key] = value;
        foreach ((string key, string value) in parity ?? ImmutableDictionary<string, string>.Empty)
            metadata["realnvp.parity." + key] = value;
        return Nodes.ToModel(description, metadata);
    }
}
