namespace RealNvp.ML.Samples;

/// <summary>Planed wood: rings that run from left to right, bent by slow noise, with fine fibres.</summary>
internal sealed class Grain : ISurface
{
    private const double Period = 17; // pixels from ring to ring
    private readonly LatticeNoise _bends, _rings, _fibres;

    public Grain(Random random)
    {
        _bends = new LatticeNoise(random.Next());
        _rings = new LatticeNoise(random.Next());
        _fibres = new LatticeNoise(random.Next());
    }

    public bool Paint(int x, int y, Flaw? flaw, Span<double> colour)
    {
        double ring = Ring(x, y), at = ring - Math.Floor(ring);
        double late = Math.Pow(at, 3) * (1 - Math.Pow(at, 12)); // slowly darker, then a sharp edge
        double fibre = _fibres.At(x / 24.0, y / 1.3);
        double light = 1 - (0.30 + 0.08 * _rings.Value((int)Math.Floor(ring), 0)) * late + 0.06 * fibre;
        (colour[0], colour[1], colour[2]) = (light * 202, light * 161, light * 112);
        if (flaw is not { ChangesThreads: true } || !flaw.HasThread(x, y, Math.Floor(ring)
            - Math.Floor(Ring(flaw.Center.X, flaw.Center.Y)), (1, 0)))
            return false;
        (colour[0], colour[1], colour[2]) = (light * 184, light * 150, light * 112);
        return true;
    }

    private double Ring(double x, double y) => y / Period + 100 + 0.9 * _bends.At(x / 110, y / 70) + 0.12 * _bends.At(x / 25, y / 25 + 50);
}
