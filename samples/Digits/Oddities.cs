namespace RealNvp.ML.Samples;

/// <summary>Images that are no digit as people write them.</summary>
internal static class Oddities
{
    /// <summary>Digits turned by 180 degrees. An upside-down 0, 1 or 8 is still one.</summary>
    public static Digit[] UpsideDown(Digit[] digits) => [.. digits.Select(digit => new Digit { Features = [.. digit.Features.Reverse()] })];

    /// <summary>Images of which every pixel has any level.</summary>
    public static Digit[] Noise(int count, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(_ => new Digit { Features = [.. AnyLevels()] })];

        IEnumerable<float> AnyLevels() => Enumerable.Range(0, Digits.Pixels).Select(_ => (float)random.Next(Digits.Levels));
    }

    /// <summary>An image without ink; there is only one.</summary>
    public static Digit[] Blank() => [new Digit { Features = new float[Digits.Pixels] }];
}
