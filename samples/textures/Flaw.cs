namespace RealNvp.ML.Samples;

/// <summary>A defect at a place: how far a pixel is inside it, and what it does to the pixel's colour.</summary>
internal sealed class Flaw
{
    private const double Margin = 30; // pixels between the centre and the picture's border
    private readonly Defect _kind;
    private readonly double _x, _y, _cos, _sin, _length, _width, _strength;

    /// <summary>A flaw of a kind at a random place, of a random size.</summary>
    public Flaw(Defect kind, Random random)
    {
        double Between(double least, double most) => least + (most - least) * random.NextDouble();
        _kind = kind;
        _x = Between(Margin, Textures.Side - Margin);
        _y = Between(Margin, Textures.Side - Margin);
        double angle = Between(0, Math.PI);
        (_sin, _cos) = Math.SinCos(angle);
        (_length, _width, _strength) = kind switch
        {
            Defect.Stain => (Between(10, 18), Between(8, 14), Between(0.35, 0.55)),
            Defect.Cut => (Between(9, 18), Between(1.2, 1.8), Between(0.5, 0.7)),
            Defect.Knot => (Between(9, 13), 0, Between(0.6, 0.85)),
            _ => (Between(14, 26), 0, Between(0.6, 0.8)),
        };
        if (kind is Defect.Knot)
            _width = _length;
    }

    /// <summary>Whether the defect is a thread of another colour through here.</summary>
    public bool ChangesThreads => _kind == Defect.Thread;

    /// <summary>Whether a thread is that of another colour.</summary>
    /// <param name="x">Of the pixel.</param>
    /// <param name="y">Of the pixel.</param>
    /// <param name="across">From the middle of the pixel's thread to that of the thread through the flaw's centre, in threads.</param>
    /// <param name="along">A unit vector along the thread.</param>
    public bool HasThread(double x, double y, double across, (double X, double Y) along)
        => ChangesThreads && Math.Abs(across) < 0.5 && Math.Abs((x - _x) * along.X + (y - _y) * along.Y) < _length;

    /// <summary>The centre.</summary>
    public (double X, double Y) Center => (_x, _y);

    /// <summary>Changes the colour of a pixel, where the flaw is there, and says whether it is.</summary>
    public bool Paint(int x, int y, Span<double> colour)
    {
        if (ChangesThreads)
            return false;
        double u = ((x - _x) * _cos + (y - _y) * _sin) / _length, v = ((y - _y) * _cos - (x - _x) * _sin) / _width;
        double distance = _kind == Defect.Cut ? Math.Max(Math.Abs(u), Math.Abs(v)) : Math.Sqrt(u * u + v * v);
        if (distance >= 1)
            return false;
        switch (_kind)
        {
            case Defect.Stain:
                double soft = _strength * Math.Min(1, 3 * (1 - distance));
                Scale(colour, 1 - 0.7 * soft, 1 - soft, 1 - 1.2 * soft);
                break;
            case Defect.Cut:
                Scale(colour, 1 - _strength, 1 - _strength, 1 - _strength);
                break;
            default: // light from the upper left
                double light = 1 - _strength * ((x - _x) + (y - _y)) / _length * Math.Sqrt(1 - distance * distance);
                Scale(colour, light, light, light);
                break;
        }
        return true;
    }

    private static void Scale(Span<double> colour, double red, double green, double blue)
        => (colour[0], colour[1], colour[2]) = (colour[0] * red, colour[1] * green, colour[2] * blue);
}
