using Microsoft.ML;
using RealNvp.ML.Export;
using RealNvp.ML.Transforms.Columns;
using RealNvp.ML.Transforms.Images.Pictures;
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
}
