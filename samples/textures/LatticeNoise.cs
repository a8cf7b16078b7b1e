namespace RealNvp.ML.Samples;

/// <summary>Smooth noise: random values on a lattice, blended between its points. The same for a seed on every machine.</summary>
internal sealed class LatticeNoise(int seed)
{
    /// <summary>From -1 to 1, with features of about one unit.</summary>
    public double At(double x, double y)
    {
        (double left, double top) = (Math.Floor(x), Math.Floor(y));
        (int i, int j) = ((int)left, (int)top);
        (double u, double v) = (Smooth(x - left), Smooth(y - top));
        double upper = Value(i, j) + u * (Value(i + 1, j) - Value(i, j));
        double lower = Value(i, j + 1) + u * (Value(i + 1, j + 1) - Value(i, j + 1));
        return upper + v * (lower - upper);
    }

    /// <summary>From -1 to 1, another number at each lattice point.</summary>
    public double Value(int i, int j)
    {
        uint hash = (uint)seed * 0x9E3779B9u ^ (uint)i * 0x85EBCA6Bu ^ (uint)j * 0xC2B2AE35u;
        hash = (hash ^ hash >> 16) * 0x7FEB352Du;
        hash = (hash ^ hash >> 15) * 0x846CA68Bu;
        return (hash ^ hash >> 16) / (double)uint.MaxValue * 2 - 1;
    }

    private static double Smooth(double t) => t * t * (3 - 2 * t);
}
