using System.Collections.Immutable;

namespace RealNvp.ML.Export.Steps;

/// <summary>
/// What squeezes and factoring out mean for a flow of images as a whole: the layout of its latent, and the sizes of image that fit.
/// </summary>
internal static class MultiScale
{
    /// <summary>
    /// The shapes of the latent's parts in its order, each planar: that of the last scale, then what was factored out, the latest first.
    /// </summary>
    /// <param name="input">The shape of a row.</param>
    /// <param name="steps">In the density direction; those that change no shape may be left out.</param>
    public static ImmutableArray<FlowShape> LatentShapes(FlowShape input, IEnumerable<FlowStep> steps)
    {
        var factoredOut = new Stack<FlowShape>();
        FlowShape last = input;
        foreach (FlowStep step in steps)
        {
            last = step.OutputShape(last);
            if (step is FactorOut)
                factoredOut.Push(last); // both halves have one shape
        }
        return [last, .. factoredOut];
    }

    /// <summary>What the height and the width of an image must be multiples of, for the squeezes; 1 where there are none.</summary>
    public static int SizeUnit(IEnumerable<FlowStep> steps)
    {
        int halvings = 0, most = 0;
        foreach (FlowStep step in steps)
        {
            halvings += step is Squeeze ? 1 : step is Unsqueeze ? -1 : 0;
            most = Math.Max(most, halvings);
        }
        return 1 << most;
    }

    /// <summary>Says which sizes are nearest to one that does not fit, as the beginning of a sentence.</summary>
    /// <param name="height">Of the image.</param>
    /// <param name="width">Of the image.</param>
    /// <param name="unit">What sides must be multiples of.</param>
    /// <param name="least">The smallest side, in units.</param>
    public static string NearestSizes(int height, int width, int unit, int least = 1)
    {
        long Down(int side) => Math.Max(side / unit, least) * (long)unit;
        long Up(int side) => Math.Max((side + (long)unit - 1) / unit, least) * unit;
        string smaller = $"{Down(height)}x{Down(width)}", larger = $"{Up(height)}x{Up(width)}";
        return smaller == larger ? $"The nearest such size is {larger}" : $"The nearest such sizes are {smaller} and {larger}";
    }
}
