using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.OnnxRuntime;
using RealNvp.ML.Export;
using RealNvp.ML.Tests.Trainers;
using RealNvp.ML.Tests.Transforms;
using RealNvp.ML.Trainers;
using RealNvp.ML.Transforms;
using RealNvp.ML.Transforms.MlNet;

namespace RealNvp.ML.Tests.Conditions;

/// <summary>Flows with a condition in ML.NET's pipelines: columns, samples, files and exports.</summary>
public sealed class ConditionPipelineTests(ConditionPipelineTests.Trained trained) : IClassFixture<ConditionPipelineTests.Trained>
{
    private readonly MLContext _ml = trained.Ml;

    [Fact]
    public void Columns_mean_the_same_given_the_condition()
    {
        ConditionalRow[] rows = Trained.Rows(300, 7);
        rows[5].Condition = [float.NaN, 0];
        rows[6].Condition = [float.PositiveInfinity, 0];
        rows[7].Features = [0, float.NaN];
        IDataView data = Conditional.Load(_ml, rows), scored = trained.Flow.Transform(data);
        float[] found = [.. scored.GetColumn<float>("LogLikelihood")];
        float[] graph = ConditionGraphTests.Run(trained.Flow.Model.BuildDensityGraph(), "Features", [.. rows.Select(row => row.Features)],
            [.. rows.Select(row => row.Condition)])["LogLikelihood"];
        Tolerance.LogLikelihoods([.. graph.Where(float.IsFinite).Select(value => (double)value)], [.. found.Where(float.IsFinite)], 2);
        Assert.Equal([5, 6, 7], Enumerable.Range(0, rows.Length).Where(i => float.IsNaN(found[i])));
        Assert.Equal([.. found.Select(value => -value)], scored.GetColumn<float>("Score"));
        Assert.All(scored.GetColumn<bool>("PredictedLabel").Skip(5).Take(3), Assert.False);
        Assert.Equal(rows.Select(row => row.Condition), scored.GetColumn<float[]>("Condition")); // read ahead, and given out again

        using RealNvpTransformer small = _ml.Transforms.ApplyRealNvp(trained.Flow.Model, batchSize: 7).Fit(data);
        Assert.Equal(found, small.Transform(data).GetColumn<float>("LogLikelihood"));
        Assert.Equal(Conditional.LogLikelihoods(_ml, trained.Flow, rows[250..]), found[250..]);

        SchemaShape promised = _ml.AnomalyDetection.Trainers.RealNvp(conditionColumnName: "Condition")
            .GetOutputSchema(MlNetInternals.ShapeOf(data.Schema));
        Assert.Equal(promised.Select(column => column.Name), scored.Schema.Select(column => column.Name));
        Assert.Equal("Condition", trained.Flow.ConditionColumnName);
    }

    [Fact]
    public void Held_out_rows_are_flagged_as_often_as_asked_for()
    {
        ConditionalRow[] rows = Trained.Rows(4000, 11);
        float[] pValues = [.. trained.Flow.Transform(Conditional.Load(_ml, rows)).GetColumn<float>("PValue")];
        Assert.InRange(pValues.Count(value => value <= 0.1) / 4000.0, 0.06, 0.14);
        // what is usual at one condition is not at another
        ConditionalRow[] moved = [.. rows.Select(row => new ConditionalRow { Features = row.Features,
            Condition = [row.Condition[0] + 2, row.Condition[1]] })];
        Assert.True(trained.Flow.Transform(Conditional.Load(_ml, moved)).GetColumn<bool>("PredictedLabel").Count(label => label) > 3000);
    }

    [Fact]
    public void A_prediction_engine_scores_a_row_with_its_condition()
    {
        ConditionalRow[] rows = Trained.Rows(20, 3);
        float[] expected = Conditional.LogLikelihoods(_ml, trained.Flow, rows);
        SchemaDefinition schema = SchemaDefinition.Create(typeof(ConditionalRow));
        schema["Features"].ColumnType = schema["Condition"].ColumnType = new VectorDataViewType(NumberDataViewType.Single, 2);
        using PredictionEngine<ConditionalRow, Scored> engine = _ml.Model.CreatePredictionEngine<ConditionalRow, Scored>(trained.Flow,
            new PredictionEngineOptions { InputSchemaDefinition = schema, OwnsTransformer = false });
        for (int i = 0; i < rows.Length; i++)
            Assert.Equal(expected[i], engine.Predict(rows[i]).LogLikelihood, Tolerance.Of(expected[i], 2));
    }

    [Fact]
    public void Contributions_sum_to_the_difference_from_the_medians_given_the_condition()
    {
        ConditionalRow[] rows = Trained.Rows(30, 5);
        using RealNvpTransformer flow = trained.Flow.WithColumns(new() { Contributions = "Contributions" });
        float[][] contributions = [.. flow.Transform(Conditional.Load(_ml, rows)).GetColumn<float[]>("Contributions")];
        float[] scores = Conditional.LogLikelihoods(_ml, flow, rows), medians = Conditional.LogLikelihoods(_ml, flow,
            rows.Select(row => new ConditionalRow { Features = [.. flow.Model.Metadata.FeatureMedians], Condition = row.Condition }));
        for (int i = 0; i < rows.Length; i++)
            Assert.Equal(medians[i] - scores[i], contributions[i].Sum(), 1e-3 * Math.Max(1, Math.Abs(scores[i])));
        Assert.True(medians.Distinct().Count() > 20);
    }

    [Fact]
    public void Samples_are_drawn_for_each_row_of_a_view_and_depend_on_its_condition_the_seed_and_their_number()
    {
        IDataView Conditions(params float[] values) => Conditional.Load(_ml, values.Select(value => new ConditionalRow
            { Features = [value, 0], Condition = [value, 1] }));
        IDataView drawn = trained.Flow.Sample(Conditions(0, 1, 2), perRow: 100, seed: 5);
        float[][] rows = [.. drawn.GetColumn<float[]>("Features")], given = [.. drawn.GetColumn<float[]>("Condition")];
        Assert.Equal(300, rows.Length);
        Assert.Equal(300, drawn.GetRowCount());
        Assert.Equal(Enumerable.Range(0, 300).Select(i => (float)(i / 100)), given.Select(row => row[0]));
        Assert.Equal(rows, drawn.GetColumn<float[]>("Features"));
        for (int i = 0; i < 3; i++) // x = 2 c + ...
            Assert.Equal(2 * i, rows[(100 * i)..(100 * i + 100)].Average(row => row[0]), 0.5);

        float[][] Of(IDataView conditions, int perRow, int seed = 5)
            => [.. trained.Flow.Sample(conditions, perRow, seed).GetColumn<float[]>("Features")];
        Assert.Equal(rows[..100], Of(Conditions(0), 100));
        Assert.Equal(rows[..3], Of(Conditions(0, 0, 0), 1)); // number and condition alone
        Assert.NotEqual(rows[..3], Of(Conditions(0, 0, 0), 1, seed: 6));
        DataViewRowCursor[] cursors = drawn.GetRowCursorSet(drawn.Schema, 4);
        Assert.Equal(300, cursors.Sum(cursor =>
        {
            using (cursor)
            {
                int count = 0;
                while (cursor.MoveNext())
                    count++;
                return count;
            }
        }));
        Assert.Throws<ArgumentOutOfRangeException>(() => trained.Flow.Sample(Conditions(0), perRow: 0));
        Assert.Contains("Expected: Vector<Single, 2>", Assert.ThrowsAny<ArgumentException>(() => trained.Flow.Sample(
            Conditional.Load(_ml, [new() { Features = [0, 0], Condition = [1] }]))).Message);
    }

    [Fact]
    public void Sampling_without_conditions_says_what_to_do_unless_they_may_be_unknown()
    {
        Assert.Contains("Sample(conditions, perRow)", Assert.Throws<InvalidOperationException>(() => trained.Flow.Sample(10)).Message);
        float[][] marginal = [.. trained.Dropping.Sample(4000, seed: 1).GetColumn<float[]>("Features")];
        Assert.All(marginal, row => Assert.True(row.All(float.IsFinite)));
        float[] values = [.. Trained.Rows(4000, 1).Select(row => row.Features[0])];
        Assert.Equal(values.Average(), marginal.Average(row => row[0]), 0.25);
        Assert.Contains("Sample(count)", Assert.Throws<InvalidOperationException>(() => new RealNvpTransformer(_ml, Flows.Random())
            .Sample(_ml.Data.LoadFromEnumerable(new[] { new Scored() }))).Message);
    }

    /// <summary>No training row misses a single value: that some are missing is learned from those that lose some.</summary>
    [Fact]
    public void A_condition_of_which_a_part_is_unknown_says_what_the_other_part_says()
    {
        ConditionalRow[] rows = Trained.Rows(1000, 9);
        double LogLikelihood(Func<float[], float[]> condition) => Conditional.LogLikelihoods(_ml, trained.Dropping, rows.Select(row
            => new ConditionalRow { Features = row.Features, Condition = condition(row.Condition) })).Average();
        double known = LogLikelihood(c => c), first = LogLikelihood(c => [c[0], float.NaN]), second = LogLikelihood(c => [float.NaN, c[1]]),
            none = LogLikelihood(_ => [float.NaN, float.NaN]);
        Assert.True(known > first - 0.05, $"{known}, without the second {first}");
        Assert.True(first > none + 0.5, $"{first}, without both {none}"); // which is close to the truth: the first says nearly all
        Assert.InRange(second, none - 0.3, known);
    }

    [Fact]
    public void A_sampler_reads_latents_and_conditions()
    {
        ConditionalRow[] rows = Trained.Rows(50, 2);
        IDataView latents = trained.Flow.Transform(Conditional.Load(_ml, rows));
        using RealNvpSampler sampler = trained.Flow.CreateSampler(outputColumnName: "Back");
        string path = Path.GetTempFileName();
        _ml.Model.Save(sampler, null, path);
        using var loaded = (RealNvpSampler)new MLContext().Model.Load(path, out _);
        File.Delete(path);
        foreach (RealNvpSampler one in new[] { sampler, loaded })
        {
            Assert.Equal("Condition", one.ConditionColumnName);
            float[][] back = [.. one.Transform(latents).GetColumn<float[]>("Back")];
            for (int i = 0; i < rows.Length; i++)
                Assert.Equal(rows[i].Features[0], back[i][0], 1e-2);
        }
    }

    [Fact]
    public void Saved_pipelines_keep_the_columns_and_graphs_are_exported()
    {
        string path = Path.GetTempFileName();
        ConditionalRow[] rows = Trained.Rows(40, 4);
        IDataView data = Conditional.Load(_ml, rows, "Hour");
        using RealNvpTransformer renamed = _ml.Transforms.ApplyRealNvp(trained.Dropping.Model, conditionColumnName: "Hour").Fit(data);
        _ml.Model.Save(renamed, data.Schema, path);
        using var loaded = (IDisposable)_ml.Model.Load(path, out _);
        Assert.Equal("Hour", ((ITransformer)loaded).FindRealNvp().ConditionColumnName);
        Assert.Equal(renamed.Transform(data).GetColumn<float>("Score"), ((ITransformer)loaded).Transform(data).GetColumn<float>("Score"));
        RealNvpTransformer flow = ((ITransformer)loaded).FindRealNvp();
        Assert.Equal(ProbeSet.StandardCount * 2, flow.Model.Probes.Conditions.Length);
        Assert.Contains(flow.Model.Probes.Conditions, float.IsNaN);
        flow.ExportDensity(path);
        using (var session = new InferenceSession(path))
            Assert.Equal("64", session.ModelMetadata.CustomMetadataMap["realnvp.parity.probes"]);
        flow.ExportSampler(path);
        File.Delete(path);
    }

    [Fact]
    public void Bits_per_dimension_are_those_given_the_conditions()
    {
        var random = new Random(1);
        ConditionalRow[] rows = [.. Enumerable.Range(0, 600).Select(i => new ConditionalRow
            { Features = [i % 4 + random.Next(2), random.Next(3)], Condition = [i % 4] })];
        using RealNvpTransformer flow = Conditional.Fit(_ml, rows, 400, options =>
        {
            options.Columns = new() { BitsPerDimension = "Bits" };
            options.Table = options.Table with { Dequantize = true };
        });
        double given = flow.BitsPerDimension(Conditional.Load(_ml, rows)).Mean;
        double shifted = flow.BitsPerDimension(Conditional.Load(_ml, rows.Select(row => new ConditionalRow
            { Features = row.Features, Condition = [3 - row.Condition[0]] }))).Mean;
        Assert.InRange(given, (1 + Math.Log2(3)) / 2 - 0.1, 2); // the entropy is its floor
        Assert.True(shifted > given + 1);
        rows[3].Condition = [float.NaN];
        var error = Assert.Throws<ArgumentException>(() => flow.BitsPerDimension(Conditional.Load(_ml, rows)));
        Assert.Contains("1 of 600 rows", error.Message);
    }

    /// <summary>Two flows over the same rows: x = (2 c + e, d + f) given (c, d).</summary>
    public sealed class Trained : IDisposable
    {
        public MLContext Ml { get; } = new(seed: 1);

        public RealNvpTransformer Flow { get; }

        /// <summary>The one whose condition may be unknown.</summary>
        public RealNvpTransformer Dropping { get; }

        public Trained()
        {
            Flow = Conditional.Fit(Ml, Rows(3000, 1), 600, options => options.Contamination = 0.1);
            Dropping = Conditional.Fit(Ml, Rows(3000, 1), 600, options => options.ConditionDropout = 0.3);
        }

        internal static ConditionalRow[] Rows(int count, int seed)
        {
            var random = new Random(seed);
            return [.. Enumerable.Range(0, count).Select(_ =>
            {
                double c = 1 + Tables.Normal(random), d = random.Next(2);
                return new ConditionalRow { Features = [(float)(2 * c + 0.5 * Tables.Normal(random)), (float)(d + Tables.Normal(random))],
                    Condition = [(float)c, (float)d] };
            })];
        }

        public void Dispose()
        {
            Flow.Dispose();
            Dropping.Dispose();
        }
    }

    private sealed class Scored
    {
        public float LogLikelihood { get; set; }
    }
}
