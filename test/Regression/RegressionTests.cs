using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.OnnxRuntime;
using RealNvp.ML.Trainers;
using RealNvp.ML.Transforms;
using RealNvp.ML.Transforms.MlNet;

namespace RealNvp.ML.Tests.Regression;

/// <summary>Distributions of a label, beside the one that rows were drawn from.</summary>
public sealed class RegressionTests(RegressionTests.Trained trained) : IClassFixture<RegressionTests.Trained>
{
    private readonly MLContext _ml = trained.Ml;

    [Fact]
    public void Mean_median_interval_and_density_are_those_that_rows_were_drawn_from()
    {
        LabelledRow[] rows = Labelled.Rows(4000, 7);
        Predicted[] found = Predict(trained.Model, rows);
        double meanError = 0, expected = 0;
        int covered = 0;
        for (int i = 0; i < rows.Length; i++)
        {
            (double a, double b) = (rows[i].Features[0], rows[i].Features[1]);
            (double mean, double deviation) = (Labelled.Mean(a, b), Labelled.Deviation(a));
            meanError += Math.Pow((found[i].Score - mean) / deviation, 2) / rows.Length;
            double e = (rows[i].Label - mean) / deviation;
            expected += (-0.5 * e * e - Math.Log(deviation * Math.Sqrt(2 * Math.PI))) / rows.Length;
            covered += found[i].Lower <= rows[i].Label && rows[i].Label <= found[i].Upper ? 1 : 0;
            Assert.True(found[i].Lower < found[i].Median && found[i].Median < found[i].Upper);
        }
        Assert.InRange(Math.Sqrt(meanError), 0, 0.25);
        Assert.Equal(expected, found.Average(row => row.LogLikelihood), 0.06);
        Assert.Equal(0.9, covered / 4000.0, 0.03);
        double Width(bool low) => found.Where((_, i) => rows[i].Features[0] < 0 == low).Average(row => row.Upper - row.Lower);
        Assert.Equal(2 * 1.645 * 0.5, Width(true), 0.4);
        Assert.Equal(2 * 1.645 * 1.5, Width(false), 0.8);
    }

    [Theory, InlineData(false), InlineData(true)]
    public void Columns_are_those_of_labels_drawn_from_the_flow(bool mixture)
    {
        RealNvpRegressionTransformer model = mixture ? trained.Mixture : trained.Model;
        LabelledRow[] rows = Labelled.Rows(5, 9);
        Predicted[] found = Predict(model, rows);
        const int Draws = 20_000;
        float[] drawn = [.. model.Flow.Sample(Labelled.Load(_ml, rows), Draws, seed: 3).GetColumn<float[]>("Label").Select(row => row[0])];
        float[] densities = Density(model.Flow, rows);
        for (int i = 0; i < rows.Length; i++)
        {
            float[] labels = drawn[(i * Draws)..((i + 1) * Draws)];
            double deviation = Math.Sqrt(labels.Average(label => Math.Pow(label - labels.Average(), 2)));
            Assert.Equal(labels.Average(), found[i].Score, 0.04 * deviation);
            Assert.Equal(0.5, labels.Count(label => label < found[i].Median) / (double)Draws, 0.015);
            double below = labels.Count(label => label < found[i].Lower) / (double)Draws,
                above = labels.Count(label => label > found[i].Upper) / (double)Draws;
            Assert.Equal(below, above, 0.015); // the same share on both sides
            Assert.InRange(below + above, 0.05, 0.15);
            Assert.Equal(densities[i], found[i].LogLikelihood, 1e-4f * MathF.Max(1, MathF.Abs(densities[i])));
        }
    }

    [Theory, InlineData(1), InlineData(2)]
    public void An_interval_that_reaches_far_beyond_what_training_saw_covers_no_more_than_it_says(int members)
    {
        static LabelledRow[] Far(int count, int seed) => [.. Labelled.Rows(count, seed).Select(row => new LabelledRow
        {
            Label = 40 * row.Label,
            Features = row.Features,
        })];
        using RealNvpRegressionTransformer model = Labelled.Trainer(_ml, 40, options =>
        {
            options.Flow.Members = members;
            options.Flow.Calibration = Labelled.Load(_ml, Far(400, 6));
        }).Fit(Labelled.Load(_ml, Labelled.Rows(300, 5)));
        LabelledRow[] fresh = Far(2000, 7);
        Assert.InRange(fresh.Zip(Predict(model, fresh)).Average(pair
            => pair.First.Label >= pair.Second.Lower && pair.First.Label <= pair.Second.Upper ? 1.0 : 0), 0.85, 0.95);
    }

    [Fact]
    public void MLNET_evaluates_and_explains_what_it_scores()
    {
        IDataView data = Labelled.Load(_ml, Labelled.Rows(2000, 3));
        RegressionMetrics metrics = _ml.Regression.Evaluate(trained.Model.Transform(data));
        Assert.InRange(metrics.RSquared, 0.7, 0.85); // var(mean) = 5 of 6.25
        Assert.InRange(metrics.RootMeanSquaredError, 1.05, 1.3);
        var importance = _ml.Regression.PermutationFeatureImportance(trained.Model, data, permutationCount: 1);
        Assert.Equal(2, importance.Length);
        Assert.True(importance[0].RSquared.Mean < importance[1].RSquared.Mean && importance[1].RSquared.Mean < -0.1);
        var folds = _ml.Regression.CrossValidate(data, Labelled.Trainer(_ml, 30), 2);
        Assert.All(folds, fold => Assert.True(double.IsFinite(fold.Metrics.RootMeanSquaredError)));
    }

    [Fact]
    public void Rows_without_labels_are_scored_and_their_schema_is_what_was_promised()
    {
        LabelledRow[] rows = Labelled.Rows(50, 4);
        rows[3].Label = float.NaN;
        rows[5].Features = [float.NaN, 0];
        IDataView all = Labelled.Load(_ml, rows), without = _ml.Transforms.DropColumns("Label").Fit(all).Transform(all);
        Predicted[] expected = Predict(trained.Model, rows);
        IDataView scored = trained.Model.Transform(without);
        Assert.Equal(expected.Select(row => row.Score), scored.GetColumn<float>("Score"));
        Assert.Equal(expected.Select(row => row.Upper), scored.GetColumn<float>("Upper"));
        Assert.All(scored.GetColumn<float>("LogLikelihood"), value => Assert.True(float.IsNaN(value)));
        Assert.True(float.IsNaN(expected[3].LogLikelihood) && float.IsFinite(expected[3].Score));
        foreach (float value in (float[])[expected[5].Score, expected[5].Median, expected[5].Lower, expected[5].LogLikelihood])
            Assert.True(float.IsNaN(value));

        SchemaShape promised = _ml.Regression.Trainers.RealNvp().GetOutputSchema(MlNetInternals.ShapeOf(all.Schema));
        DataViewSchema found = trained.Model.Transform(all).Schema;
        Assert.Equal(promised.Select(column => column.Name), found.Select(column => column.Name));
        Assert.All(promised.Skip(2), column => Assert.Equal(NumberDataViewType.Single, column.ItemType));
        Assert.Equal("Regression", found["Score"].Annotations.Schema.GetColumnOrNull("ScoreColumnKind") is null ? "" : "Regression");
        float[] labels = [.. trained.Model.Transform(all).GetColumn<float>("Label")]; // read ahead, and given out again
        Assert.Equal(rows.Select(row => row.Label), labels);
    }

    [Fact]
    public void A_prediction_engine_and_a_saved_model_give_the_same_and_graphs_are_exported()
    {
        LabelledRow[] rows = Labelled.Rows(20, 5);
        IDataView data = Labelled.Load(_ml, rows);
        Predicted[] expected = Predict(trained.Mixture, rows);
        string path = Path.GetTempFileName();
        using RealNvpRegressionTransformer wide = trained.Mixture.WithIntervalMass(0.5);
        _ml.Model.Save(wide, data.Schema, path);
        using var loaded = (RealNvpRegressionTransformer)new MLContext().Model.Load(path, out _);
        Assert.Equal((0.5, "Label", "Features"), (loaded.IntervalMass, loaded.LabelColumnName, loaded.FeatureColumnName));
        Assert.Equal(trained.Mixture.CalibrationCount, loaded.CalibrationCount);
        Predicted[] half = Predict(wide, rows), again = Predict(loaded, rows);
        Assert.Equal(half.Select(row => (row.Score, row.Lower, row.Upper)), again.Select(row => (row.Score, row.Lower, row.Upper)));
        Assert.All(half.Zip(expected), pair => Assert.True(pair.First.Lower > pair.Second.Lower && pair.First.Upper < pair.Second.Upper));

        SchemaDefinition schema = SchemaDefinition.Create(typeof(Unlabelled));
        schema["Features"].ColumnType = new VectorDataViewType(NumberDataViewType.Single, 2);
        using PredictionEngine<Unlabelled, Predicted> engine = _ml.Model.CreatePredictionEngine<Unlabelled, Predicted>(trained.Mixture,
            new PredictionEngineOptions { InputSchemaDefinition = schema, OwnsTransformer = false });
        for (int i = 0; i < rows.Length; i++)
        {
            Predicted one = engine.Predict(new() { Features = rows[i].Features });
            Assert.Equal(expected[i].Score, one.Score, 1e-4f);
            Assert.Equal(expected[i].Lower, one.Lower, 1e-3f);
            Assert.True(float.IsNaN(one.LogLikelihood));
        }

        loaded.Flow.ExportDensity(path);
        using (var session = new InferenceSession(path))
            Assert.Equal(["Features", "Condition"], session.InputMetadata.Keys.Take(2));
        ((ITransformer)loaded).FindRealNvp().ExportSampler(path);
        File.Delete(path);
    }

    [Fact]
    public void Several_labels_have_distributions_of_their_own_and_one_density()
    {
        TwiceLabelledRow[] rows = Twice(3000, 1), fresh = Twice(2000, 2);
        using RealNvpRegressionTransformer model = Labelled.Trainer(_ml, 500).Fit(Labelled.Load(_ml, rows));
        IDataView scored = model.Transform(Labelled.Load(_ml, fresh));
        float[][] means = [.. scored.GetColumn<float[]>("Score")], medians = [.. scored.GetColumn<float[]>("Median")],
            lower = [.. scored.GetColumn<float[]>("Lower")], upper = [.. scored.GetColumn<float[]>("Upper")];
        for (int label = 0; label < 2; label++)
        {
            Assert.InRange(Math.Sqrt(fresh.Select((row, i) => Math.Pow(means[i][label] - Expected(row)[label], 2)).Average()), 0, 0.3);
            Assert.InRange(Math.Sqrt(fresh.Select((row, i) => Math.Pow(medians[i][label] - Expected(row)[label], 2)).Average()), 0, 0.3);
            int covered = fresh.Where((row, i) => lower[i][label] <= row.Label[label] && row.Label[label] <= upper[i][label]).Count();
            Assert.Equal(0.9, covered / 2000.0, 0.035);
        }
        // both labels have e in common: sums vary more than differences, which a density of each alone would miss
        double best = fresh.Average(row => LogDensity(row.Label[0] - Expected(row)[0], row.Label[1] - Expected(row)[1]));
        Assert.Equal(best, scored.GetColumn<float>("LogLikelihood").Average(), 0.12);
        Assert.Equal(means[..40], model.Transform(Labelled.Load(_ml, fresh[..40])).GetColumn<float[]>("Score")); // beside any rows

        static TwiceLabelledRow[] Twice(int count, int seed)
        {
            var random = new Random(seed);
            return [.. Enumerable.Range(0, count).Select(_ =>
            {
                (double a, double b, double e) = (Tables.Normal(random), Tables.Normal(random), Tables.Normal(random));
                return new TwiceLabelledRow
                {
                    Features = [(float)a, (float)b],
                    Label = [(float)(a + e + 0.5 * Tables.Normal(random)), (float)(2 * b + e + 0.5 * Tables.Normal(random))],
                };
            })];
        }
        static double[] Expected(TwiceLabelledRow row) => [row.Features[0], 2 * row.Features[1]];
        // covariance [[1.25, 1], [1, 1.25]]
        static double LogDensity(double x, double y)
            => -0.5 * (1.25 * x * x - 2 * x * y + 1.25 * y * y) / 0.5625 - 0.5 * Math.Log(0.5625) - Math.Log(2 * Math.PI);
    }

    private Predicted[] Predict(RealNvpRegressionTransformer model, LabelledRow[] rows)
        => [.. _ml.Data.CreateEnumerable<Predicted>(model.Transform(Labelled.Load(_ml, rows)), reuseRowObject: false)];

    /// <summary>The density of the flow itself, whose labels are vectors.</summary>
    private float[] Density(RealNvpTransformer flow, LabelledRow[] rows)
    {
        IDataView vectors = _ml.Transforms.Concatenate("Label", "Label").Fit(Labelled.Load(_ml, rows)).Transform(Labelled.Load(_ml, rows));
        return [.. flow.Transform(vectors).GetColumn<float>("LogLikelihood")];
    }

    /// <summary>One flow and a mixture over the same rows.</summary>
    public sealed class Trained : IDisposable
    {
        public MLContext Ml { get; } = new(seed: 1);

        public RealNvpRegressionTransformer Model { get; }

        public RealNvpRegressionTransformer Mixture { get; }

        public Trained()
        {
            IDataView rows = Labelled.Load(Ml, Labelled.Rows(4000, 1));
            Model = Labelled.Trainer(Ml, 600).Fit(rows);
            Mixture = Labelled.Trainer(Ml, 150, options => options.Flow.Members = 3).Fit(rows);
        }

        public void Dispose()
        {
            Model.Dispose();
            Mixture.Dispose();
        }
    }

    private sealed class Unlabelled
    {
        public float[] Features { get; set; } = [];
    }
}
