using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Export;
using RealNvp.ML.Export.Steps;
using RealNvp.ML.Trainers;
using RealNvp.ML.Transforms;

namespace RealNvp.ML.Tests.Trainers;

/// <summary>The estimator on columns of continuous maps: what it learns, the columns of the score map, and what is refused.</summary>
public sealed class FeatureMapTrainerTests(FeatureMapTrainerTests.Fitted fitted) : IClassFixture<FeatureMapTrainerTests.Fitted>
{
    private const int Channels = 3, Height = 4, Width = 5, Positions = Height * Width;

    /// <summary>The entropy of a map of <see cref="Maps"/>, in nats: noise of known deviations, correlated at each position.</summary>
    private static readonly double s_entropy
        = Positions * (0.5 * Channels * Math.Log(2 * Math.PI * Math.E) + Math.Log(0.5) + Math.Log(0.3) + Math.Log(0.2));

    private readonly MLContext _ml = fitted.Ml;

    [Fact]
    public void The_flow_learns_correlations_and_what_is_usual_where()
    {
        FlowModel model = fitted.Model.Model;
        Assert.IsType<ChannelStandardization>(model.Steps[0]);
        Assert.IsType<ChannelLinear>(model.Steps[1]);
        Assert.Equal(4, model.Steps.Count(step => step is PositionedCoupling));
        double found = -fitted.Test.GetColumn<float>("LogLikelihood").Average();
        // without the position every place would have the mean and the spread of all: some 20 nats more
        Assert.InRange(found, s_entropy - 1, s_entropy + 5);
        Assert.False(model.IsDiscrete);
        float[][] drawn = [.. fitted.Model.Sample(300, seed: 2).GetColumn<float[]>("Features")];
        for (int position = 0; position < Positions; position++) // channel 0 has another mean at each
            Assert.Equal(Mean(position), drawn.Average(row => row[position]), 0.25);
    }

    [Fact]
    public void The_map_adds_up_to_the_score_and_shows_the_odd_position()
    {
        float[] scores = [.. fitted.Test.GetColumn<float>("Score")];
        float[][] maps = [.. fitted.Test.GetColumn<float[]>("ScoreMap")];
        Tolerance.LogLikelihoods([.. maps.Select(map => map.Sum(value => (double)value))], scores, Channels * Positions);
        Assert.Equal([Height, Width], ((VectorDataViewType)fitted.Test.Schema["ScoreMap"].Type).Dimensions);
        Assert.Equal(maps.Select(map => map.Max()), fitted.Test.GetColumn<float>("MapMaximum"));

        float[][] odd = [.. Maps(40, seed: 9)];
        for (int i = 0; i < odd.Length; i++)
            odd[i][i % Positions] += 3;
        IDataView scored = fitted.Model.Transform(Load(_ml, odd));
        foreach ((int i, float[] map) in scored.GetColumn<float[]>("ScoreMap").Index())
            Assert.Equal(i % Positions, Array.IndexOf(map, map.Max()));
        Assert.True(scored.GetColumn<bool>("MapMaximumLabel").Count(flag => flag) >= 39);
        Assert.True(fitted.Test.GetColumn<bool>("MapMaximumLabel").Count(flag => flag) <= 0.25 * scores.Length); // 0.1 asked for
        Assert.All(scored.GetColumn<float>("MapMaximumPValue"), value => Assert.InRange(value, 0.001f, 0.2f));
        // as many positions are above the threshold for positions as were asked for
        float threshold = fitted.Model.Model.ScoreMapCalibration!.Position.Threshold;
        Assert.InRange(maps.SelectMany(map => map).Average(value => value > threshold ? 1.0 : 0), 0.05, 0.2);
    }

    [Fact]
    public void A_saved_pipeline_has_the_columns_and_the_thresholds()
    {
        using var stream = new MemoryStream();
        _ml.Model.Save(fitted.Model, fitted.Test.Schema, stream);
        using var loaded = (RealNvpTransformer)_ml.Model.Load(stream, out _);
        IDataView again = loaded.Transform(Load(_ml, [.. Maps(20, seed: 8)]));
        Assert.Equal(fitted.Test.GetColumn<float>("MapMaximumPValue").Take(20), again.GetColumn<float>("MapMaximumPValue"));
        Assert.Equal(fitted.Test.GetColumn<float[]>("ScoreMap").First(), again.GetColumn<float[]>("ScoreMap").First());
        using RealNvpTransformer strict = loaded.WithContamination(0.5);
        Assert.True(strict.Model.ScoreMapCalibration!.Maximum.Threshold < loaded.Model.ScoreMapCalibration!.Maximum.Threshold);
    }

    [Fact]
    public void Exported_graphs_have_the_map_where_it_is_asked_for()
    {
        string path = Path.Combine(Path.GetTempPath(), $"{Guid.NewGuid()}.onnx");
        try
        {
            fitted.Model.ExportDensity(path); // with the columns that are named, checked by the probes
            float[][] rows = [.. Maps(20, seed: 8)];
            Assert.Equal(fitted.Test.GetColumn<bool>("MapMaximumLabel").Take(20).Select(flag => flag ? 1f : 0),
                GraphResults.Of(File.ReadAllBytes(path), "Features", rows)["MapMaximumLabel"]);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Theory]
    [InlineData(3, FeatureMixing.Linear, 0, true)]
    [InlineData(1, FeatureMixing.Rotation, 2, false)]
    public void Other_choices_train_and_their_graphs_agree(int kernel, FeatureMixing mixing, int checkerboards, bool whitening)
    {
        RealNvpTrainer.Options options = Tiny(new()
        {
            Kernel = kernel,
            Mixing = mixing,
            Checkerboards = checkerboards,
            Whitening = whitening,
            PositionFrequencies = whitening ? 0 : null,
        });
        using RealNvpTransformer model = _ml.AnomalyDetection.Trainers.RealNvp(options).Fit(Load(_ml, [.. Maps(40, seed: 1)]));
        Assert.Equal(checkerboards, model.Model.Steps.Count(step => step is CheckerboardCoupling));
        Assert.Equal(mixing == FeatureMixing.Linear ? 5 : 4, model.Model.Steps.Count(step => step is ChannelLinear));
    }

    [Fact]
    public void What_a_column_holds_is_not_guessed()
    {
        float[][] rows = [.. Maps(40, seed: 1)];
        IDataView maps = Load(_ml, rows), flat = Tables.Load(_ml, rows);
        RealNvpTrainer.Options unasked = new() { Steps = 2, Threads = 1 };
        Refused("has three dimensions, as pixels have, but a value of -", maps, unasked);
        Refused("100 channels, more than colours are: set FeatureKind to Maps",
            Load(_ml, [.. rows.Select(_ => new float[3600])], 100, 6, 6), unasked);
        Refused("which has no height and width: set Maps.Shape", flat, Tiny(new()));
        Refused("Maps.Shape is 3x4x4", flat, Tiny(new() { Shape = FlowShape.Image(3, 4, 4) }));
        Refused("one channel", Load(_ml, rows, 1, 6, 10), Tiny(new()));
        Refused("one number", Load(_ml, [.. rows.Select(row => row[..1])], 1, 1, 1), Tiny(new()));
        RealNvpTrainer.Options both = Tiny(new());
        both.Image = new();
        Refused("Image is given", maps, both);

        foreach (RealNvpTrainer.Options options in new[] { unasked, Tiny(new() { Shape = FlowShape.Image(3, 4, 5) }) })
        {
            IDataView data = options == unasked ? maps : flat;
            if (options == unasked)
                options.FeatureKind = FeatureKind.Table;
            using RealNvpTransformer model = _ml.AnomalyDetection.Trainers.RealNvp(options).Fit(data);
            Assert.Equal(options != unasked, model.Model.InputShape.IsImage);
        }
    }

    private static RealNvpTrainer.Options Tiny(FeatureMapOptions maps)
    {
        RealNvpTrainer.Options options = RealNvpTrainer.Options.ForMaps(maps with { Couplings = 4, HiddenUnits = 4 });
        (options.Steps, options.BatchSize, options.Threads, options.Seed) = (4, 8, 1, 1);
        return options;
    }

    private void Refused(string expected, IDataView data, RealNvpTrainer.Options options)
        => Assert.Contains(expected, Assert.ThrowsAny<ArgumentException>(()
            => _ml.AnomalyDetection.Trainers.RealNvp(options).Fit(data)).Message, StringComparison.Ordinal);

    /// <summary>The mean of the first channel at a position: a wave down and across.</summary>
    private static double Mean(int position) => 2 * Math.Sin(1.7 * (position / Width)) + Math.Cos(2.1 * (position % Width));

    /// <summary>Maps of noise about means that depend on the position; the second channel follows the first.</summary>
    private static IEnumerable<float[]> Maps(int count, int seed)
    {
        var random = new Random(seed);
        for (int row = 0; row < count; row++)
        {
            float[] noise = [.. Enumerable.Range(0, Channels * Positions).Select(_ => (float)Tables.Normal(random))];
            var map = new float[Channels * Positions];
            for (int i = 0; i < Positions; i++)
            {
                map[i] = (float)(Mean(i) + 0.5 * noise[i]);
                map[Positions + i] = map[i] + 0.3f * noise[Positions + i];
                map[2 * Positions + i] = 0.2f * noise[2 * Positions + i];
            }
            yield return map;
        }
    }

    private static IDataView Load(MLContext ml, float[][] rows, int channels = Channels, int height = Height, int width = Width)
    {
        SchemaDefinition schema = SchemaDefinition.Create(typeof(Row));
        schema["Features"].ColumnType = new VectorDataViewType(NumberDataViewType.Single, channels, height, width);
        return ml.Data.LoadFromEnumerable(rows.Select(row => new Row { Features = row }).ToArray(), schema);
    }

    private sealed class Row
    {
        public float[] Features { get; set; } = [];
    }

    /// <summary>A flow of maps, trained once.</summary>
    public sealed class Fitted : IDisposable
    {
        public Fitted()
        {
            RealNvpTrainer.Options options = RealNvpTrainer.Options.ForMaps(
                new() { Couplings = 4, HiddenUnits = 24, PositionsPerMap = 10 });
            (options.Steps, options.LearningRate, options.Threads, options.Contamination) = (700, 5e-3, 1, 0.1);
            (options.Noise, options.Dropout) = (0, 0);
            options.Columns = new()
            {
                ScoreMap = "ScoreMap",
                MapMaximum = "MapMaximum",
                MapMaximumPValue = "MapMaximumPValue",
                MapMaximumLabel = "MapMaximumLabel",
            };
            Model = Ml.AnomalyDetection.Trainers.RealNvp(options).Fit(Load(Ml, [.. Maps(300, seed: 7)]));
            Test = Ml.Data.Cache(Model.Transform(Load(Ml, [.. Maps(200, seed: 8)])));
        }

        public MLContext Ml { get; } = new(seed: 1);

        public RealNvpTransformer Model { get; }

        public IDataView Test { get; }

        public void Dispose() => Model.Dispose();
    }
}
