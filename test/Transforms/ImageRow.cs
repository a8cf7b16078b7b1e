using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Export;

namespace RealNvp.ML.Tests.Transforms;

/// <summary>An image as a row of a view, whose schema gets the shape of a flow.</summary>
internal sealed class ImageRow
{
    public float[] Features { get; set; } = [];

    /// <summary>A view of rows as a pipeline would hand them to the flow.</summary>
    public static IDataView View(MLContext ml, FlowModel model, IEnumerable<float[]> rows)
    {
        SchemaDefinition definition = SchemaDefinition.Create(typeof(ImageRow));
        definition[nameof(Features)].ColumnType = new VectorDataViewType(NumberDataViewType.Single, model.InputShape.Dimensions);
        return ml.Data.LoadFromEnumerable(rows.Select(row => new ImageRow { Features = row }), definition);
    }
}
