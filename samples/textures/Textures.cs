namespace RealNvp.ML.Samples;

/// <summary>
/// Generated pictures of a texture, good ones and ones with a small defect: a stand-in for a data set of a production line that anybody may
/// have. The same pictures for a seed on every machine.
/// </summary>
/// <example>
/// <code>
/// var (train, test) = Textures.Load(Texture.Weave);
/// IDataView pictures = mlContext.Data.LoadFromEnumerable(train); // with a column Image
/// </code>
/// </example>
public static class Textures
{
    /// <summary>Pixels in a row and rows of a picture.</summary>
    public const int Side = 224;

    private static readonly Defect[] s_defects = [Defect.Stain, Defect.Cut, Defect.Knot, Defect.Thread];

    /// <summary>Good pictures to train on, and others of which every second one has a defect.</summary>
    /// <param name="texture">What they show.</param>
    /// <param name="train">How many to train on.</param>
    /// <param name="test">How many others.</param>
    /// <param name="seed">Which.</param>
    public static (TexturePicture[] Train, TexturePicture[] Test) Load(Texture texture, int train = 60, int test = 40, int seed = 1) =>
    (
        [.. Enumerable.Range(0, train).Select(i => Draw(texture, $"train/good/{i:000}", Defect.Good, seed * 10_000 + i))],
        [
            .. Enumerable.Range(0, test).Select(i =>
            {
                Defect defect = i % 2 == 0 ? Defect.Good : s_defects[i / 2 % s_defects.Length];
                return Draw(texture, $"test/{defect.ToString().ToLowerInvariant()}/{i:000}", defect, seed * 10_000 + 5_000 + i);
            }),
        ]
    );

    private static TexturePicture Draw(Texture texture, string name, Defect defect, int seed)
    {
        var random = new Random(unchecked((int)(seed * 0x9E3779B1u))); // numbers in a row give random numbers that are alike
        Flaw? flaw = defect == Defect.Good ? null : new Flaw(defect, random);
        ISurface surface = texture == Texture.Weave ? new Weave(random) : new Grain(random);
        var shade = new LatticeNoise(random.Next());
        double brightness = 0.95 + 0.1 * random.NextDouble();
        var rgba = new byte[4 * Side * Side];
        var mask = new bool[Side * Side];
        Span<double> colour = stackalloc double[3];
        for (int y = 0, at = 0; y < Side; y++)
        {
            for (int x = 0; x < Side; x++, at++)
            {
                mask[at] = surface.Paint(x, y, flaw, colour);
                mask[at] |= flaw?.Paint(x, y, colour) ?? false;
                double light = brightness * (1 + 0.05 * shade.At(x / 60.0, y / 60.0));
                for (int channel = 0; channel < 3; channel++)
                {
                    double sensor = 6 * (random.NextDouble() + random.NextDouble() - 1); // triangular, a standard deviation of 2.4
                    rgba[4 * at + channel] = (byte)Math.Clamp(Math.Round(colour[channel] * light + sensor), 0, 255);
                }
                rgba[4 * at + 3] = 255;
            }
        }
        return new(name, rgba, mask, defect);
    }
}
