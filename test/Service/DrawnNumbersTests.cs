using System.Collections.Immutable;
using System.Text.Json;
using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Export;
using RealNvp.ML.Export.Steps;
using RealNvp.ML.Trainers;
using RealNvp.ML.Transforms;

namespace RealNvp.ML.Tests.Service;

/// <summary>Drawn numbers are those that a column can have: whole ones, 0 and 1, or the one that it always had.</summary>
public sealed class DrawnNumbersTests
{
    /// <summary>Numbers of unequal gaps, one of two values, one value, and any.</summary>
    private static readonly FlowModel s_flow = new(FlowShape.Vector(4),
        [new Dequantization([2, 0, 0, 0]), new Standardization([4.2f, 1.25f, 7.5f, 10], [2, MathF.Sqrt(0.25f * 0.75f), 1, 3])],
        metadata: new FlowMetadata
        {
            FeatureNames = ["uneven", "flag", "same", "any"],
            FeatureLevels = [[0, 2, 5, 9.5f], [1, 2], [7.5f], []],
        });

    [Fact]
    public void The_nearest_number_that_a_column_can_have_is_meant()
    {
        var numbers = DrawnNumbers.Of(s_flow);
        Assert.Equal([2, 2, 7.5f, 9.3f], numbers.Nearest([3.4f, 1.51f, 8, 9.3f]));
        Assert.Equal([0, 1, 7.5f, -1], numbers.Nearest([-3.4f, 1.49f, -8, -1]));
        Assert.Equal([5, 9.5f, 9.5f, 5], new[] { 3.6f, 7.3f, 1e30f, 5 }.Select(value => numbers.Nearest([value, 0, 0, 0])[0]));
        Assert.Equal([float.NaN, 2, 7.5f, float.NaN], numbers.Nearest([float.NaN, 3, float.MaxValue, float.NaN]));
        Assert.Throws<ArgumentException>(() => numbers.Nearest([1, 2, 3]));
        Assert.Throws<ArgumentException>(() => numbers.Nearest([1, 2, 3, 4, 5]));

        var unknown = DrawnNumbers.Of(new FlowModel(FlowShape.Vector(4), s_flow.Steps)); // none that it knows
        Assert.Equal([2.9f, 1.2f, 7, 0], unknown.Nearest([2.9f, 1.2f, 7, 0]));
    }

    /// <summary>Of 0 and 1, and of -5 and 15 beside 0 and 1: where no column is beyond the middle of its gap, and where two are.</summary>
    [Theory]
    [InlineData(new[] { 0.2f, 0.4f, 0.1f }, new[] { 0f, 1, 0 })]
    [InlineData(new[] { 0.9f, 0.2f, 1.3f }, new[] { 0f, 0, 1 })]
    [InlineData(new[] { -0.2f, -0.1f, -0.4f }, new[] { 0f, 1, 0 })]
    [InlineData(new[] { 0.5f, 0.5f, 0.5f }, new[] { 1f, 0, 0 })]
    [InlineData(new[] { float.NaN, 0.3f, 0.2f }, new[] { float.NaN, 1, 0 })]
    [InlineData(new[] { float.NaN, float.NaN, float.NaN }, new[] { float.NaN, float.NaN, float.NaN })]
    [InlineData(new[] { float.PositiveInfinity, 0.3f, 0.2f }, new[] { float.PositiveInfinity, 0, 0 })]
    [InlineData(new[] { 0.6f, 6, 0.1f }, new[] { 1f, -5, 0 }, -5f, 15f)]
    [InlineData(new[] { 0.5f, 6, 0.1f }, new[] { 0f, 15, 0 }, -5f, 15f)]
    public void Of_a_one_hot_group_the_largest_is_meant(float[] drawn, float[] meant, float off = 0, float on = 1)
    {
        FlowModel flow = OneHot([[0, 1], [off, on], [0, 1], []], [0, 1, 2]);
        Assert.Equal([.. meant, 0.7f], DrawnNumbers.Of(flow).Nearest([.. drawn, 0.7f]));
        Assert.Contains("One-hot groups: value 0 to value 2 (3)", flow.Summary());
    }

    [Theory]
    [InlineData(new[] { 0, 3 })] // has no levels
    [InlineData(new[] { 0, 2 })] // has three
    [InlineData(new[] { 1, 0 })]
    [InlineData(new[] { 0, 0 })]
    [InlineData(new[] { -1, 0 })]
    [InlineData(new[] { 0, 4 })]
    [InlineData(new[] { 0, 1 }, new[] { 1 })]
    public void Groups_of_other_columns_are_refused(params int[][] groups)
        => Assert.Throws<FlowModelException>(() => OneHot([[0, 1], [0, 1], [0, 1, 2], []], groups));

    private static FlowModel OneHot(float[][] levels, params int[][] groups) => new(FlowShape.Vector(4), s_flow.Steps,
        metadata: new FlowMetadata
        {
            FeatureLevels = [.. levels.Select(values => values.ToImmutableArray())],
            OneHotGroups = [.. groups.Select(group => group.ToImmutableArray())],
        });

    [Fact]
    public void Rows_of_a_class_have_them()
    {
        using RealNvpTransformer flow = new MLContext(1).Transforms.ApplyRealNvp(s_flow).Fit(
            Tables.Load(new MLContext(1), [[0, 0, 0, 0]]));
        var numbers = DrawnNumbers.Of(s_flow);
        foreach ((float[] drawn, Row row) in flow.SampleRows(100, seed: 4).Zip(flow.SampleRows<Row>(100, seed: 4)))
        {
            Assert.Contains(row.Uneven, s_flow.Metadata.FeatureLevels[0]);
            Assert.Equal(numbers.Nearest(drawn)[0], row.Uneven);
            Assert.Equal(drawn[1] > 1.5f ? 2 : 1, row.Flag); // not 0, and not 3, to which rounding goes
            Assert.Equal((7.5f, drawn[3]), (row.Same, row.Any));
        }
    }

    /// <summary>Values of unequal gaps and rare ones, a code, two numbers beside 0 and 1, a scale of 1 around a median of 0.</summary>
    [Fact]
    public void Training_tells_the_numbers_that_a_column_has()
    {
        float[][] expected = [[-999, 0, 2, 5], [1, 2], [0, 10, 3000], [7]];
        var ml = new MLContext(1);
        var random = new Random(1);
        float[][] rows = [.. Enumerable.Range(0, 600).Select(i => new[] { i % 60 == 7 ? -999 : new[] { 0, 2, 5f }[i % 3], 1 + i / 2 % 2,
            i % 100 == 9 ? i % 200 == 9 ? 10 : 3000 : 0, 7, (float)random.NextDouble() })];
        using RealNvpTransformer flow = ml.AnomalyDetection.Trainers.RealNvp(new RealNvpTrainer.Options { Steps = 20,
            ValidationFraction = 0, CalibrationFraction = 0 }).Fit(Tables.Load(ml, rows));
        Assert.Equal([.. expected, []], flow.Model.Metadata.FeatureLevels.Select(levels => levels.ToArray()));
        var numbers = DrawnNumbers.Of(flow.Model);
        Assert.Equal([-999, 2, 3000, 7, 0.3f], numbers.Nearest([-800, 9, 2999, 1e9f, 0.3f]));
    }

    [Fact]
    public async Task The_service_draws_them_by_name_and_in_lists()
    {
        var unnamed = new FlowModel(FlowShape.Vector(4), s_flow.Steps,
            metadata: new FlowMetadata { FeatureLevels = s_flow.Metadata.FeatureLevels });
        await using RunningService service = await RunningService.Start(folder =>
        {
            s_flow.Save(folder.File("named.rnvp"));
            unnamed.Save(folder.File("unnamed.rnvp"));
        });
        using RealNvpTransformer flow = new MLContext(1).Transforms.ApplyRealNvp(s_flow).Fit(
            Tables.Load(new MLContext(1), [[0, 0, 0, 0]]));
        float[][] drawn = flow.SampleRows(50, seed: 3);
        JsonElement named = await service.Post("models/named/sample", new { count = 50, seed = 3 });
        JsonElement lists = await service.Post("models/unnamed/sample", new { count = 50, seed = 3 });
        for (int i = 0; i < 50; i++)
        {
            float[] expected = [new[] { 0, 2, 5, 9.5f }.MinBy(level => Math.Abs(level - drawn[i][0])), drawn[i][1] > 1.5f ? 2 : 1, 7.5f,
                drawn[i][3]];
            Assert.Equal(expected, lists.GetProperty("rows")[i].EnumerateArray().Select(value => value.GetSingle()));
            Assert.Equal(expected, s_flow.Metadata.FeatureNames.Select(name => named.GetProperty("rows")[i].GetProperty(name).GetSingle()));
        }
        Assert.Contains(drawn, row => row[0] != (float)Math.Round(row[0]));
    }

    private sealed class Row
    {
        [ColumnName("uneven")]
        public float Uneven { get; set; }

        [ColumnName("flag")]
        public int Flag { get; set; }

        [ColumnName("same")]
        public float Same { get; set; }

        [ColumnName("any")]
        public float Any { get; set; }
    }
}
