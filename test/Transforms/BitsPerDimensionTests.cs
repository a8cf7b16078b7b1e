using System.Collections.Immutable;
using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Export;
using RealNvp.ML.Export.Steps;
using RealNvp.ML.Transforms;
using RealNvp.ML.Transforms.MlNet;
using RealNvp.ML.Transforms.Noise;

namespace RealNvp.ML.Tests.Transforms;

/// <summary>Bits per dimension of the bin's centre and over noise, against closed forms in double precision.</summary>
public sealed class BitsPerDimensionTests
{
    private const int Levels = 5, Side = 2;

    private static readonly RealNvpColumns s_columns = new() { BitsPerDimension = "Bits" };

    private readonly MLContext _ml = new(seed: 1);

    [Theory]
    [InlineData(1f)]
    [InlineData(1 / 255f)]
    public void Column_and_metric_are_each_right_and_differ(float levelWidth)
    {
        FlowModel model = ImageFlows.LogitAlone(1, Side, Side, Levels, levelWidth);
        float[][] rows = ImageFlows.Rows(model, 6);
        using RealNvpTransformer flow = Scorer(model);
        float[] centres = [.. flow.Transform(ImageRow.View(_ml, model, rows)).GetColumn<float>("Bits")];
        for (int i = 0; i < rows.Length; i++)
            Assert.Equal(rows[i].Average(value => LevelBits(model, value, 0.5)), centres[i], 1e-4);

        const int Draws = 2000;
        BitsPerDimensionEstimate found = flow.BitsPerDimension(ImageRow.View(_ml, model, rows), Draws, seed: 3);
        // what the draws tend to: the integral over the bin
        double[] expected = [.. rows.Select(row
            => row.Average(value => Enumerable.Range(0, 1000).Average(i => LevelBits(model, value, (i + 0.5) / 1000))))];
        Assert.Equal(expected.Average(), found.Mean, 0.01);
        double deviation = Math.Sqrt(expected.Sum(value => Math.Pow(value - expected.Average(), 2)) / (rows.Length - 1));
        Assert.Equal(deviation / Math.Sqrt(rows.Length), found.StandardError, 0.01);
        Assert.Equal((6, Draws), (found.Rows, found.Draws));
        Assert.True(Math.Abs(found.Mean - centres.Average()) > 0.05, "Five levels are wide: the centre is not the mean.");
    }

    [Fact]
    public void Noise_is_that_of_row_and_draw_in_whatever_batches()
    {
        FlowModel model = ImageFlows.LogitAlone(3, Side, Side, Levels, 0.25f);
        float[][] rows = ImageFlows.Rows(model, 11);
        double expected = 0;
        var noise = new double[model.InputShape.Size];
        for (int row = 0; row < rows.Length; row++)
        {
            for (int draw = 0; draw < 3; draw++)
            {
                new UniformNoise(9).Fill(row, draw, noise);
                expected += rows[row].Select((value, i) => LevelBits(model, value, noise[i])).Average() / rows.Length / 3;
            }
        }
        foreach (int batchSize in new[] { 1, 4, 256 })
        {
            using RealNvpTransformer flow = new(_ml, model, batchSize: batchSize);
            Assert.Equal(expected, flow.BitsPerDimension(ImageRow.View(_ml, model, rows), 3, seed: 9).Mean, 1e-5);
            Assert.NotEqual(expected, flow.BitsPerDimension(ImageRow.View(_ml, model, rows), 3, seed: 10).Mean, 1e-4);
        }
    }

    [Fact]
    public void Importance_weighted_draws_tend_to_the_probability_of_the_bin()
    {
        FlowModel model = ImageFlows.LogitAlone(1, Side, Side, Levels, 0.5f);
        float[][] rows = ImageFlows.Rows(model, 6);
        using RealNvpTransformer flow = Scorer(model);
        // the mass of a bin under the latent's normal distribution, by 2,000 slices of its density
        double expected = rows.Average(row => row.Average(value => -Math.Log2(Enumerable.Range(0, 2000)
            .Average(i => Math.Pow(2, -LevelBits(model, value, (i + 0.5) / 2000))))));
        BitsPerDimensionEstimate found = flow.BitsPerDimension(ImageRow.View(_ml, model, rows), 40_000, seed: 4, importanceWeighted: true);
        Assert.Equal(expected, found.Mean, 0.005);
        Assert.True(found.ImportanceWeighted);
        BitsPerDimensionEstimate mean = flow.BitsPerDimension(ImageRow.View(_ml, model, rows), 2000, seed: 4);
        Assert.False(mean.ImportanceWeighted);
        Assert.True(mean.Mean > expected + 0.01, $"The mean over the noise is looser: {mean.Mean} and {expected}.");
    }

    [Fact]
    public void Importance_weighted_draws_are_never_looser_and_more_of_them_are_tighter()
    {
        FlowModel model = ImageFlows.Random(1, 4, 4, Levels, 1);
        float[][] rows = ImageFlows.Rows(model, 40);
        using RealNvpTransformer flow = Scorer(model);
        IDataView data = ImageRow.View(_ml, model, rows);
        var found = new List<double>();
        foreach (int draws in new[] { 1, 4, 32 })
        {
            double mean = flow.BitsPerDimension(data, draws, seed: 5).Mean,
                weighted = flow.BitsPerDimension(data, draws, seed: 5, importanceWeighted: true).Mean;
            if (draws == 1)
                Assert.Equal(mean, weighted, 1e-9);
            else
                Assert.True(weighted < mean, $"{draws} draws: {weighted} and {mean}");
            found.Add(weighted);
        }
        Assert.True(found[0] > found[1] && found[1] > found[2], string.Join(", ", found));

        // of each row the logarithm of the mean density over its draws
        FlowModel simple = ImageFlows.LogitAlone(3, Side, Side, Levels, 0.25f);
        float[][] few = ImageFlows.Rows(simple, 5);
        var noise = new double[simple.InputShape.Size];
        double expected = few.Select((row, i) => -Math.Log2(Enumerable.Range(0, 3).Average(draw =>
        {
            new UniformNoise(9).Fill(i, draw, noise);
            return Math.Pow(2, -row.Select((value, j) => LevelBits(simple, value, noise[j])).Sum());
        })) / row.Length).Average();
        using RealNvpTransformer other = Scorer(simple);
        Assert.Equal(expected, other.BitsPerDimension(ImageRow.View(_ml, simple, few), 3, seed: 9, importanceWeighted: true).Mean, 1e-5);
    }

    [Fact]
    public void The_units_of_the_column_do_not_matter()
    {
        FlowModel bytes = ImageFlows.Random(3, 4, 4, 256, 1), shares = ImageFlows.Random(3, 4, 4, 256, 1 / 255f);
        float[][] rows = ImageFlows.Rows(bytes, 12);
        using RealNvpTransformer one = Scorer(bytes), other = Scorer(shares);
        IDataView data = ImageRow.View(_ml, bytes, rows),
            scaled = ImageRow.View(_ml, shares, rows.Select(row => Array.ConvertAll(row, value => value / 255)));
        Assert.Equal(one.BitsPerDimension(data).Mean, other.BitsPerDimension(scaled).Mean, 1e-4);
        float[] centres = [.. one.Transform(data).GetColumn<float>("Bits")], others = [.. other.Transform(scaled).GetColumn<float>("Bits")];
        for (int i = 0; i < rows.Length; i++)
            Assert.Equal(centres[i], others[i], 1e-4);
    }

    [Fact]
    public void Vectors_whose_every_feature_is_discrete_have_bits_too()
    {
        // standardised integers of widths 1 and 0.5
        FlowModel model = new(FlowShape.Vector(2), [new Dequantization([1, 0.5f]), new Standardization([3, 1], [2, 0.7f])]);
        using RealNvpTransformer flow = Scorer(model);
        IDataView data = ImageRow.View(_ml, model, [[4, 1.5f]]);
        double LogDensity(double z, double deviation) => -0.5 * z * z - 0.5 * Math.Log(2 * Math.PI) - Math.Log(deviation);
        double expected = -(LogDensity(0.5, 2) + LogDensity(0.5 / 0.7, 0.7) + Math.Log(0.5)) / (2 * Math.Log(2));
        Assert.Equal(expected, flow.Transform(data).GetColumn<float>("Bits").Single(), 1e-4);
        Assert.True(double.IsNaN(flow.BitsPerDimension(data).StandardError)); // one row has no spread
    }

    [Fact]
    public void Which_models_are_discrete()
    {
        Logit logit = new(256, 1), other = new(256, 0.5f);
        FlowShape image = FlowShape.Image(1, 2, 2), vector = FlowShape.Vector(2);
        Dequantization all = new([1, 2]), some = new([1, 0]);
        Standardization standardization = new([0, 0], [2, 2]);
        Assert.Equal([1, 1, 1, 1], new FlowModel(image, [logit]).LevelWidths);
        Assert.Equal([1, 2], new FlowModel(vector, [all, standardization]).LevelWidths);
        Assert.Equal([1, 2], new FlowModel(vector, (FlowStep[][])[[all], [all, standardization]]).LevelWidths);
        Assert.False(new FlowModel(image, [new Squeeze(SqueezeOrder.Plain)]).IsDiscrete);
        Assert.False(new FlowModel(image, (FlowStep[][])[[logit], [other]]).IsDiscrete);
        Assert.False(new FlowModel(vector, [some]).IsDiscrete);
        Assert.False(new FlowModel(vector, (FlowStep[])[]).IsDiscrete);
        Assert.False(new FlowModel(vector, [standardization, all]).IsDiscrete); // its widths would be in other units
    }

    [Fact]
    public void A_model_that_is_not_discrete_is_refused_with_what_it_lacks()
    {
        FlowModel model = Flows.Random();
        foreach (string message in new[]
        {
            Assert.Throws<ArgumentException>(() => _ml.Transforms.ApplyRealNvp(model, columns: s_columns)).Message,
            Assert.Throws<InvalidOperationException>(() => model.BitsPerDimension(1)).Message,
            Assert.Throws<InvalidOperationException>(()
                => new RealNvpTransformer(_ml, model).BitsPerDimension(_ml.Data.LoadFromEnumerable(FeatureRow.Many(model, 3)))).Message,
        })
        {
            Assert.Contains("a Dequantization as its first step with a width above 0 for every feature", message, StringComparison.Ordinal);
        }
        Assert.Throws<ArgumentException>(() => new RealNvpTransformer(_ml, model).WithColumns(s_columns));
    }

    [Fact]
    public void Pixels_on_another_scale_are_refused_or_told()
    {
        FlowModel model = ImageFlows.LogitAlone(1, Side, Side, Levels, 1);
        using RealNvpTransformer flow = Scorer(model);
        string[] Told(float[][] rows)
        {
            var ml = new MLContext();
            var log = new List<string>();
            ml.Log += (_, e) => log.Add(e.RawMessage);
            using var told = new RealNvpTransformer(ml, model);
            Assert.True(double.IsFinite(told.BitsPerDimension(ImageRow.View(ml, model, rows)).Mean));
            return [.. log];
        }
        string message = Assert.Throws<ArgumentException>(() => flow.BitsPerDimension(ImageRow.View(_ml, model, [[0, 1, 2, 255]]))).Message;
        Assert.Contains("'Features' has a pixel of 255, expected 5 levels from 0 to 4", message, StringComparison.Ordinal);
        Assert.Contains("pixel of -1,",
            Assert.Throws<ArgumentException>(() => flow.BitsPerDimension(ImageRow.View(_ml, model, [[0, 1, 2, -1]]))).Message,
            StringComparison.Ordinal);
        Assert.DoesNotContain(Told([[0, 1, 2, 3]]), line => line.Contains("pixel", StringComparison.Ordinal));
        Assert.Contains(Told([[0, 0.25f, 2, 4]]), line => line.StartsWith("25 % of the pixels in column 'Features' lie between the 5 "
            + "levels", StringComparison.Ordinal));
        Assert.Contains(Told([[0, 1, 1, 1]]), line => line.StartsWith("The largest pixel in column 'Features' is 1, of 5 levels from 0 "
            + "to 4", StringComparison.Ordinal));
    }

    [Fact]
    public void Rows_that_are_not_finite_are_counted()
    {
        FlowModel model = ImageFlows.LogitAlone(1, Side, Side, Levels, 1);
        float[][] rows = [[0, 1, 2, 3], [0, float.NaN, 2, 3], [4, 4, 4, 4], [0, float.NegativeInfinity, float.NaN, 3]];
        using RealNvpTransformer flow = Scorer(model);
        string message = Assert.Throws<ArgumentException>(() => flow.BitsPerDimension(ImageRow.View(_ml, model, rows))).Message;
        Assert.Contains("2 of 4 rows", message, StringComparison.Ordinal);
        Assert.Contains("'Features'", message, StringComparison.Ordinal);
        Assert.Contains("no row", Assert.Throws<ArgumentException>(() => flow.BitsPerDimension(ImageRow.View(_ml, model, []))).Message,
            StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => flow.BitsPerDimension(ImageRow.View(_ml, model, rows), draws: 0));
        // as a column: NaN, and the others unharmed
        float[] bits = [.. flow.Transform(ImageRow.View(_ml, model, rows)).GetColumn<float>("Bits")];
        Assert.Equal([false, true, false, true], bits.Select(float.IsNaN));
    }

    [Fact]
    public void The_column_is_there_only_when_named_and_comes_back_from_a_file()
    {
        FlowModel model = ImageFlows.Random();
        IDataView data = ImageRow.View(_ml, model, ImageFlows.Rows(model, 5));
        using RealNvpTransformer plain = _ml.Transforms.ApplyRealNvp(model).Fit(data);
        Assert.DoesNotContain(plain.GetOutputSchema(data.Schema), column => column.Name.Contains("Bits", StringComparison.Ordinal));
        using RealNvpTransformer flow = plain.WithColumns(s_columns);
        Assert.Equal(NumberDataViewType.Single, flow.GetOutputSchema(data.Schema)["Bits"].Type);
        SchemaShape promised = _ml.Transforms.ApplyRealNvp(model, columns: s_columns).GetOutputSchema(MlNetInternals.ShapeOf(data.Schema));
        Assert.Equal(MlNetInternals.ShapeOf(flow.Transform(data).Schema).Select(column => (column.Name, column.Kind, column.ItemType)),
            promised.Select(column => (column.Name, column.Kind, column.ItemType)));

        string path = Path.GetTempFileName();
        try
        {
            _ml.Model.Save(flow, data.Schema, path);
            using RealNvpTransformer loaded = new MLContext().Model.Load(path, out _).FindRealNvp();
            Assert.Equal(flow.Columns, loaded.Columns);
            Assert.Equal(flow.Transform(data).GetColumn<float>("Bits"), loaded.Transform(data).GetColumn<float>("Bits"));
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void Uniform_noise_is_uniform_and_of_row_draw_and_seed()
    {
        double[] Values(int seed, long row, int draw, int size = 6)
        {
            var values = new double[size];
            new UniformNoise(seed).Fill(row, draw, values);
            return values;
        }
        Assert.Equal(Values(1, 2, 3), Values(1, 2, 3));
        Assert.Equal(Values(1, 2, 3), Values(1, 2, 3, 9)[..6]);
        foreach (double[] other in new[] { Values(2, 2, 3), Values(1, 3, 3), Values(1, 2, 4), Values(1, 2 + (1L << 32), 3) })
            Assert.NotEqual(Values(1, 2, 3), other);
        double[] many = [.. Enumerable.Range(0, 20_000).SelectMany(row => Values(5, row, 0))];
        Array.Sort(many);
        double distance = many.Select((value, i) => Math.Abs(value - (i + 0.5) / many.Length)).Max();
        // exceeded once in a thousand seeds
        Assert.True(distance * Math.Sqrt(many.Length) < 1.95, $"Kolmogorov-Smirnov {distance * Math.Sqrt(many.Length):F3}");
    }

    private RealNvpTransformer Scorer(FlowModel model) => new(_ml, model, s_columns);

    /// <summary>
    /// Bits of one value at a point of its bin, as a discrete probability would have them: the density of y = logit(p) is standard normal,
    /// so that of the share x = (level + u) / k is N(y) (1 - 2 a) / (p (1 - p)), and a bin is 1 / k wide.
    /// </summary>
    private static double LevelBits(FlowModel model, float value, double u)
    {
        var logit = (Logit)model.Steps[0];
        double level = Math.Round(value / logit.LevelWidth), x = (level + u) / logit.Levels;
        double p = logit.Alpha + (1 - 2.0 * logit.Alpha) * x, y = Math.Log(p / (1 - p));
        double density = Math.Exp(-0.5 * y * y) / Math.Sqrt(2 * Math.PI) * (1 - 2.0 * logit.Alpha) / (p * (1 - p));
        return -Math.Log2(density / logit.Levels);
    }
}
