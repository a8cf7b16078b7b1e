using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Trainers;
using RealNvp.ML.Transforms;

namespace RealNvp.ML.Tests.Trainers;

/// <summary>
/// A category that training never had, a row of zeros after a one-hot encoder, stands out by default, and so does a row of two categories.
/// </summary>
[Trait("Area", "DataAsItIs")]
public sealed class OneHotTests
{
    private readonly MLContext _ml = new(seed: 1);

    /// <summary>Groups of one-hot columns beside two normal ones; values of 0 and 1, or any two; none of the last group, or two.</summary>
    [Theory]
    [InlineData(new[] { 12 }, 0f, 1f)]
    [InlineData(new[] { 4 }, 0f, 1f)]
    [InlineData(new[] { 12, 12 }, 0f, 1f)]
    [InlineData(new[] { 3, 2 }, 0f, 1f)]
    [InlineData(new[] { 5 }, -3f, 7f)]
    [InlineData(new[] { 12 }, 0f, 1f, 2)]
    [InlineData(new[] { 4 }, 0f, 1f, 2)]
    public void None_or_two_of_the_last_group_are_flagged(int[] groups, float off, float on, int strange = 0)
    {
        float[] Row(Random random, bool unseen)
        {
            var row = new List<float>();
            foreach ((int g, int size) in groups.Index())
            {
                int category = random.Next(size), many = unseen && g == groups.Length - 1 ? strange : 1;
                row.AddRange(Enumerable.Range(0, size).Select(i => (i - category + size) % size < many ? on : off));
            }
            return [.. row, (float)Tables.Normal(random), (float)Tables.Normal(random)];
        }
        IDataView Rows(int count, int seed, bool unseen = false)
        {
            var random = new Random(seed);
            return Tables.Load(_ml, [.. Enumerable.Range(0, count).Select(_ => Row(random, unseen))]);
        }
        using RealNvpTransformer model =
            _ml.AnomalyDetection.Trainers.RealNvp(new RealNvpTrainer.Options { Contamination = 0.01, Steps = 700 }).Fit(Rows(2500, 1));
        IDataView odd = model.Transform(Rows(300, 2, unseen: true));
        float[] normal = [.. model.Transform(Rows(1000, 3)).GetColumn<float>("Score").Order()];
        double auroc = odd.GetColumn<float>("Score").Average(score => (double)normal.Count(other => other < score) / normal.Length);
        Assert.InRange(auroc, 0.99, 1);
        Assert.InRange(odd.GetColumn<bool>("PredictedLabel").Average(flagged => flagged ? 1.0 : 0), 0.97, 1);
    }

    /// <summary>Each column rounded by itself leaves many without one, for noise fills the gap; the model knows the group.</summary>
    [Fact]
    public void Drawn_rows_have_one_category_and_each_its_share()
    {
        var random = new Random(1);
        using RealNvpTransformer model = _ml.AnomalyDetection.Trainers.RealNvp().Fit(Tables.Load(_ml, Enumerable.Range(0, 3000).Select(_ =>
        {
            int category = random.Next(12);
            return (float[])[.. Enumerable.Range(0, 12).Select(i => i == category ? 1f : 0),
                (float)Tables.Normal(random), (float)(Tables.Normal(random) + 0.3 * category)];
        })));
        DrawnNumbers numbers = DrawnNumbers.Of(model.Model);
        int[] drawn = new int[12];
        foreach (float[] row in model.SampleRows(3000, seed: 3))
        {
            float[] meant = numbers.Nearest(row);
            Assert.Equal((1, 11), (meant[..12].Count(value => value == 1), meant[..12].Count(value => value == 0)));
            drawn[Array.IndexOf(meant, 1)]++;
        }
        TestContext.Current.SendDiagnosticMessage(string.Join(' ', drawn));
        // 250 of each were expected of a perfect flow, with a deviation of 15
        Assert.All(drawn, count => Assert.InRange(count, 150, 350));
    }
}
