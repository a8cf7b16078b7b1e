using System.Collections.Immutable;

namespace RealNvp.ML.Pretrained;

/// <summary>
/// How the levels of a picture's pixels, 0 to 255, become what a net was trained on: times <see cref="Scale"/>, less a mean, over a
/// standard deviation, both of each colour.
/// </summary>
/// <example>
/// <code>
/// var scaling = PixelScaling.ImageNet with { IsBgr = true };
/// </code>
/// </example>
public sealed record PixelScaling
{
    /// <summary>Levels as they are, red first.</summary>
    public static PixelScaling Levels { get; } = new();

    /// <summary>What torchvision's nets were trained on: (level / 255 - mean) / standard deviation of ImageNet's colours.</summary>
    public static PixelScaling ImageNet { get; } = new()
    {
        Scale = 1 / 255f,
        Mean = [0.485f, 0.456f, 0.406f],
        StandardDeviation = [0.229f, 0.224f, 0.225f],
    };

    /// <summary>Whether the net reads blue first; red first by default.</summary>
    public bool IsBgr { get; init; }

    /// <summary>What levels are multiplied by; 1 by default.</summary>
    public float Scale { get; init; } = 1;

    /// <summary>What is taken off after that, of red, green and blue; 0 by default.</summary>
    public ImmutableArray<float> Mean { get; init; } = [0, 0, 0];

    /// <summary>What is divided by then, of red, green and blue; 1 by default.</summary>
    public ImmutableArray<float> StandardDeviation { get; init; } = [1, 1, 1];

    internal PixelScaling Checked()
    {
        if (!float.IsFinite(Scale) || Scale == 0)
            throw new ArgumentException($"The scale of pixels is {Scale}, expected a number other than 0.");
        if (Mean.IsDefault || Mean.Length != 3 || !Mean.All(float.IsFinite))
            throw new ArgumentException("The mean of pixels has other than three finite numbers: of red, green and blue.");
        if (StandardDeviation.IsDefault || StandardDeviation.Length != 3
            || !StandardDeviation.All(deviation => float.IsFinite(deviation) && deviation > 0))
            throw new ArgumentException("The standard deviation of pixels has other than three numbers above 0: of red, green and blue.");
        return this;
    }
}
