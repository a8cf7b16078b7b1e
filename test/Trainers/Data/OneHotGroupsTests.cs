using RealNvp.ML.Trainers.Data.Batches;
using RealNvp.ML.Trainers.Data.Columns;
using RealNvp.ML.Trainers.Data.Rows;
using RealNvp.ML.Trainers.Native;
using TorchSharp;

namespace RealNvp.ML.Tests.Trainers;

/// <summary>One-hot groups are found in the rows, and their noise keeps one category apart from none and two.</summary>
[Trait("Area", "DataAsItIs")]
public sealed class OneHotGroupsTests
{
    /// <summary>Categories of each group, F a flag, N a number, C a constant; columns in this order.</summary>
    [Theory]
    [InlineData("3", "0 1 2")]
    [InlineData("F 4 N 3", "1 2 3 4|6 7 8")]
    [InlineData("3 5", "0 1 2|3 4 5 6 7")]
    [InlineData("N F F 3 F", "3 4 5")]
    [InlineData("2 3", "0 1|2 3 4")]
    [InlineData("2", "0 1")]
    [InlineData("F F F", "")]
    [InlineData("N", "")]
    [InlineData("split", "0 2 3")] // a category that no training row has stands between the others
    [InlineData("sparse", "")] // some rows have none
    [InlineData("doubled", "")] // some have two
    public void Groups_are_found(string columns, string expected)
    {
        ColumnFacts facts = ColumnFacts.OfTable(Rows(columns, 400), dequantize: true);
        Assert.Equal(expected, Text(facts.OneHotGroups));
        // of a pair each column says all of the other: noise as in one column of two values
        Assert.Equal(string.Join('|', expected.Split('|').Where(group => group.Split(' ').Length > 2)), Text(facts.NoiseGroups));
        ColumnFacts exact = ColumnFacts.OfTable(Rows(columns, 400), dequantize: false);
        Assert.Equal((expected, ""), (Text(exact.OneHotGroups), Text(exact.NoiseGroups)));
        ColumnFacts bins = ColumnFacts.OfTable(Rows(columns, 400), dequantize: true, ofTwoValues: true);
        Assert.Equal((expected, ""), (Text(bins.OneHotGroups), Text(bins.NoiseGroups)));
        Assert.Equal(bins.BinWidths, bins.NoiseWidths);

        static string Text(int[][] groups) => string.Join("|", groups.Select(group => string.Join(' ', group)));
    }

    [Fact]
    public void Noise_fills_the_gap_between_two_categories_and_little_of_that_to_none()
    {
        WeightedRows rows = Rows("F 4 N", 2000);
        ColumnFacts facts = ColumnFacts.OfTable(rows, dequantize: true);
        using torch.Tensor table = torch.tensor(rows.Values, [2000, 6]);
        using var random = new DeviceRandom(1, torch.CPU);
        using var noise = new TrainingNoise(facts.NoiseWidths, new float[6], random, torch.CPU, facts.NoiseGroups);
        using torch.Tensor noisy = noise.Dequantized(table);
        float[] added = [.. noisy.data<float>().Zip(rows.Values, (with, without) => with - without)];
        double[] sums = new double[2000], differences = new double[2000];
        for (int i = 0; i < 2000; i++)
        {
            Assert.InRange(added[i * 6], -0.0501f, 0.0501f); // the flag: a tenth of its gap
            Assert.Equal(0, added[i * 6 + 5], 1e-6f); // the number
            sums[i] = added[(i * 6 + 1)..(i * 6 + 5)].Sum();
            differences[i] = added[i * 6 + 1] - added[i * 6 + 2];
        }
        // of four numbers evenly drawn from -1/2 to 1/2 the sum has a deviation of sqrt(4/12), here a tenth; a difference sqrt(2/12)
        Assert.Equal(0.1 * Math.Sqrt(4.0 / 12), Deviation(sums), 0.003);
        Assert.Equal(Math.Sqrt(2.0 / 12), Deviation(differences), 0.02);
        Assert.InRange(sums.Max(Math.Abs), 0.1, 0.2); // and never reaches a row without any, at 1
    }

    /// <summary>Any two values make a group: in units of their gap it is the same.</summary>
    [Fact]
    public void Values_of_a_group_need_not_be_0_and_1()
    {
        WeightedRows rows = Rows("4", 500);
        float[] scales = [2, 0.5f, 30, 1], shifts = [-1, 0, 7, 2];
        var scaled = new WeightedRows([.. rows.Values.Select((value, i) => value * scales[i % 4] + shifts[i % 4])], rows.Weights, 4);
        ColumnFacts facts = ColumnFacts.OfTable(scaled, dequantize: true);
        Assert.Equal([0, 1, 2, 3], Assert.Single(facts.NoiseGroups));
        Assert.Equal(scales, facts.NoiseWidths);
    }

    private static double Deviation(double[] values) => Math.Sqrt(values.Average(value => value * value) - Math.Pow(values.Average(), 2));

    private static WeightedRows Rows(string columns, int count)
    {
        var random = new Random(1);
        List<float> Row(int i)
        {
            List<float> OneOf(int size, int category) => [.. Enumerable.Range(0, size).Select(j => j == category ? 1f : 0)];
            return columns switch
            {
                "split" => OneOf(4, random.Next(3) is var kind && kind > 0 ? kind + 1 : 0),
                "sparse" => OneOf(4, random.Next(20) == 0 ? -1 : random.Next(4)),
                "doubled" => [.. OneOf(4, random.Next(4)).Select((value, j) => i % 50 == j ? 1 : value)],
                _ => [.. columns.Split(' ').SelectMany(column => column switch
                {
                    "F" => [random.Next(2)],
                    "N" => [random.NextSingle()],
                    _ => OneOf(column[0] - '0', random.Next(column[0] - '0')),
                })],
            };
        }
        float[][] rows = [.. Enumerable.Range(0, count).Select(i => Row(i).ToArray())];
        return new WeightedRows([.. rows.SelectMany(row => row)], [.. Enumerable.Repeat(1f, count)], rows[0].Length);
    }
}
