using RealNvp.ML.Bench.Flows;

namespace RealNvp.ML.Bench.Small;

/// <summary>
/// A table of 2 to 8 columns that nobody chose: normal, skewed, whole numbers, yes or no, two modes, heavy tails; some follow others.
/// </summary>
internal sealed class MixedTable
{
    private readonly Random _random;
    private readonly int[] _kinds, _parents;
    private readonly double[] _ties;

    /// <summary>Draws a table.</summary>
    /// <param name="seed">Which one.</param>
    /// <param name="least">Rows at least.</param>
    /// <param name="most">Rows at most.</param>
    public MixedTable(int seed, int least, int most)
    {
        _random = new Random(seed);
        int rows = least + _random.Next(most - least + 1), columns = 2 + _random.Next(7);
        _kinds = [.. Enumerable.Range(0, columns).Select(_ => _random.Next(7))];
        _parents = [.. Enumerable.Range(0, columns).Select(j => j == 0 ? 0 : _random.Next(j))];
        _ties = [.. Enumerable.Range(0, columns).Select(_ => _random.NextDouble())];
        Rows = Draw(rows);
    }

    /// <summary>The rows to train on.</summary>
    public float[][] Rows { get; }

    /// <summary>More rows like them.</summary>
    public float[][] Draw(int count) => [.. Enumerable.Range(0, count).Select(_ => Row())];

    private float[] Row()
    {
        var latent = new double[_kinds.Length];
        for (int j = 0; j < latent.Length; j++)
        {
            double tie = j > 0 && _ties[j] > 0.5 ? _ties[j] : 0;
            latent[j] = tie * latent[_parents[j]] + Math.Sqrt(1 - tie * tie) * _random.NextNormal();
        }
        return [.. latent.Select((z, j) => (float)(_kinds[j] switch
        {
            0 or 1 => z,
            2 => Math.Exp(z),
            3 => Math.Round(2 * z),
            4 => z > 0.3 ? 1 : 0,
            5 => z + (z > 0 ? 3 : -3),
            _ => Math.Pow(z, 3),
        }))];
    }
}
