using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;
using Google.Protobuf;
using RealNvp.ML.Export.Onnx;
using RealNvp.ML.Export.Steps;

namespace RealNvp.ML.Export;

/// <summary>What the density and the sampling graph share: the nodes, tensor names and metadata.</summary>
internal abstract class FlowGraph
{
    /// <summary>The name of the batch axis.</summary>
    protected const string Batch = "N";

    /// <summary>A graph of one input beside the condition.</summary>
    /// <param name="model">The flow.</param>
    /// <param name="name">The graph's name.</param>
    /// <param name="input">The input's name.</param>
    /// <param name="opset">One of those of <see cref="GraphNodes"/>.</param>
    /// <param name="dims">Its dimensions, numbers or names of axes; those of rows where left out.</param>
    protected FlowGraph(FlowModel model, string name, string input, int opset, params object[] dims)
    {
        Model = model;
        Nodes = new GraphNodes(name, opset);
        Nodes.Input(input, dims is [] ? [Batch, model.InputShape.Size] : dims);
        if (model.Condition is not { } condition)
            return;
        Nodes.Input("Condition", Batch, condition.Size);
        (ConditionInputs, NanUnlessUsable) = condition.Emit(Nodes, "Condition");
    }

    public FlowModel Model { get; }

    public GraphNodes Nodes { get; }

    /// <summary>What nets read of the condition, [N, inputs]; null where there is none.</summary>
    protected string? ConditionInputs { get; }

    /// <summary>Zeros [N, 1], NaN where the condition is of no use; null where there is none.</summary>
    protected string? NanUnlessUsable { get; }

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

    /// <summary>A member backwards, from a latent.</summary>
    protected string Backwards(int member, string latent)
    {
        ImmutableArray<FlowStep> steps = Fuse(Model.Members[member]);
        int[][] shapes = [.. MultiScale.LatentShapes(Model.InputShape, steps).Select(shape => shape.Dimensions.ToArray())];
        var state = new FlowState(Nodes, latent, shapes) { Condition = ConditionInputs };
        foreach (FlowStep step in steps.Reverse())
            step.EmitSampling(state);
        return state.Rows();
    }

    /// <summary>
    /// A graph with facts about its parity among its metadata. Only appended: what was checked stays byte for byte, for messages that
    /// follow each other are one.
    /// </summary>
    public static byte[] WithParity(byte[] graph, IReadOnlyDictionary<string, string> facts)
    {
        var more = new ModelProto();
        foreach ((string key, string value) in facts)
            more.MetadataProps.Add(new StringStringEntryProto { Key = "realnvp.parity." + key, Value = value });
        return [.. graph, .. more.ToByteArray()];
    }

    /// <summary>The graph with its optional inputs as constants. Nothing that is computed changes.</summary>
    public static byte[] WithoutOptionalInputs(byte[] graph)
    {
        ModelProto model = ModelProto.Parser.ParseFrom(graph);
        HashSet<string> constants = [.. model.Graph.Initializer.Select(tensor => tensor.Name)];
        foreach (ValueInfoProto input in model.Graph.Input.Where(input => constants.Contains(input.Name)).ToArray())
            model.Graph.Input.Remove(input);
        return model.ToByteArray();
    }

    protected byte[] ToModel(string description)
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
        if (Model.Condition is { } condition)
        {
            metadata["realnvp.condition.size"] = condition.Size.ToString(CultureInfo.InvariantCulture);
            metadata["realnvp.condition.may_be_unknown"] = condition.MayBeUnknown ? "true" : "false";
            if (!condition.Names.IsEmpty)
                metadata["realnvp.condition.names"] = JsonSerializer.Serialize(condition.Names.ToArray());
        }
        foreach ((string key, string value) in Model.Metadata.Training)
            metadata["realnvp.training." + key] = value;
        return Nodes.ToModel(description, metadata);
    }
}
