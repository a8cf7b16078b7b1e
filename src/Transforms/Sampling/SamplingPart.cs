using System.Collections.Immutable;
using Microsoft.ML.Data;
using Microsoft.ML.Runtime;
using RealNvp.ML.Export;
using RealNvp.ML.Export.Onnx;
using RealNvp.ML.Transforms.MlNet;
using RealNvp.ML.Transforms.Parity;
using RealNvp.ML.Transforms.Pipelines;

namespace RealNvp.ML.Transforms.Sampling;

/// <summary>A flow backwards, in a graph of the whole pipeline: latents to features.</summary>
/// <param name="host">Takes messages.</param>
/// <param name="name">The transformer, as errors call it.</param>
/// <param name="model">The flow.</param>
/// <param name="inputs">The columns that are read: latents and, where the flow has them, conditions.</param>
/// <param name="output">The column that is added.</param>
/// <param name="temperature">Multiplies the latents: a constant of the graph.</param>
internal sealed class SamplingPart(
    IHost host, string name, FlowModel model, ImmutableArray<PipelineInput> inputs,
    (string Name, DataViewType Type) output, float temperature)
    : FlowPart(host, name)
{
    private Func<int, double, double>? _tolerance; // made for a conversion, not for every view

    /// <inheritdoc/>
    public override string? Refusal => output.Type is VectorDataViewType ? null
        : $"ConvertToOnnx cannot convert the column '{output.Name}' of {Name}: it holds images, "
            + "and a graph holds numbers. Convert a sampler "
            + "that gives features: CreateSampler(asImages: false).";

    /// <inheritdoc/>
    public override ImmutableArray<PipelineInput> Inputs => inputs;

    /// <inheritdoc/>
    public override ImmutableArray<PipelineOutput> Outputs => [new(output.Name, "Features", output.Type)];

    /// <inheritdoc/>
    protected override byte[] Build()
    {
        byte[] graph = model.BuildSamplingGraph(temperature, GraphNodes.PipelineOpset);
        FlowParity.CheckSampler(model, graph);
        return graph;
    }

    /// <inheritdoc/>
    public override double Allowed(float[][] expected, int output, int row, int element)
        => (_tolerance ??= FlowParity.FeatureTolerance(model))(element, expected[output][row * model.InputShape.Size + element]);
}
