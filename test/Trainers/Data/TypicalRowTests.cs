using RealNvp.ML.Trainers.Data.Columns;
using RealNvp.ML.Trainers.Data.Rows;

namespace RealNvp.ML.Tests.Trainers;

/// <summary>What explanations compare with: medians, and of each category the most frequent one.</summary>
public sealed class TypicalRowTests
{
    private static readonly string[] s_names
        = ["weight", "kind.a", "kind.b", "kind.c", "flag.x", "flag.y", "lag.1", "lag.2", "cats.site.north", "cats.site.south",
            "cats.on.yes", "cats.on.no", "rare.p", "rare.q"];

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_category_has_its_most_frequent_one_and_what_is_none_its_medians(bool weighted)
    {
        var random = new Random(4);
        float[][] rows = [.. Enumerable.Range(0, 1000).Select(i =>
        {
            int kind = i % 20 < 7 ? 0 : i % 20 < 15 ? 1 : 2;
            bool north = i % 3 == 0, on = i % 5 != 0, x = random.Next(10) < 6, y = random.Next(10) < 6;
            float lag = random.NextSingle(), rare = i % 10; // of two kinds that most rows have none of
            return new float[] { random.NextSingle(), One(kind == 0), One(kind == 1), One(kind == 2), One(x), One(y), lag, lag / 2,
                One(north), One(!north), One(on), One(!on), One(rare == 0), One(rare == 1) };
        })];
        // one kind counts so much more that it is the most frequent
        float[] weights = [.. rows.Select(row => weighted && row[3] == 1 ? 9f : 1)];
        var facts = ColumnFacts.OfTable(new WeightedRows([.. rows.SelectMany(row => row)], weights, s_names.Length), dequantize: true);
        float[] typical = TypicalRow.Of(facts, s_names), medians = facts.Median;
        Assert.Equal(weighted ? [0, 0, 1] : [0, 1, 0], typical[1..4]);
        Assert.Equal([0, 1, 1, 0], typical[8..12]);
        Assert.Equal([medians[0], .. medians[4..8], 0, 0], [typical[0], .. typical[4..8], .. typical[12..]]);
        Assert.Equal(medians, TypicalRow.Of(facts, []));
    }

    private static float One(bool value) => value ? 1 : 0;
}
