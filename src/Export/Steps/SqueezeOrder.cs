using System.Collections.Immutable;

namespace RealNvp.ML.Export.Steps;

/// <summary>How a squeeze orders the four pixels of each 2x2 square as channels.</summary>
public enum SqueezeOrder
{
    /// <summary>Channel by channel: channel c becomes 4 c + 2 dy + dx.</summary>
    Plain,

    /// <summary>
    /// Phase by phase: the top left pixels of all channels, then bottom right, top right, bottom left. The first half of the result then is
    /// one colour of a checkerboard, and factoring out the second half is one more checkerboard, one level down.
    /// </summary>
    Ordered,
}

/// <summary>What the orders mean.</summary>
internal static class SqueezeOrders
{
    // the phases 2 dy + dx in the order of SqueezeOrder.Ordered
    internal static ImmutableArray<int> Phases { get; } = [0, 3, 1, 2];

    /// <summary>
    /// For every channel after the squeeze of an image of <paramref name="channels"/> channels, the index that it has in plain order.
    /// </summary>
    public static ImmutableArray<int> PlainChannels(this SqueezeOrder order, int channels) => order == SqueezeOrder.Plain
        ? [.. Enumerable.Range(0, 4 * channels)]
        : [.. Phases.SelectMany(phase => Enumerable.Range(0, channels).Select(channel => 4 * channel + phase))];
}
