using RealNvp.ML.Transforms.Noise;

namespace RealNvp.ML.Transforms.Regression;

/// <summary>The standard normal distribution function and its inverse; .NET has neither.</summary>
internal static class NormalDistribution
{
    /// <summary>Beyond this many deviations the probability of a tail leaves double precision.</summary>
    public const double Farthest = 37;

    /// <summary>
    /// The probability of a value above <paramref name="z"/>, with a small relative error in the far tail too (Hart 1968 as in West 2005,
    /// "Better approximations to cumulative normal functions").
    /// </summary>
    public static double Upper(double z)
    {
        double x = Math.Abs(z);
        if (!(x < Farthest))
            return double.IsNaN(z) ? double.NaN : z > 0 ? 0 : 1;
        double tail = Math.Exp(-x * x / 2);
        if (x < 7.07106781186547)
        {
            tail *= ((((((3.52624965998911e-02 * x + 0.700383064443688) * x + 6.37396220353165) * x + 33.912866078383) * x
                + 112.079291497871) * x + 221.213596169931) * x + 220.206867912376)
                / (((((((8.83883476483184e-02 * x + 1.75566716318264) * x + 16.064177579207) * x + 86.7807322029461) * x
                + 296.564248779674) * x + 637.333633378831) * x + 793.826512519948) * x + 440.413735824752);
        }
        else
        {
            tail /= 2.506628274631 * (x + 1 / (x + 2 / (x + 3 / (x + 4 / (x + 0.65)))));
        }
        return z > 0 ? tail : 1 - tail;
    }

    /// <summary>The z above which the probability is <paramref name="upper"/>, where that is the smaller tail.</summary>
    public static double InverseUpper(double upper) => upper > 1e-300 ? -GaussianNoise.InverseNormal(upper) : Farthest;
}
