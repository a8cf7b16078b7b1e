namespace RealNvp.ML.Samples;

/// <summary>A plain weave: threads of two directions that go over and under each other by turns, of slightly unequal thickness.</summary>
internal sealed class Weave : ISurface
{
    private const double Period = 13; // pixels from thread to thread
    private readonly double _cos, _sin, _left, _top;
    private readonly LatticeNoise _threads, _fibres;

    public Weave(Random random)
    {
        (_sin, _cos) = Math.SinCos(0.07 * (random.NextDouble() - 0.5)); // up to two degrees
        (_left, _top) = (Period * random.NextDouble(), Period * random.NextDouble());
        _threads = new LatticeNoise(random.Next());
        _fibres = new LatticeNoise(random.Next());
    }

    public bool Paint(int x, int y, Flaw? flaw, Span<double> colour)
    {
        (double u, double v) = Turned(x, y);
        (double column, double row) = (Math.Floor(u), Math.Floor(v));
        bool isWarp = ((int)column + (int)row) % 2 == 0;
        (double across, double along) = isWarp ? (u - column - 0.5, v - row - 0.5) : (v - row - 0.5, u - column - 0.5);
        int thread = isWarp ? (int)column : 1_000 + (int)row;
        double thickness = 0.88 + 0.06 * _threads.Value(thread, 0);
        double height = Math.Max(0, 1 - Math.Pow(2 * across / thickness, 2)) * (0.55 + 0.45 * Math.Cos(Math.PI * along));
        double fibre = 0.10 * (isWarp ? _fibres.At(9 * u, 1.5 * v) : _fibres.At(1.5 * u, 9 * v));
        double light = (0.38 + 0.62 * Math.Sqrt(height)) * (1 + fibre + 0.04 * _threads.Value(thread, 1));
        (colour[0], colour[1], colour[2]) = isWarp ? (light * 205, light * 196, light * 176) : (light * 168, light * 164, light * 158);
        if (flaw is not { ChangesThreads: true })
            return false;
        (double flawColumn, double flawRow) = Turned(flaw.Center.X, flaw.Center.Y);
        bool ofWarp = (int)flawColumn % 2 == 0;
        double distance = ofWarp ? column - Math.Floor(flawColumn) : row - Math.Floor(flawRow);
        if (ofWarp != isWarp || !flaw.HasThread(x, y, distance, ofWarp ? (-_sin, _cos) : (_cos, _sin)))
            return false;
        (colour[0], colour[1], colour[2]) = (light * 176, light * 120, light * 96);
        return true;
    }

    private (double U, double V) Turned(double x, double y)
        => ((_cos * x + _sin * y + _left) / Period + 100, (_cos * y - _sin * x + _top) / Period + 100);
}
