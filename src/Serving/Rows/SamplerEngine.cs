using RealNvp.ML.Export;
using RealNvp.ML.Serving.Batching;
using RealNvp.ML.Transforms.Onnx;

namespace RealNvp.ML.Serving.Rows;

/// <summary>Latents through a flow backwards: the sampling graph, with the inputs that its file has.</summary>
internal sealed class SamplerEngine : IBatchEngine<RowsRequest>
{
    private readonly OnnxTensor[] _inputs;
    private readonly OnnxTensor _features;
    private readonly OnnxBatch _batch;

    /// <param name="runtime">The flow's sessions, which must outlive this.</param>
    /// <param name="model">The flow.</param>
    /// <param name="capacity">The most rows of a batch.</param>
    public SamplerEngine(FlowRuntime runtime, FlowModel model, int capacity)
    {
        _inputs = [.. InputsOf(model).Select(input => OnnxTensor.Rows(input.Name, input.Size, capacity))];
        _features = OnnxTensor.Rows("Features", model.InputShape.Size, capacity);
        _batch = new OnnxBatch(runtime.Sampling, [.. _inputs, OnnxTensor.Scalar("Temperature", 1)], [_features]);
    }

    /// <summary>The columns that callers bring.</summary>
    public static IReadOnlyList<ModelColumn> InputsOf(FlowModel model) =>
    [
        new("Latent", ColumnKind.Single, [model.InputShape.Size], []),
        .. model.Condition is { } condition
            ? [new("Condition", ColumnKind.Single, [condition.Size], condition.Names)] : (ModelColumn[])[],
        .. model.IsMixture ? [new("Member", ColumnKind.Single, [1], [])] : (ModelColumn[])[],
    ];

    /// <summary>The column that they get.</summary>
    public static IReadOnlyList<ModelColumn> OutputsOf(FlowModel model)
        => [new("Features", ColumnKind.Single, [.. model.InputShape.Dimensions], model.Metadata.FeatureNames)];

    /// <inheritdoc/>
    public void Take(RowsRequest request, int from, int count, int place)
    {
        foreach ((OnnxTensor tensor, Array values) in _inputs.Zip(request.Inputs))
            ((float[])values).AsSpan(from * tensor.Width, count * tensor.Width).CopyTo(tensor.Values.AsSpan(place * tensor.Width));
    }

    /// <inheritdoc/>
    public void Run(int rows) => _batch.Run(rows);

    /// <inheritdoc/>
    public void Give(RowsRequest request, int from, int count, int place)
    {
        if (request.Results[0] is float[] results)
        {
            int width = _features.Width;
            _features.Values.AsSpan(place * width, count * width).CopyTo(results.AsSpan(from * width));
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _batch.Dispose();
}
