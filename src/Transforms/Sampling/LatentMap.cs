using Microsoft.ML;
using Microsoft.ML.Runtime;
using RealNvp.ML.Export;
using RealNvp.ML.Transforms.Columns;
using RealNvp.ML.Transforms.Images.Pictures;
using RealNvp.ML.Transforms.MlNet;
using RealNvp.ML.Transforms.Onnx;
using RealNvp.ML.Transforms.Rows;

namespace RealNvp.ML.Transforms.Sampling;

/// <summary>A column of latents, and of conditions where the flow has one, to one of features or of images.</summary>
internal sealed class LatentMap(FlowRuntime runtime, FlowModel model, string latentColumnName, string? conditionColumnName,
    string outputColumnName, float temperature, int? batchSize, LevelImage? images)
    : SamplingMap(runtime, model, outputColumnName, temperature, batchSize, images)
{
    /// <inheritdoc/>
    public override DataViewSchema.Column[] FindInputs(DataViewSchema schema)
        => FeatureColumn.FindBoth(schema, latentColumnName, FlowShape.Vector(Model.InputShape.Size), conditionColumnName,
            Model.Condition?.Size ?? 0);

    /// <summary>What ML.NET's conversion to ONNX is answered.</summary>
    /// <param name="host">Takes messages.</param>
    /// <param name="name">The transformer, as errors call it.</param>
    /// <param name="input">The schema of the view that is read.</param>
    public SamplingPart PartOf(IHost host, string name, DataViewSchema input)
    {
        var latent = new PipelineInput(latentColumnName, "Latent", Model.InputShape.Size);
        DataViewSchema.DetachedColumn added = AddedColumns(input)[0];
        return new SamplingPart(host, name, Model, conditionColumnName is null
            ? [latent] : [latent, new(conditionColumnName, "Condition", Model.Condition!.Size)], (added.Name, added.Type), Temperature);
    }
}
