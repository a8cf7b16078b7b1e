namespace RealNvp.ML.Transforms.Images.Pictures;

/// <summary>
/// Checks that pixels stand on the levels of a flow: bits per dimension of pixels on another scale, or between the levels, are numbers
/// without a meaning.
/// </summary>
/// <param name="column">The column that the pixels are of.</param>
/// <param name="levels">The levels.</param>
/// <param name="remedy">What to do where pixels are outside, as the end of a sentence.</param>
internal sealed class LevelCheck(string column, Levels levels, string remedy)
{
    /// <summary>Values further than this share of a level from the nearest one are counted as off the levels.</summary>
    private const double OffShare = 0.05;

    /// <summary>More than this share of values off the levels is worth a warning.</summary>
    private const double Tolerated = 0.01;

    private long _count, _off;
    private float _largest;

    /// <summary>Why values are no pixels of these levels, as "its values ..."; null where they may be.</summary>
    public static string? WhyOff(ReadOnlySpan<float> values, Levels levels)
    {
        long off = 0;
        foreach (float value in values)
        {
            double level = value / (double)levels.Width;
            if (!(level > -0.5 && level < levels.Count - 0.5))
                return $"a value of {value} is outside the {levels.Count} levels from 0 to {levels.Highest:G4}";
            if (Math.Abs(level - Math.Round(level)) > OffShare)
                off++;
        }
        return off > Tolerated * values.Length
            ? $"{(double)off / values.Length:P0} of its values lie between the {levels.Count} levels of width {levels.Width:G3}"
            : null;
    }

    /// <summary>Looks at some pixels.</summary>
    /// <exception cref="ArgumentException">One is outside the levels.</exception>
    public void Add(ReadOnlySpan<float> pixels)
    {
        foreach (float pixel in pixels)
        {
            double level = pixel / (double)levels.Width;
            if (!(level > -0.5 && level < levels.Count - 0.5))
            {
                throw new ArgumentException(
                    $"Column '{column}' has a pixel of {pixel}, expected {levels.Count} levels from 0 to {levels.Highest:G4}: {remedy}.");
            }
            if (Math.Abs(level - Math.Round(level)) > OffShare)
                _off++;
            _largest = Math.Max(_largest, pixel);
        }
        _count += pixels.Length;
    }

    /// <summary>What is odd about the pixels seen, as sentences.</summary>
    public IEnumerable<string> Warnings()
    {
        if (_off > Tolerated * _count)
        {
            yield return $"{(double)_off / _count:P0} of the pixels in column '{column}' lie between the {levels.Count} levels of width "
                + $"{levels.Width:G3}: bits per dimension have no meaning where pixels were interpolated without rounding, or are on "
                + "another scale.";
        }
        if (_count > 0 && _largest / levels.Width < (levels.Count - 1) / 2.0)
        {
            yield return $"The largest pixel in column '{column}' is {_largest:G4}, of {levels.Count} levels from 0 to "
                + $"{levels.Highest:G4}: bits per dimension mean nothing where the levels or the scale are other ones.";
        }
    }
}
