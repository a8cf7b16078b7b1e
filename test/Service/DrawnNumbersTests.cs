using System.Text.Json;
using Microsoft.ML;
using RealNvp.ML.Export;
using RealNvp.ML.Export.Steps;
using RealNvp.ML.Transforms;

namespace RealNvp.ML.Tests.Service;

/// <summary>Drawn numbers are those that a column can have: whole ones, 0 and 1, or the one that it always had.</summary>
public sealed class DrawnNumbersTests
{
    /// <summary>Even numbers around 4, one of two values, one value, and any.</summary>
    private static readonly FlowModel s_flow = new(FlowShape.Vector(4),
        [new Dequantization([2, 0, 0, 0]), new Standardization([4.2f, 0.25f, 7.5f, 10], [2, MathF.Sqrt(0.25f * 0.75f), 1, 3])],
        metadata: new FlowMetadata { FeatureNames = ["even", "flag", "same", "any"], FeatureMedians = [4, 0, 7.5f, 10] });

    [Fact]
    public void The_nearest_number_that_a_column_can_have_is_meant()
    {
        var numbers = DrawnNumbers.Of(s_flow);
        Assert.Equal([2, 1, 7.5f, 9.3f], new[] { 2.9f, 0.51f, 8, 9.3f }.Select((value, i) => numbers.Nearest(i, value)));
        Assert.Equal([-4, 0, 7.5f, -1], new[] { -3.4f, 0.49f, -8, -1 }.Select((value, i) => numbers.Nearest(i, value)));
        Assert.Equal(float.NaN, numbers.Nearest(0, float.NaN));
        Assert.Throws<ArgumentOutOfRangeException>(() => numbers.Nearest(4, 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => numbers.Nearest(-1, 0));

        var unknown = DrawnNumbers.Of(new FlowModel(FlowShape.Vector(4), s_flow.Steps)); // no medians to count from
        Assert.Equal(2.9f, unknown.Nearest(0, 2.9f));
    }

    [Fact]
    public async Task The_service_draws_them_by_name_and_in_lists()
    {
        var unnamed = new FlowModel(FlowShape.Vector(4), s_flow.Steps,
            metadata: new FlowMetadata { FeatureMedians = s_flow.Metadata.FeatureMedians });
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
            float[] expected = [(float)(4 + 2 * Math.Round((drawn[i][0] - 4.0) / 2)), drawn[i][1] > 0.5f ? 1 : 0, 7.5f, drawn[i][3]];
            Assert.Equal(expected, lists.GetProperty("rows")[i].EnumerateArray().Select(value => value.GetSingle()));
            Assert.Equal(expected, s_flow.Metadata.FeatureNames.Select(name => named.GetProperty("rows")[i].GetProperty(name).GetSingle()));
        }
        Assert.Contains(drawn, row => row[0] != (float)Math.Round(row[0]));
    }
}
