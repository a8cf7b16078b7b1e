using RealNvp.ML.Export.Onnx;

namespace RealNvp.ML.Transforms.Onnx;

/// <summary>
/// The <c>config.pbtxt</c> by which NVIDIA Triton's ONNX Runtime backend serves a graph (model_config.proto of its repository
/// triton-inference-server/common names the fields).
/// </summary>
internal static class TritonConfig
{
    /// <summary>
    /// Rows of a batch at most, where nothing else is asked for: of vectors, and of images, whose convolutions take memory.
    /// </summary>
    public const int MostRows = 1024, MostImages = 64;

    private const int Bool = 9; // of ONNX's TensorProto.DataType; all others here are float

    /// <summary>The file's text.</summary>
    /// <param name="name">The name of the model's folder.</param>
    /// <param name="graph">The graph. Its inputs with a default are left out: Triton refuses optional ones where it makes batches, and
    /// ONNX Runtime then takes the defaults.</param>
    /// <param name="maxBatchSize">Rows of a batch at most. Said, because Triton's own choice is 4.</param>
    /// <param name="takesOneCore">Whether a call is one core's work: several requests are computed side by side then by more instances,
    /// not by more threads in one.</param>
    public static string Of(string name, byte[] graph, int maxBatchSize, bool takesOneCore)
    {
        GraphProto content = ModelProto.Parser.ParseFrom(graph).Graph;
        var defaults = content.Initializer.Select(tensor => tensor.Name).ToHashSet(StringComparer.Ordinal);
        return string.Concat([
            $"""
            name: "{name}"
            backend: "onnxruntime"
            max_batch_size: {maxBatchSize}

            """,
            .. content.Input.Where(input => !defaults.Contains(input.Name)).Select(input => Tensor("input", input)),
            .. content.Output.Select(output => Tensor("output", output)),
            """
            # requests of many callers become one batch; who comes alone waits a millisecond
            dynamic_batching { max_queue_delay_microseconds: 1000 }
            # on a CPU give as many instances as it has cores for this model
            instance_group [ { kind: KIND_AUTO count: 1 } ]

            """,
            takesOneCore ? "parameters { key: \"intra_op_thread_count\" value: { string_value: \"1\" } }\n" : "",
        ]);
    }

    private static string Tensor(string kind, ValueInfoProto tensor)
    {
        TypeProto.Types.Tensor type = tensor.Type.TensorType;
        // the first axis is that of the batch, which Triton adds by itself
        string dimensions = string.Join(", ", type.Shape.Dim.Skip(1).Select(dimension => dimension.DimValue));
        string kindOfValues = type.ElemType == Bool ? "TYPE_BOOL" : "TYPE_FP32";
        return $"{kind} [ {{ name: \"{tensor.Name}\" data_type: {kindOfValues} dims: [ {dimensions} ] }} ]\n";
    }
}
