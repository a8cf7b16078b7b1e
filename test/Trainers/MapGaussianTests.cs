using System.Globalization;
using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Export.Steps;
using RealNvp.ML.Trainers;
using RealNvp.ML.Transforms;
using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Tests.Trainers;

/// <summary>What a flow of continuous maps starts as: a Gaussian whose correlations are those of all positions.</summary>
public sealed class MapGaussianTests
{
    /// <summary>The noise of training by default, in standard deviations of all channels together.</summary>
    private const double Noise = 0.05;

    private const int Channels = 6, Height = 3, Width = 4, Positions = Height * Width;

    private readonly MLContext _ml = new(seed: 1);

    [Fact]
    public void Positions_have_means_and_variances_of_their_own_where_maps_show_that_they_do()
    {
        float[][] rows = [.. Maps(60, seed: 2, ofPositions: true)], others = [.. Maps(30, seed: 3, ofPositions: true)];
        using RealNvpTransformer flow = Fit(rows, new());
        IReadOnlyDictionary<string, string> told = flow.Model.Metadata.Training;
        double Told(string name) => double.Parse(told[name], CultureInfo.InvariantCulture);
        Assert.Equal(1, flow.Model.Steps.Count(step => step is PositionStandardization));
        Assert.InRange(Told("position_mean_maps"), 0, 3); // means differ by far more than 60 maps can err
        Assert.InRange(Told("position_variance_maps"), 1, 30);
        double[] expected = Gaussian(rows, others, Told("whitening_shrinkage"), Told("whitening_power"), Told("position_mean_maps"),
            Told("position_variance_maps"));
        float[] found = [.. flow.Transform(Load(others)).GetColumn<float>("LogLikelihood")];
        for (int i = 0; i < found.Length; i++)
            Assert.Equal(expected[i], found[i], 1e-3 * Math.Abs(expected[i]));
    }

    [Fact]
    public void Positions_that_are_alike_or_are_to_be_taken_for_alike_have_none()
    {
        using RealNvpTransformer alike = Fit([.. Maps(60, seed: 4, ofPositions: false)], new()),
            asked = Fit([.. Maps(60, seed: 2, ofPositions: true)], new() { PositionFrequencies = 0 });
        Assert.Contains(asked.Model.Steps, step => step is ChannelLinear);
        Assert.DoesNotContain(asked.Model.Steps, step => step is PositionStandardization);
        if (alike.Model.Steps.OfType<PositionStandardization>().SingleOrDefault() is { } positions) // by a hair
        {
            Assert.True(positions.Mean.Max(Math.Abs) < 0.2);
            Assert.All(positions.StandardDeviation, deviation => Assert.InRange(deviation, 0.9f, 1.1f));
        }
    }

    [Fact]
    public void Couplings_that_do_not_help_are_not_kept()
    {
        float[][] rows = [.. Maps(60, seed: 2, ofPositions: true)];
        RealNvpTrainer.Options options = Options(new());
        options.ValidationFraction = 0.15;
        (options.Steps, options.LearningRate) = (40, 0.3); // which goes astray
        using RealNvpTransformer flow = _ml.AnomalyDetection.Trainers.RealNvp(options).Fit(Load(rows));
        Assert.Equal("0", flow.Model.Metadata.Training["kept_step"]);
        Assert.True(long.Parse(flow.Model.Metadata.Training["steps"]) < 40); // and training does not go on for nothing
        // fresh couplings are the identity
        Assert.All(flow.Model.Steps.OfType<PositionedCoupling>(), coupling => Assert.All(coupling.Net.Output.Weights, weight
            => Assert.Equal(0, weight)));
    }

    [Fact]
    public void Couplings_that_help_are_kept()
    {
        // the second channel follows the square of the first, which no Gaussian knows
        float[][] Bent(int count, int seed) => [.. Maps(count, seed, ofPositions: false).Select(map =>
        {
            for (int i = 0; i < Positions; i++)
                map[Positions + i] = map[i] * map[i] + 0.1f * map[Positions + i];
            return map;
        })];
        RealNvpTrainer.Options options = Options(new() { HiddenUnits = 16 });
        (options.Steps, options.LearningRate, options.ValidationFraction) = (150, 1e-2, 0.15);
        using RealNvpTransformer flow = _ml.AnomalyDetection.Trainers.RealNvp(options).Fit(Load(Bent(150, seed: 2))),
            start = Fit(Bent(150, seed: 2), new());
        Assert.NotEqual("0", flow.Model.Metadata.Training["kept_step"]);
        IDataView others = Load(Bent(30, seed: 3));
        double Mean(RealNvpTransformer model) => model.Transform(others).GetColumn<float>("LogLikelihood").Average();
        Assert.True(Mean(flow) > Mean(start) + 0.3 * Positions, $"{Mean(flow)} and {Mean(start)}");
    }

    private RealNvpTransformer Fit(float[][] rows, FeatureMapOptions maps)
        => _ml.AnomalyDetection.Trainers.RealNvp(Options(maps)).Fit(Load(rows));

    /// <summary>One step that changes nothing, on all maps.</summary>
    private static RealNvpTrainer.Options Options(FeatureMapOptions maps)
    {
        RealNvpTrainer.Options options = RealNvpTrainer.Options.ForMaps(maps with { Couplings = 2, HiddenUnits = maps.HiddenUnits ?? 4 });
        (options.Steps, options.LearningRate, options.Seed, options.Threads) = (1, 1e-9, 1, 1);
        (options.ValidationFraction, options.CalibrationFraction, options.Contamination) = (0, 0, 0);
        return options;
    }

    /// <summary>
    /// Log-likelihoods by the statistics of training maps, value by value in double: channels standardised over all positions, along the
    /// axes of their shrunk covariance about the means of positions; means and variances of positions drawn towards 0 and 1; all of maps
    /// with the noise of training.
    /// </summary>
    private static double[] Gaussian(float[][] train, float[][] rows, double share, double power, double meanMaps, double varianceMaps)
    {
        int n = train.Length;
        int[] channels = [.. Enumerable.Range(0, Channels)], positions = [.. Enumerable.Range(0, Positions)];
        double[] center = [.. channels.Select(c => train.Average(row => positions.Average(p => (double)row[c * Positions + p])))];
        double[] own = [.. channels.Select(c => train.Average(row
            => positions.Average(p => Math.Pow(row[c * Positions + p] - center[c], 2))))];
        double noise = Noise * Noise * own.Average();
        double[] deviation = [.. own.Select(variance => Math.Sqrt(variance + noise))];
        double X(float[] row, int c, int p) => (row[c * Positions + p] - center[c]) / deviation[c];
        double[][] mean = [.. channels.Select(c => positions.Select(p => train.Average(row => X(row, c, p))).ToArray())];
        double scale = deviation.Average(value => value * value);
        var covariance = new double[Channels * Channels];
        foreach (int a in channels)
        {
            foreach (int b in channels)
            {
                double sum = train.Sum(row => positions.Sum(p => (X(row, a, p) - mean[a][p]) * (X(row, b, p) - mean[b][p])));
                covariance[a * Channels + b] = (1 - share) * sum / (Positions * (n - 1.0))
                    + (a == b ? (1 - share) * noise / (deviation[a] * deviation[a])
                        + share * Math.Pow(scale / (deviation[a] * deviation[a]), 1 - power) : 0);
            }
        }
        using Tensor matrix = tensor(covariance, [Channels, Channels]);
        (Tensor values, Tensor vectors) = linalg.eigh(matrix);
        double[] variances = [.. values.data<double>()], axes = [.. vectors.t().contiguous().data<double>()];
        double Z(float[] row, int k, int p) => channels.Sum(c => axes[k * Channels + c] * X(row, c, p)) / Math.Sqrt(variances[k]);
        double constant = -0.5 * Channels * Positions * Math.Log(2 * Math.PI) - Positions * (deviation.Sum(Math.Log)
            + 0.5 * variances.Sum(Math.Log));
        double[] sums = [.. rows.Select(_ => constant)];
        foreach (int k in channels)
        {
            double added = channels.Sum(c => Math.Pow(axes[k * Channels + c] / deviation[c], 2)) * noise / variances[k];
            foreach (int p in positions)
            {
                double there = train.Average(row => Z(row, k, p));
                double spread = train.Sum(row => Math.Pow(Z(row, k, p) - there, 2)) / (n - 1) + added;
                double drawnMean = n * there / (n + meanMaps), drawn = (n * spread + varianceMaps) / (n + varianceMaps);
                for (int i = 0; i < rows.Length; i++)
                    sums[i] -= 0.5 * (Math.Pow(Z(rows[i], k, p) - drawnMean, 2) / drawn + Math.Log(drawn));
            }
        }
        return sums;
    }

    /// <summary>Maps of correlated noise, with means and spreads that depend on the position, or do not.</summary>
    private static IEnumerable<float[]> Maps(int count, int seed, bool ofPositions)
    {
        var random = new Random(seed);
        for (int row = 0; row < count; row++)
        {
            var map = new float[Channels * Positions];
            for (int i = 0; i < Positions; i++)
            {
                double common = Tables.Normal(random), spread = ofPositions ? 0.5 + i / (double)Positions : 1;
                for (int c = 0; c < Channels; c++)
                {
                    map[c * Positions + i] = (float)((1 + c) * (spread * (0.8 * common + 0.6 * Tables.Normal(random))
                        + (ofPositions ? 1.5 * Math.Sin(1.3 * i + c) : 0)) + c);
                }
            }
            yield return map;
        }
    }

    private IDataView Load(float[][] rows)
    {
        SchemaDefinition schema = SchemaDefinition.Create(typeof(Row));
        schema["Features"].ColumnType = new VectorDataViewType(NumberDataViewType.Single, Channels, Height, Width);
        return _ml.Data.LoadFromEnumerable(rows.Select(row => new Row { Features = row }).ToArray(), schema);
    }

    private sealed class Row
    {
        public float[] Features { get; set; } = [];
    }
}
