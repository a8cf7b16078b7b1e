using System.Collections.Immutable;
using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Export;

namespace RealNvp.ML.Trainers;

/// <summary>Tells a table's column from an image's.</summary>
internal static class ColumnShape
{
    /// <summary>More channels than this at the end of three dimensions are no colours.</summary>
    private const int MostColours = 4;

    /// <summary>
    /// The shape of a row: an image where the column has three dimensions (channels, height, width) or the options say so, and two
    /// dimensions where the options are those of an image; a vector otherwise.
    /// </summary>
    /// <exception cref="ArgumentException">The options' shape is not the column's, or its pixels are interleaved.</exception>
    public static FlowShape Of(DataViewSchema.Column column, ImageFlowOptions? image)
    {
        var type = (VectorDataViewType)column.Type;
        ImmutableArray<int> dimensions = type.Dimensions;
        if (image?.Shape is { } shape)
        {
            return shape.Size == type.Size
                ? shape
                : throw new ArgumentException($"Column '{column.Name}' is {type}, of {type.Size} values; Image.Shape is {shape}, of "
                + $"{shape.Size}.");
        }
        if (dimensions.Length == 3 && dimensions[2] <= MostColours && dimensions[0] > MostColours)
            throw new ArgumentException($"Column '{column.Name}' is {type}, which looks like height x width x channels; expected "
                + "channels x height x width: leave interleavePixelColors of ExtractPixels off, or set Image.Shape.");
        if (dimensions.Length == 3)
            return FlowShape.Image(dimensions[0], dimensions[1], dimensions[2]);
        if (image is null)
            return FlowShape.Vector(type.Size);
        return dimensions.Length == 2
            ? FlowShape.Image(1, dimensions[0], dimensions[1])
            : throw new ArgumentException($"Column '{column.Name}' is {type}, which has no height and width: set Image.Shape to channels "
            + "x height x width.");
    }
}
