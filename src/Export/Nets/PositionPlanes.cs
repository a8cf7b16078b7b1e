namespace RealNvp.ML.Export.Nets;

/// <summary>
/// Where a position lies, as nets read it: with v the middle of a row's band and u that of a column's, from 0 to 1 over the map, the planes
/// sin(2^k pi v), cos(2^k pi v), sin(2^k pi u) and cos(2^k pi u) for k = 0, 1, 2 ... So a map of another size has the same planes, finer.
/// </summary>
internal static class PositionPlanes
{
    /// <summary>Planes of each frequency.</summary>
    public const int PerFrequency = 4;

    /// <summary>Frequencies that tell neighbours apart, up to a wave of about four positions.</summary>
    public static int Frequencies(int height, int width)
    {
        int frequencies = 1;
        while (1 << frequencies < Math.Max(height, width))
            frequencies++;
        return frequencies;
    }

    /// <summary>The planes, [PerFrequency * frequencies, height, width].</summary>
    public static float[] Of(int frequencies, int height, int width)
    {
        var planes = new float[PerFrequency * frequencies * height * width];
        int at = 0;
        for (int plane = 0; plane < PerFrequency * frequencies; plane++)
        {
            double factor = Math.PI * (1L << (plane / PerFrequency));
            for (int y = 0; y < height; y++)
            {
                for (int x = 0; x < width; x++)
                {
                    double angle = factor * (plane % PerFrequency < 2 ? (y + 0.5) / height : (x + 0.5) / width);
                    planes[at++] = (float)(plane % 2 == 0 ? Math.Sin(angle) : Math.Cos(angle));
                }
            }
        }
        return planes;
    }
}
