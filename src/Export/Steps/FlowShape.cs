using System.Collections.Immutable;

namespace RealNvp.ML.Export;

/// <summary>The shape of one row of a flow's input: <c>D</c> features, or an image of channels x height x width in planar order.</summary>
public sealed class FlowShape : IEquatable<FlowShape>
{
    /// <summary>The most values in one row, 2^24, so that a file of a few bytes cannot ask for gigabytes.</summary>
    public const int MostValues = 1 << 24;

    private FlowShape(ImmutableArray<int> dimensions)
    {
        long size = 1;
        foreach (int dimension in dimensions)
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(dimension, 1, nameof(dimensions));
            size *= dimension;
            if (size > MostValues)
            {
                throw new ArgumentOutOfRangeException(nameof(dimensions),
                    $"A row of {string.Join('x', dimensions)} has more values than a flow takes, {MostValues}.");
            }
        }
        Dimensions = dimensions;
        Size = (int)size;
    }

    /// <summary>The dimensions without the batch axis: <c>[D]</c> or <c>[C, H, W]</c>.</summary>
    public ImmutableArray<int> Dimensions { get; }

    /// <summary>The number of values in one row, <c>D</c> or <c>C * H * W</c>.</summary>
    public int Size { get; }

    /// <summary>Whether a row is an image.</summary>
    public bool IsImage => Dimensions.Length == 3;

    /// <summary>The shape of a row of <paramref name="features"/> values.</summary>
    public static FlowShape Vector(int features) => new([features]);

    /// <summary>The shape of an image row, planar (all of channel 0 first).</summary>
    public static FlowShape Image(int channels, int height, int width) => new([channels, height, width]);

    /// <summary>A shape from its dimensions: one for a vector, three for an image.</summary>
    /// <exception cref="ArgumentException">There are neither one nor three dimensions.</exception>
    public static FlowShape FromDimensions(ReadOnlySpan<int> dimensions) => dimensions.Length is 1 or 3
        ? new([.. dimensions])
        : throw new ArgumentException(
            $"A flow's input has 1 dimension (features) or 3 (channels, height, width), found {dimensions.Length}.", nameof(dimensions));

    /// <inheritdoc/>
    public bool Equals(FlowShape? other) => other is not null && Dimensions.AsSpan().SequenceEqual(other.Dimensions.AsSpan());

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as FlowShape);

    /// <inheritdoc/>
    public override int GetHashCode() => Dimensions.Aggregate(17, HashCode.Combine);

    /// <summary>The dimensions as text, such as <c>30</c> or <c>3x32x32</c>.</summary>
    public override string ToString() => string.Join('x', Dimensions);
}
