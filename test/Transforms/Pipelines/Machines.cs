using Microsoft.ML;

namespace RealNvp.ML.Tests.Transforms.Pipelines;

/// <summary>A row as it comes: numbers, some of them missing, and text.</summary>
internal sealed class Machine
{
    public float Temperature { get; set; }

    public float Pressure { get; set; }

    public string Kind { get; set; } = "";

    public bool IsNew { get; set; }

    public int Hour { get; set; }

    /// <summary>Rows of which every ninth lacks its pressure.</summary>
    public static IDataView Load(MLContext ml, int count, int seed) => ml.Data.LoadFromEnumerable(Many(count, seed));

    /// <summary>
    /// The same after some that no training saw: an unknown kind, an infinite and a missing temperature, one that is far off.
    /// </summary>
    public static IDataView LoadStrange(MLContext ml, int count, int seed)
    {
        Machine[] strange = Many(5, seed + 1);
        strange[0].Kind = "unseen";
        strange[1].Temperature = 1e6f;
        strange[2].Temperature = float.NaN;
        strange[3].Temperature = float.PositiveInfinity;
        strange[4].Pressure = float.NaN;
        return ml.Data.LoadFromEnumerable(strange.Concat(Many(count, seed)).ToArray());
    }

    private static Machine[] Many(int count, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(i =>
        {
            int kind = random.Next(3);
            double load = Tables.Normal(random);
            return new Machine
            {
                Temperature = (float)(60 + 5 * kind + 4 * load + Tables.Normal(random)),
                Pressure = i % 9 == 4 ? float.NaN : (float)(3 + load + 0.3 * Tables.Normal(random)),
                Kind = ((string[])["pump", "fan", "press"])[kind],
                IsNew = random.Next(2) == 1,
                Hour = random.Next(24),
            };
        })];
    }
}
