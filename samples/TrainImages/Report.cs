using RealNvp.ML.Transforms;

namespace RealNvp.ML.Samples;

/// <summary>What this sample prints when it is done.</summary>
internal static class Report
{
    /// <summary>The held-out figure, what it means, and what others reached.</summary>
    public static void Result(BitsPerDimensionEstimate bits, Arguments arguments, IReadOnlyDictionary<string, string> training)
    {
        (int? width, int? blocks) = (arguments.Flow.BaseWidth, arguments.Flow.Blocks);
        Console.WriteLine($"""

            {bits.Rows} test images, which training has not seen: {bits.Mean:F3} +- {bits.StandardError:F3} bits per dimension
              An ideal coder with this flow would spend so many bits on each value of a pixel, where the raw image has 8; lower is better.
              {training["steps"]} steps of {training["batch_size"]} images out of {training["rows"]}.
              Nets of {width} maps and {blocks} residual block{(blocks == 1 ? "" : "s")}{Beside(arguments)}.
            """);
        if (arguments.Preset.Published is { } published)
            Console.WriteLine($"  Published: {published} (Dinh, Sohl-Dickstein, Bengio 2017).");
        if (arguments.Preset.Name == "cifar10")
        {
            Console.WriteLine("""
                  chrischute/real-nvp, a reimplementation with the paper's sizes: 3.98, 3.76, 3.74 and 3.70 after 5, 10, 15 and 20 epochs
                  of 50,000 images.
                """);
        }
    }

    private static string Beside(Arguments arguments) => arguments.Flow == arguments.Preset.Flow
        ? ", the preset's own"
        : $", where the preset has {arguments.Preset.Flow.BaseWidth} and {arguments.Preset.Flow.Blocks}";
}
