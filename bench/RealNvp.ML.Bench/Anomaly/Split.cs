using System.Globalization;

namespace RealNvp.ML.Bench.Anomaly;

/// <summary>Which rows train and which are scored.</summary>
/// <param name="Seed">The seed of the split, which is the trainer's too.</param>
/// <param name="Train">Row numbers, repeated where the protocol draws with replacement.</param>
/// <param name="Test">Row numbers.</param>
internal sealed record Split(int Seed, int[] Train, int[] Test)
{
    private const string Header = "seed,part,row";

    /// <summary>In a file: this row is of every seed's split.</summary>
    private const int EverySeed = -1;

    /// <summary>
    /// The splits of the first <paramref name="count"/> seeds of a file, in its order, or fewer where it has fewer. A file that only has
    /// rows for every seed gives the same split <paramref name="count"/> times, for trainer seeds from 0 on.
    /// </summary>
    /// <exception cref="InvalidDataException">A line is not what it should be.</exception>
    public static IReadOnlyList<Split> Read(TextReader reader, int count)
    {
        if (reader.ReadLine() is var header && header != Header)
            throw new InvalidDataException($"The first line of a split file is '{header}', expected '{Header}'.");
        var seeds = new List<int>();
        var parts = new Dictionary<int, Parts>();
        while (reader.ReadLine() is { } line)
        {
            string[] cells = line.Split(',');
            if (cells.Length != 3
                || !int.TryParse(cells[0], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int seed)
                || !int.TryParse(cells[2], NumberStyles.None, CultureInfo.InvariantCulture, out int row))
                throw new InvalidDataException($"A line of a split file is '{line}', expected {Header}.");
            if (!parts.TryGetValue(seed, out Parts? part))
            {
                parts.Add(seed, part = new Parts([], []));
                if (seed != EverySeed)
                    seeds.Add(seed);
            }
            part[cells[1]].Add(row);
        }

        Parts shared = parts.GetValueOrDefault(EverySeed) ?? new Parts([], []);
        return seeds.Count == 0
            ? [.. Enumerable.Range(0, count).Select(seed => new Split(seed, [.. shared.Train], [.. shared.Test]))]
            : [.. seeds.Take(count).Select(seed
            => new Split(seed, [.. shared.Train, .. parts[seed].Train], [.. shared.Test, .. parts[seed].Test]))];
    }

    private sealed record Parts(List<int> Train, List<int> Test)
    {
        public List<int> this[string name] => name switch
        {
            "train" => Train,
            "test" => Test,
            _ => throw new InvalidDataException($"A split file names the part '{name}', expected train or test."),
        };
    }
}
