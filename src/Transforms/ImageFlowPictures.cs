using Microsoft.ML.Data;
using RealNvp.ML.Export;
using RealNvp.ML.Transforms;
using RealNvp.ML.Transforms.Columns;
using RealNvp.ML.Transforms.Images.Pictures;
using RealNvp.ML.Transforms.Rows;

namespace Microsoft.ML;

/// <summary>
/// The pictures by which image flows are judged: samples, interpolations between images, and images there and back. Flows of 1 or 3
/// channels.
/// </summary>
/// <example>
/// <code>
/// using MLImage samples = flow.SampleGrid(rows: 8, columns: 8, temperature: 0.7f, magnification: 4);
/// samples.SavePng("samples.png");
/// using MLImage manifold = flow.Manifold(testImages, side: 8, magnification: 4);
/// manifold.SavePng("manifold.png");
/// using MLImage pairs = flow.Reconstructions(testImages, count: 16, magnification: 4);
/// pairs.SavePng("reconstructions.png");
/// </code>
/// </example>
public static class ImageFlowPictures
{
    /// <summary>Samples in a grid: the first ones of <see
    /// cref="RealNvpTransformer.SampleImages(long, int, float, string)"/>, row by row.</summary>
    /// <param name="flow">The flow.</param>
    /// <param name="rows">Rows of samples.</param>
    /// <param name="columns">Samples per row.</param>
    /// <param name="seed">Which samples.</param>
    /// <param name="temperature">Multiplies the latent noise: below 1 draws nearer to the mode, 1 the learned density.</param>
    /// <param name="margin">The width of the lines between images, in pixels of the result.</param>
    /// <param name="magnification">The side of the square that each pixel becomes.</param>
    /// <returns>The picture, which the caller disposes.</returns>
    /// <exception cref="InvalidOperationException">
    /// The flow is not over images of 1 or 3 channels with known levels, or needs a condition for each: draw with the other overload.
    /// </exception>
    public static MLImage SampleGrid(
        this RealNvpTransformer flow, int rows, int columns, int seed = 0, float temperature = 1, int margin = 1, int magnification = 1)
    {
        ArgumentNullException.ThrowIfNull(flow);
        ArgumentOutOfRangeException.ThrowIfLessThan(rows, 1);
        ImageGrid.Check(columns, margin, magnification);
        const string Image = "Image";
        IDataView samples = flow.SampleImages((long)rows * columns, seed, temperature, Image);
        return ImageGrid.Compose(samples.GetColumn<MLImage>(Image), columns, margin, magnification);
    }

    /// <summary>Samples of a flow with a condition, a row of the grid for each row of a view: what it draws given that condition.</summary>
    /// <param name="flow">The flow.</param>
    /// <param name="conditions">A view with the condition column.</param>
    /// <param name="columns">Samples for each of its rows.</param>
    /// <param name="seed">Which samples.</param>
    /// <param name="temperature">Multiplies the latent noise: below 1 draws nearer to the mode, 1 the learned density.</param>
    /// <param name="margin">The width of the lines between images, in pixels of the result.</param>
    /// <param name="magnification">The side of the square that each pixel becomes.</param>
    /// <returns>The picture, which the caller disposes.</returns>
    /// <exception cref="InvalidOperationException">
    /// The flow has no condition, or is not over images of 1 or 3 channels with known levels.
    /// </exception>
    /// <exception cref="ArgumentException">There is no row, or the condition column is missing or of another type or size.</exception>
    /// <example>
    /// <code>
    /// using MLImage digits = flow.SampleGrid(conditions: oneRowPerClass, columns: 12);
    /// </code>
    /// </example>
    public static MLImage SampleGrid(this RealNvpTransformer flow, IDataView conditions, int columns, int seed = 0, float temperature = 1,
        int margin = 1, int magnification = 1)
    {
        ArgumentNullException.ThrowIfNull(flow);
        ImageGrid.Check(columns, margin, magnification);
        const string Image = "Image";
        IDataView samples = flow.SampleImages(conditions, columns, seed, temperature, Image);
        return ImageGrid.Compose(samples.GetColumn<MLImage>(Image), columns, margin, magnification);
    }

    /// <summary>
    /// The manifold through four images (appendix of the paper), side x side: with their latents z1 to z4 the images of
    /// z = cos(phi) (cos(phi') z1 + sin(phi') z2) + sin(phi) (cos(phi') z3 + sin(phi') z4), phi from 0 to pi/2 downwards and phi' to the
    /// right. In the corners stand the four images themselves, the first two above the last two. Of a flow with a condition that of each
    /// image is the mean of the corners' conditions by the squares of these weights, which sum to 1.
    /// </summary>
    /// <param name="flow">The flow; not a mixture.</param>
    /// <param name="images">
    /// A view with the feature column and, of a flow with a condition, the condition column, of which the first four rows are taken.
    /// </param>
    /// <param name="side">Images per row and per column, 2 or more.</param>
    /// <param name="margin">The width of the lines between images, in pixels of the result.</param>
    /// <param name="magnification">The side of the square that each pixel becomes.</param>
    /// <returns>The picture, which the caller disposes.</returns>
    /// <exception cref="InvalidOperationException">
    /// The flow is a mixture, which has no latent, or not over images of 1 or 3 channels with known levels.
    /// </exception>
    /// <exception cref="ArgumentException">There are fewer than four rows, or one holds NaN or infinite values.</exception>
    /// <exception cref="ArgumentOutOfRangeException">
    /// The feature column is missing or of another type, or <paramref name="side"/> is below 2.
    /// </exception>
    public static MLImage Manifold(this RealNvpTransformer flow, IDataView images, int side = 8, int margin = 1, int magnification = 1)
    {
        LevelImage pictures = Prepare(flow, images);
        ArgumentOutOfRangeException.ThrowIfLessThan(side, 2);
        ImageGrid.Check(side, margin, magnification);
        (float[] rows, float[]? conditions) = Read(flow, images, 4);
        float[] corners = flow.Runtime.Latents(rows, conditions);
        float[] cells = flow.Runtime.Features(LatentManifold.Interpolate(corners, side),
            conditions: conditions is null ? null : LatentManifold.Mean(conditions, side));
        return Compose(pictures, cells, side * side, side, margin, magnification);
    }

    /// <summary>
    /// Pairs of an image and what the flow gives back from its latent, side by side: the same except for rounding, or the flow is
    /// numerically unsound.
    /// </summary>
    /// <param name="flow">The flow; not a mixture.</param>
    /// <param name="images">
    /// A view with the feature column and, of a flow with a condition, the condition column, of which the first rows are taken.
    /// </param>
    /// <param name="count">How many images.</param>
    /// <param name="pairsPerRow">Pairs in one row of the picture.</param>
    /// <param name="margin">The width of the lines between images, in pixels of the result.</param>
    /// <param name="magnification">The side of the square that each pixel becomes.</param>
    /// <returns>The picture, which the caller disposes.</returns>
    /// <exception cref="InvalidOperationException">
    /// The flow is a mixture, which has no latent, or not over images of 1 or 3 channels with known levels.
    /// </exception>
    /// <exception cref="ArgumentException">
    /// There are fewer rows than <paramref name="count"/>, or one holds NaN or infinite values.
    /// </exception>
    /// <exception cref="ArgumentOutOfRangeException">The feature column is missing or of another type, or a number is below 1.</exception>
    public static MLImage Reconstructions(
        this RealNvpTransformer flow, IDataView images, int count = 16, int pairsPerRow = 4, int margin = 1, int magnification = 1)
    {
        LevelImage pictures = Prepare(flow, images);
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(pairsPerRow, 1);
        ImageGrid.Check(checked(2 * pairsPerRow), margin, magnification);
        (float[] rows, float[]? conditions) = Read(flow, images, count);
        float[] back = flow.Runtime.Features(flow.Runtime.Latents(rows, conditions), conditions: conditions);
        int size = flow.Model.InputShape.Size;
        var pairs = new float[2 * rows.Length];
        for (int i = 0; i < count; i++)
        {
            rows.AsSpan(i * size, size).CopyTo(pairs.AsSpan(2 * i * size));
            back.AsSpan(i * size, size).CopyTo(pairs.AsSpan((2 * i + 1) * size));
        }
        return Compose(pictures, pairs, 2 * count, checked(2 * pairsPerRow), margin, magnification);
    }

    private static LevelImage Prepare(RealNvpTransformer flow, IDataView images)
    {
        ArgumentNullException.ThrowIfNull(flow);
        ArgumentNullException.ThrowIfNull(images);
        return flow.Model.IsMixture
            ? throw new InvalidOperationException($"The model is a mixture of {flow.Model.Members.Length} flows, which has no latent.")
            : new LevelImage(flow.Model);
    }

    /// <summary>The first rows of a view: images and, where the flow has a condition, their conditions.</summary>
    private static (float[] Rows, float[]? Conditions) Read(RealNvpTransformer flow, IDataView images, int count)
    {
        FlowCondition? condition = flow.Model.Condition;
        int size = flow.Model.InputShape.Size, values = condition?.Size ?? 0;
        DataViewSchema.Column[] columns
            = FeatureColumn.FindBoth(images.Schema, flow.FeatureColumnName, flow.Model.InputShape, flow.ConditionColumnName, values);
        using DataViewRowCursor cursor = images.GetRowCursor(columns);
        float[] rows = new float[checked(count * size)], conditions = new float[checked(count * values)];
        FeatureReader[] readers = [.. columns.Select((column, i)
            => new FeatureReader(cursor, column, i == 0 ? size : values, i == 0 ? rows : conditions))];
        for (int row = 0; row < count; row++)
        {
            if (!cursor.MoveNextOrTell())
                throw new ArgumentException($"There are {row} rows in the view, expected {count} or more.", nameof(images));
            Array.ForEach(readers, reader => reader.Take(row));
            if (!rows.AsSpan(row * size, size).ToArray().All(float.IsFinite))
            {
                throw new ArgumentException(
                    $"Row {row} of the column '{flow.FeatureColumnName}' holds NaN or infinite values.", nameof(images));
            }
            if (!conditions.AsSpan(row * values, values).ToArray().All(value => condition!.IsUsable(value)))
            {
                throw new ArgumentException(
                    $"Row {row} of the condition column '{flow.ConditionColumnName}' holds NaN or infinite values.", nameof(images));
            }
        }
        return (rows, condition is null ? null : conditions);
    }

    private static MLImage Compose(LevelImage pictures, float[] rows, int count, int columns, int margin, int magnification)
    {
        int size = rows.Length / count;
        MLImage[] images = [.. Enumerable.Range(0, count).Select(i => pictures.Create(rows.AsSpan(i * size, size)))];
        try
        {
            return ImageGrid.Compose(images, columns, margin, magnification);
        }
        finally
        {
            foreach (MLImage image in images)
                image.Dispose();
        }
    }
}
