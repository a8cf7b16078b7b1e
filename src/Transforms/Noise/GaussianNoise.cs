using System.Runtime.CompilerServices;

namespace RealNvp.ML.Transforms.Noise;

/// <summary>
/// Standard normal noise by row: what row i gets depends on the seed and i alone, whichever thread draws it and in whatever order, and is
/// the same to the last bit on every platform. Three parts: the counter-based generator <see cref="Philox"/>, a uniform from each of its
/// words, and the inverse of the normal distribution function (Wichura, algorithm AS 241, PPND16). Only IEEE basic operations and square
/// roots are used, for libraries of mathematical functions differ.
/// </summary>
/// <remarks>A uniform of 32 bits reaches 6.3 standard deviations; beyond lies one value in four thousand million.</remarks>
/// <example>
/// <code>
/// float[] row = new float[30];
/// new GaussianNoise(seed: 1).Fill(row: 1_000_000, row);
/// </code>
/// </example>
internal readonly struct GaussianNoise
{
    private readonly uint _key;

    /// <summary>Noise from a seed.</summary>
    public GaussianNoise(int seed) => _key = unchecked((uint)seed);

    /// <summary>Writes the noise of one row.</summary>
    /// <param name="row">The row's number.</param>
    /// <param name="values">Takes independent standard normal values; a longer row begins with the values of a shorter one.</param>
    public void Fill(long row, Span<float> values)
    {
        Span<uint> words = stackalloc uint[4];
        for (int start = 0; start < values.Length; start += 4)
        {
            // counter: position within the row, then the row's number
            Philox.Block((uint)(start / 4), 0, unchecked((uint)row), unchecked((uint)(row >> 32)), _key, 0, words);
            int count = Math.Min(4, values.Length - start);
            for (int i = 0; i < count; i++)
                values[start + i] = (float)InverseNormal(Philox.Uniform(words[i]));
        }
    }

    /// <summary>One of <paramref name="count"/> choices, each as likely, by the row's number and independent of its noise.</summary>
    public int Pick(long row, int count)
    {
        Span<uint> words = stackalloc uint[4];
        // a counter that Fill never uses
        Philox.Block(0, 1, unchecked((uint)row), unchecked((uint)(row >> 32)), _key, 0, words);
        return (int)((ulong)words[0] * (uint)count >> 32);
    }

    /// <summary>A uniform value from (0, 1), by the row's number and independent of its noise and its choice.</summary>
    public double Chance(long row)
    {
        Span<uint> words = stackalloc uint[4];
        Philox.Block(0, 1, unchecked((uint)row), unchecked((uint)(row >> 32)), _key, 0, words); // Pick takes the first word
        return Philox.Uniform(words[1]);
    }

    /// <summary>
    /// The x at which the standard normal distribution function is <paramref name="p"/>, to about 1 part in 10^16. 0 &lt; p &lt; 1.
    /// </summary>
    internal static double InverseNormal(double p)
    {
        double q = p - 0.5;
        if (Math.Abs(q) <= 0.425)
        {
            double central = 0.180625 - q * q;
            return q * (((((((2.5090809287301226727e3 * central + 3.3430575583588128105e4) * central + 6.7265770927008700853e4) * central
                + 4.5921953931549871457e4) * central + 1.3731693765509461125e4) * central + 1.9715909503065514427e3) * central
                + 1.3314166789178437745e2) * central + 3.3871328727963666080e0)
                / (((((((5.2264952788528545610e3 * central + 2.8729085735721942674e4) * central + 3.9307895800092710610e4) * central
                + 2.1213794301586595867e4) * central + 5.3941960214247511077e3) * central + 6.8718700749205790830e2) * central
                + 4.2313330701600911252e1) * central + 1.0);
        }
        double r = Math.Sqrt(-Log(q < 0 ? p : 1 - p));
        double tail = r <= 5 ? NearTail(r - 1.6) : FarTail(r - 5);
        return q < 0 ? -tail : tail;
    }

    private static double NearTail(double r)
        => (((((((7.74545014278341407640e-4 * r + 2.27238449892691845833e-2) * r + 2.41780725177450611770e-1) * r
            + 1.27045825245236838258e0) * r + 3.64784832476320460504e0) * r + 5.76949722146069140550e0) * r
            + 4.63033784615654529590e0) * r + 1.42343711074968357734e0)
            / (((((((1.05075007164441684324e-9 * r + 5.47593808499534494600e-4) * r + 1.51986665636164571966e-2) * r
            + 1.48103976427480074590e-1) * r + 6.89767334985100004550e-1) * r + 1.67638483018380384940e0) * r
            + 2.05319162663775882187e0) * r + 1.0);

    private static double FarTail(double r)
        => (((((((2.01033439929228813265e-7 * r + 2.71155556874348757815e-5) * r + 1.24266094738807843860e-3) * r
            + 2.65321895265761230930e-2) * r + 2.96560571828504891230e-1) * r + 1.78482653991729133580e0) * r
            + 5.46378491116411436990e0) * r + 6.65790464350110377720e0)
            / (((((((2.04426310338993978564e-15 * r + 1.42151175831644588870e-7) * r + 1.84631831751005468180e-5) * r
            + 7.86869131145613259100e-4) * r + 1.48753612908506148525e-2) * r + 1.36929880922735805310e-1) * r
            + 5.99832206555887937690e-1) * r + 1.0);

    /// <summary>The natural logarithm of a positive, normal number: x = 2^k (1 + f), and a series in f / (2 + f).</summary>
    [MethodImpl(MethodImplOptions.NoInlining)] // rare: keeps the common path short
    internal static double Log(double x)
    {
        const double ln2High = 6.93147180369123816490e-01, ln2Low = 1.90821492927058770002e-10;
        long bits = BitConverter.DoubleToInt64Bits(x);
        int exponent = (int)(bits >> 52) - 1023;
        double mantissa = BitConverter.Int64BitsToDouble((bits & 0xFFFFFFFFFFFFF) | 0x3FF0000000000000);
        if (mantissa > 1.4142135623730951)
        {
            mantissa *= 0.5;
            exponent++;
        }
        double f = mantissa - 1, s = f / (2 + f), z = s * s, w = z * z;
        double even = w * (3.999999999940941908e-01 + w * (2.222219843214978396e-01 + w * 1.531383769920937332e-01));
        double odd = z * (6.666666666666735130e-01
            + w * (2.857142874366239149e-01 + w * (1.818357216161805012e-01 + w * 1.479819860511658591e-01)));
        double halfSquare = 0.5 * f * f;
        return exponent * ln2High - ((halfSquare - (s * (halfSquare + odd + even) + exponent * ln2Low)) - f);
    }
}
