using Microsoft.ML;
using Microsoft.ML.Data;

namespace RealNvp.ML.Transforms.Images.Files;

/// <summary>An image as a row. A sequence of rows gives the same object again and again: views copy what they are asked for.</summary>
internal class ImageRow
{
    /// <summary>Planar, levels 0 to 255.</summary>
    public float[] Features = [];

    /// <summary>A view over rows.</summary>
    /// <param name="catalog">The data catalog.</param>
    /// <param name="rows">The rows, which can be enumerated many times.</param>
    /// <param name="count">How many, or null where that is not known.</param>
    /// <param name="shape">Channels, height and width.</param>
    public static IDataView View(
        DataOperationsCatalog catalog, IEnumerable<ImageRow> rows, int? count, (int Channels, int Height, int Width) shape)
        => catalog.LoadFromEnumerable(CountedRows.Of(rows, count), Describe<ImageRow>(shape));

    /// <summary>The columns of such rows, with the shape of the features.</summary>
    protected static SchemaDefinition Describe<TRow>((int Channels, int Height, int Width) shape)
    {
        var schema = SchemaDefinition.Create(typeof(TRow));
        schema[nameof(Features)].ColumnType = new VectorDataViewType(NumberDataViewType.Single, shape.Channels, shape.Height, shape.Width);
        return schema;
    }
}

/// <summary>An image and its class.</summary>
internal sealed class LabelledImageRow : ImageRow
{
    /// <summary>The class, from 0; LoadFromEnumerable itself makes it a key, which counts from 1.</summary>
    public uint Label;

    /// <summary>A view over rows, whose labels are keys with names.</summary>
    public static IDataView View(
        DataOperationsCatalog catalog, IEnumerable<LabelledImageRow> rows, int? count, (int Channels, int Height, int Width) shape,
        string[] classNames)
    {
        SchemaDefinition schema = Describe<LabelledImageRow>(shape);
        schema[nameof(Label)].ColumnType = new KeyDataViewType(typeof(uint), classNames.Length);
        var names = new VBuffer<ReadOnlyMemory<char>>(classNames.Length, [.. classNames.Select(name => name.AsMemory())]);
        schema[nameof(Label)].AddAnnotation("KeyValues", names, new VectorDataViewType(TextDataViewType.Instance, classNames.Length));
        return catalog.LoadFromEnumerable(CountedRows.Of(rows, count), schema);
    }
}
