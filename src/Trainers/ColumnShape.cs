using System.Collections.Immutable;
using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Export;
using RealNvp.ML.Trainers.Designs;

namespace RealNvp.ML.Trainers;

/// <summary>Tells what a column holds, and the shape of its rows.</summary>
/// <param name="Kind">What the values are.</param>
/// <param name="Shape">Of a row.</param>
/// <param name="IsAsked">Whether the options say so; else the values must bear it out.</param>
internal sealed record ColumnShape(FeatureKind Kind, FlowShape Shape, bool IsAsked)
{
    /// <summary>More channels than this are no colours.</summary>
    private const int MostColours = 4;

    /// <summary>
    /// What the options say, or where they say nothing: a column of three dimensions has pixels where the first, its channels, may be one
    /// of colours, and no other column has.
    /// </summary>
    /// <exception cref="ArgumentException">The options' shape is not the column's, or it cannot be told what the column holds.</exception>
    public static ColumnShape Of(DataViewSchema.Column column, FeatureKind? asked, ImageFlowOptions? image, FeatureMapOptions? maps)
    {
        var type = (VectorDataViewType)column.Type;
        ImmutableArray<int> dimensions = type.Dimensions;
        FeatureKind? kind = asked ?? (image is not null ? FeatureKind.Pixels : maps is not null ? FeatureKind.Maps : null);
        if (kind == FeatureKind.Table || (kind is null && dimensions.Length != 3))
            return new(FeatureKind.Table, FlowShape.Vector(type.Size), kind is not null);
        string group = kind == FeatureKind.Maps ? nameof(RealNvpTrainer.Options.Maps) : nameof(RealNvpTrainer.Options.Image);
        if (kind is { } known && (image?.Shape ?? maps?.Shape) is { } shape)
        {
            return shape.Size == type.Size
                ? new(known, shape, IsAsked: true)
                : throw new ArgumentException($"Column '{column.Name}' is {type}, of {type.Size} values; {group}.Shape is {shape}, of "
                    + $"{shape.Size}.");
        }
        if (dimensions.Length == 3)
        {
            if (kind != FeatureKind.Maps && dimensions[2] <= MostColours && dimensions[0] > MostColours)
                throw new ArgumentException($"Column '{column.Name}' is {type}, which looks like height x width x channels; expected "
                    + $"channels x height x width: leave interleavePixelColors of ExtractPixels off, or set {group}.Shape.");
            if (kind is null && dimensions[0] > MostColours)
                throw new ArgumentException($"Column '{column.Name}' is {type}, of {dimensions[0]} channels, more than colours are: "
                    + $"{ImageDesign.OtherKinds}.");
            return new(kind ?? FeatureKind.Pixels, FlowShape.Image(dimensions[0], dimensions[1], dimensions[2]), kind is not null);
        }
        return dimensions.Length == 2
            ? new(kind!.Value, FlowShape.Image(1, dimensions[0], dimensions[1]), IsAsked: true)
            : throw new ArgumentException($"Column '{column.Name}' is {type}, which has no height and width: set {group}.Shape to channels "
            + "x height x width.");
    }
}
