using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.OnnxRuntime;
using RealNvp.ML.Export;
using RealNvp.ML.Transforms;
using RealNvp.ML.Transforms.MlNet;
using RealNvp.ML.Transforms.Onnx;

namespace RealNvp.ML.Tests.Transforms;

public class RealNvpTransformerTests
{
    private readonly MLContext _ml = new(seed: 1);
    private readonly FlowModel _model = Flows.Random();

    [Fact]
    public void Scores_are_those_of_the_flow()
    {
        IDataView data = _ml.Data.LoadFromEnumerable(FeatureRow.Many(_model, 300));
        using RealNvpTransformer transformer = new(_ml, _model);
        ScoredRow[] rows = ScoredRow.All(_ml, transformer.Transform(data));
        Assert.Equal(300, rows.Length);
        foreach (ScoredRow row in rows)
        {
            row.AssertFits(_model);
            Assert.Equal(row.Score > _model.Calibration.Threshold, row.PredictedLabel);
            Assert.Equal(row.PValue <= (float)_model.Calibration.Contamination, row.PredictedLabel);
        }
        Assert.Contains(rows, row => row.PredictedLabel);
        Assert.Contains(rows, row => !row.PredictedLabel);
    }

    [Theory]
    [InlineData(new[] { float.NaN, 0f, 0f, 0f, 0f })]
    [InlineData(new[] { 0f, 0f, float.PositiveInfinity, 0f, 0f })]
    [InlineData(new[] { 0f, 0f, 0f, 0f, float.NegativeInfinity })]
    public void Row_that_is_not_finite_gets_nan_and_shifts_nothing(float[] bad)
    {
        FeatureRow[] data = FeatureRow.Many(_model, 40);
        data[17].Features = bad;
        using RealNvpTransformer transformer = new RealNvpTransformer(_ml, _model).WithThreshold(float.NegativeInfinity);
        ScoredRow[] rows = ScoredRow.All(_ml, transformer.Transform(_ml.Data.LoadFromEnumerable(data)));
        for (int i = 0; i < rows.Length; i++)
        {
            Assert.Equal(i, rows[i].Id);
            if (i != 17)
                rows[i].AssertFits(_model);
        }
        Assert.True(float.IsNaN(rows[17].Score) && float.IsNaN(rows[17].LogLikelihood) && float.IsNaN(rows[17].PValue));
        Assert.All(rows[17].Latent, value => Assert.True(float.IsNaN(value)));
        Assert.False(rows[17].PredictedLabel);
        Assert.True(rows[16].PredictedLabel);
        using PredictionEngine<FeatureRow, ScoredRow> engine = _ml.Model.CreatePredictionEngine<FeatureRow, ScoredRow>(transformer);
        Assert.True(float.IsNaN(engine.Predict(data[17]).Score));
    }

    [Fact]
    public void Every_finite_row_has_a_finite_score()
    {
        FeatureRow[] data = FeatureRow.Many(_model, 4);
        Array.Fill(data[0].Features, float.MaxValue);
        Array.Fill(data[1].Features, float.MinValue);
        Array.Fill(data[2].Features, float.Epsilon);
        using RealNvpTransformer transformer = new(_ml, _model);
        Assert.All(ScoredRow.All(_ml, transformer.Transform(_ml.Data.LoadFromEnumerable(data))), row
            => Assert.True(float.IsFinite(row.Score)));
    }

    [Fact]
    public void Decisions_equal_those_of_the_exported_graph()
    {
        FeatureRow[] data = FeatureRow.Many(_model, 500);
        string path = Path.GetTempFileName();
        try
        {
            using RealNvpTransformer transformer = new(_ml, _model);
            transformer.ExportDensity(path);
            ScoredRow[] rows = ScoredRow.All(_ml, transformer.Transform(_ml.Data.LoadFromEnumerable(data)));
            using var quiet = new SessionOptions { LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR };
            using var session = new InferenceSession(path, quiet);
            Assert.Equal("64", session.ModelMetadata.CustomMetadataMap["realnvp.parity.probes"]);
            Assert.Contains("realnvp.parity.max_error.LogLikelihood", session.ModelMetadata.CustomMetadataMap.Keys);
            using OrtValue features = OrtValue.CreateTensorValueFromMemory(data.SelectMany(row => row.Features).ToArray(),
                [data.Length, FeatureRow.Size]);
            using var options = new RunOptions();
            using IDisposableReadOnlyCollection<OrtValue> outputs =
                session.Run(options, ["Features"], [features], ["Score", "PredictedLabel", "PValue"]);
            for (int i = 0; i < rows.Length; i++)
            {
                float score = outputs[0].GetTensorDataAsSpan<float>()[i];
                Assert.Equal(rows[i].Score, score, Tolerance.Of(score, FeatureRow.Size));
                Assert.Equal(score > transformer.Threshold, outputs[1].GetTensorDataAsSpan<bool>()[i]);
                Assert.Equal(_model.Calibration.PValue(score), outputs[2].GetTensorDataAsSpan<float>()[i], 1e-6);
            }
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void Threshold_and_contamination_move_the_label_only()
    {
        IDataView data = _ml.Data.LoadFromEnumerable(FeatureRow.Many(_model, 100));
        using RealNvpTransformer transformer = new(_ml, _model);
        ScoredRow[] before = ScoredRow.All(_ml, transformer.Transform(data));
        float median = before.Select(row => row.Score).Order().ElementAt(50);

        using RealNvpTransformer atMedian = transformer.WithThreshold(median);
        ScoredRow[] after = ScoredRow.All(_ml, atMedian.Transform(data));
        Assert.Equal(median, atMedian.Threshold);
        Assert.Equal(before.Select(row => (row.Score, row.PValue)), after.Select(row => (row.Score, row.PValue)));
        Assert.Equal(before.Select(row => row.Score > median), after.Select(row => row.PredictedLabel));

        using RealNvpTransformer quarter = transformer.WithContamination(0.25);
        Assert.Equal(_model.Calibration.ThresholdAt(0.25), quarter.Threshold);
        Assert.Equal(0.25, quarter.Model.Calibration.Contamination);
        Assert.All(ScoredRow.All(_ml, quarter.Transform(data)), row => Assert.Equal(row.PValue <= 0.25f, row.PredictedLabel));
        Assert.Throws<ArgumentOutOfRangeException>(() => transformer.WithThreshold(float.NaN));
        Assert.Throws<ArgumentOutOfRangeException>(() => transformer.WithContamination(1));
    }

    [Fact]
    public void Schema_is_exactly_what_the_estimator_promised()
    {
        IDataView data = _ml.Data.LoadFromEnumerable(FeatureRow.Many(_model, 3));
        RealNvpScoringEstimator estimator = _ml.Transforms.ApplyRealNvp(_model);
        SchemaShape promised = estimator.GetOutputSchema(MlNetInternals.ShapeOf(data.Schema));
        using RealNvpTransformer transformer = estimator.Fit(data);
        Assert.Equal(Describe(promised), Describe(MlNetInternals.ShapeOf(transformer.GetOutputSchema(data.Schema))));
        Assert.Equal(Describe(promised), Describe(MlNetInternals.ShapeOf(transformer.Transform(data).Schema)));

        DataViewSchema schema = transformer.GetOutputSchema(data.Schema);
        Assert.Equal(["Id", "Features", "Score", "PredictedLabel", "LogLikelihood", "PValue", "Typicality", "TypicalityPValue", "Latent"],
            schema.Select(column => column.Name));
        Assert.Equal(new VectorDataViewType(NumberDataViewType.Single, FeatureRow.Size), schema["Latent"].Type);
    }

    [Fact]
    public void The_exported_threshold_is_that_of_the_transformer()
    {
        string path = Path.GetTempFileName();
        try
        {
            using RealNvpTransformer transformer = new(_ml, _model);
            using RealNvpTransformer other = transformer.WithThreshold(-1000);
            other.ExportDensity(path);
            using var session = new Microsoft.ML.OnnxRuntime.InferenceSession(path);
            float[] rows = [.. Flows.Rows(_model, 10, 3).SelectMany(row => row)];
            using var values = Microsoft.ML.OnnxRuntime.OrtValue.CreateTensorValueFromMemory(rows, [10, FeatureRow.Size]);
            using var options = new Microsoft.ML.OnnxRuntime.RunOptions();
            using var results = session.Run(options, ["Features"], [values], ["PredictedLabel"]);
            Assert.All(results[0].GetTensorDataAsSpan<bool>().ToArray(), Assert.True);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void Optional_inputs_are_left_out_where_they_are_not_wanted_and_nothing_else_changes()
    {
        string folder = Directory.CreateTempSubdirectory("realnvp-plain-").FullName;
        try
        {
            using RealNvpTransformer transformer = new RealNvpTransformer(_ml, _model).WithThreshold(3);
            float[][] rows = Flows.Rows(_model, 20, 3);
            AssertSame("density.onnx", "Features", transformer.ExportDensity);
            AssertSame("sampler.onnx", "Latent", transformer.ExportSampler);

            void AssertSame(string name, string input, Action<string, bool> export)
            {
                byte[][] graphs = [.. new[] { true, false }.Select(optional =>
                {
                    string path = Path.Combine(folder, name);
                    export(path, optional);
                    return File.ReadAllBytes(path);
                })];
                using var quiet = new SessionOptions { LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR };
                using var full = new InferenceSession(graphs[0], quiet);
                using var plain = new InferenceSession(graphs[1], quiet);
                Assert.Single(full.OverridableInitializerMetadata);
                Assert.Empty(plain.OverridableInitializerMetadata);
                Assert.Equal([input], plain.InputMetadata.Keys);
                Assert.Equal(full.ModelMetadata.CustomMetadataMap, plain.ModelMetadata.CustomMetadataMap);
                Dictionary<string, float[]> expected = GraphResults.Of(graphs[0], input, rows);
                Dictionary<string, float[]> found = GraphResults.Of(graphs[1], input, rows);
                Assert.Equal(expected.Keys, found.Keys);
                Assert.All(expected, output => Assert.Equal(output.Value, found[output.Key]));
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void The_flow_is_found_in_a_chain_and_missed_where_there_is_none()
    {
        IDataView data = _ml.Data.LoadFromEnumerable(FeatureRow.Many(_model, 3));
        ITransformer chain = _ml.Transforms.CopyColumns("Copy", "Id").Append(_ml.Transforms.ApplyRealNvp(_model))
            .Append(_ml.Transforms.CopyColumns("S", "Score")).Fit(data);
        using RealNvpTransformer found = chain.FindRealNvp();
        Assert.Equal(_model.Calibration.Threshold, found.Threshold);
        Assert.Contains("0 flows", Assert.Throws<ArgumentException>(()
            => _ml.Transforms.CopyColumns("Copy", "Id").Fit(data).FindRealNvp()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_found_does_not_own_the_model()
    {
        IDataView data = _ml.Data.LoadFromEnumerable(FeatureRow.Many(_model, 3));
        using var chain = (TransformerChain<RealNvpTransformer>)_ml.Transforms.CopyColumns("Copy", "Id")
            .Append(_ml.Transforms.ApplyRealNvp(_model)).Fit(data);
        float[] Scores(ITransformer model) => [.. model.Transform(data).GetColumn<float>("Score")];
        float[] expected = Scores(chain);
        RealNvpTransformer found = chain.FindRealNvp();
        Assert.Equal(expected, Scores(found));
        Assert.Equal(chain.LastTransformer.Columns, found.Columns);
        found.Dispose();
        Assert.Throws<ObjectDisposedException>(() => Scores(found));
        Assert.Equal(expected, Scores(chain));

        // and what is not disposed keeps no session from being freed
        found = chain.FindRealNvp();
        OnnxSession session = found.Runtime.Density;
        RealNvpTransformer flagging = found.WithThreshold(float.NegativeInfinity);
        chain.Dispose();
        Assert.Equal(expected, Scores(flagging));
        flagging.Dispose();
        Assert.Throws<ObjectDisposedException>(session.AddReference);
        Assert.Throws<ObjectDisposedException>(() => Scores(found));
    }

    [Fact]
    public void Score_columns_are_annotated_as_by_the_own_detectors_of_mlnet()
    {
        IDataView data = _ml.Data.LoadFromEnumerable(FeatureRow.Many(_model, 30));
        using RealNvpTransformer transformer = new(_ml, _model);
        IDataView theirs = _ml.AnomalyDetection.Trainers.RandomizedPca(rank: 2, ensureZeroMean: false).Fit(data).Transform(data);
        IDataView ours = transformer.Transform(theirs); // after theirs: a set of its own
        foreach (string name in new[] { "Score", "PredictedLabel" })
        {
            DataViewSchema.Annotations expected = theirs.Schema[name].Annotations, found = ours.Schema[name].Annotations;
            foreach (DataViewSchema.Column annotation in expected.Schema.Where(column
                => column.Name.StartsWith("Score", StringComparison.Ordinal)))
            {
                Assert.Equal(annotation.Type, found.Schema[annotation.Name].Type);
                if (annotation.Type == TextDataViewType.Instance)
                    Assert.Equal(Text(expected, annotation.Name), Text(found, annotation.Name));
            }
            uint theirSet = 0, ourSet = 0;
            expected.GetValue("ScoreColumnSetId", ref theirSet);
            found.GetValue("ScoreColumnSetId", ref ourSet);
            Assert.Equal(theirSet + 1, ourSet);
        }
    }

    [Fact]
    public void Wrong_feature_columns_are_refused_by_name()
    {
        using RealNvpTransformer transformer = new(_ml, _model);
        void Refuses<T>(string[] parts) where T : class, new()
        {
            IDataView data = _ml.Data.LoadFromEnumerable(new[] { new T() });
            RealNvpScoringEstimator estimator = _ml.Transforms.ApplyRealNvp(_model);
            string message = Assert.Throws<ArgumentOutOfRangeException>(() => transformer.Transform(data)).Message;
            Assert.All(parts, part => Assert.Contains(part, message, StringComparison.Ordinal));
            Assert.Throws<ArgumentOutOfRangeException>(() => ((ITransformer)transformer).GetRowToRowMapper(data.Schema));
            Assert.Throws<ArgumentOutOfRangeException>(() => estimator.Fit(data));
        }
        Refuses<NoFeatures>(["'Features'", "missing", "Other", "Vector<Single, 5>"]);
        Refuses<DoubleFeatures>(["'Features'", "Double", "ConvertType", "Vector<Single, 5>"]);
        Refuses<ScalarFeatures>(["'Features'", "Single", "Concatenate", "Vector<Single, 5>"]);
        Refuses<VariableFeatures>(["'Features'", "unknown size", "Vector<Single, 5>"]);
        Refuses<SixFeatures>(["'Features'", "6 values", "Vector<Single, 5>"]);

        // an estimator refuses what shapes can tell, before anything is fitted
        Assert.Throws<ArgumentOutOfRangeException>(()
            => _ml.Transforms.CopyColumns("Copy", "Features").Append(_ml.Transforms.ApplyRealNvp(_model))
            .Fit(_ml.Data.LoadFromEnumerable(new[] { new DoubleFeatures() })));
    }

    [Fact]
    public void Images_of_other_sides_are_refused_with_the_sides_of_the_flow()
    {
        FlowModel model = ImageFlows.Random(1, 4, 4, 17, 1), larger = ImageFlows.Random(1, 8, 8, 17, 1);
        using RealNvpTransformer transformer = new(_ml, model);
        string Refused(FlowModel of) => Assert.Throws<ArgumentOutOfRangeException>(()
            => transformer.Transform(ImageRow.View(_ml, of, []))).Message;
        Assert.Contains("is Vector<Single, 1, 8, 8>, of 64 values (ResizeImages changes images to fit the flow, WithImageSize the flow "
            + "to fit images)", Refused(larger), StringComparison.Ordinal);
        Assert.Contains("Expected: Vector<Single, 1, 4, 4>, or its 16 values flat.", Refused(larger), StringComparison.Ordinal);
        // its channels stay what they are
        Assert.DoesNotContain("WithImageSize", Refused(ImageFlows.Random(3, 4, 4, 17, 1)), StringComparison.Ordinal);
    }

    [Fact]
    public void Columns_can_be_renamed_so_that_two_flows_stand_in_one_pipeline()
    {
        FlowModel other = Flows.Random(seed: 5);
        IDataView data = _ml.Data.LoadFromEnumerable(FeatureRow.Many(_model, 20));
        var names = new RealNvpColumns { Score = "Score2", PredictedLabel = "Label2", LogLikelihood = "LL2", PValue = "P2", Latent = "Z2" };
        TransformerChain<RealNvpTransformer> chain = _ml.Transforms.ApplyRealNvp(_model)
            .Append(_ml.Transforms.ApplyRealNvp(other, columns: names))
            .Fit(data);
        using (chain)
        {
            IDataView scored = chain.Transform(data);
            float[] first = [.. scored.GetColumn<float>("Score")], second = [.. scored.GetColumn<float>("Score2")];
            float[][] rows = [.. data.GetColumn<float[]>("Features")];
            for (int i = 0; i < rows.Length; i++)
            {
                Assert.Equal(-Flows.Evaluate(_model, rows[i]).LogLikelihood, first[i], 0.01);
                Assert.Equal(-Flows.Evaluate(other, rows[i]).LogLikelihood, second[i], 0.01);
            }
        }
        Assert.Throws<ArgumentException>(()
            => _ml.Transforms.ApplyRealNvp(_model, columns: new RealNvpColumns { Score = "X", PValue = "X" }));
        Assert.Throws<ArgumentException>(() => _ml.Transforms.ApplyRealNvp(_model, columns: new RealNvpColumns { Score = " " }));
    }

    [Fact]
    public void Disposed_transformer_throws_and_its_siblings_live()
    {
        IDataView data = _ml.Data.LoadFromEnumerable(FeatureRow.Many(_model, 100));
        RealNvpTransformer first = new(_ml, _model), second = first.WithThreshold(0);
        RealNvpSampler sampler = second.CreateSampler();
        IDataView scored = first.Transform(data), samples = first.Sample(10);
        using DataViewRowCursor cursor = scored.GetRowCursor([scored.Schema["Score"]]);
        ValueGetter<float> getter = cursor.GetGetter<float>(scored.Schema["Score"]);
        float score = 0;
        Assert.True(cursor.MoveNext());
        getter(ref score);

        first.Dispose();
        first.Dispose();
        Assert.Throws<ObjectDisposedException>(() => first.Transform(data));
        Assert.Throws<ObjectDisposedException>(() => first.Sample(1));
        Assert.Throws<ObjectDisposedException>(() => first.WithThreshold(1));
        Assert.Throws<ObjectDisposedException>(() => first.CreateSampler());
        Assert.Throws<ObjectDisposedException>(() => first.ExportDensity("never.onnx"));
        Assert.Throws<ObjectDisposedException>(() => scored.GetColumn<float>("Score").Count());
        Assert.Throws<ObjectDisposedException>(() => samples.GetColumn<float[]>("Features").Count());
        Assert.Throws<ObjectDisposedException>(() =>
        {
            while (cursor.MoveNext())
                getter(ref score);
        });
        Assert.Equal(100, second.Transform(data).GetColumn<float>("Score").Count());
        second.Dispose();
        Assert.Equal(100, sampler.Transform(_ml.Data.LoadFromEnumerable(
            Enumerable.Repeat(new LatentRow { Latent = new float[FeatureRow.Size] }, 100))).GetColumn<float[]>("Features").Count());
        sampler.Dispose();
    }

    [Fact]
    public void What_is_refused_leaves_no_hold_on_the_sessions()
    {
        RealNvpTransformer transformer = new(_ml, _model);
        OnnxSession session = transformer.Runtime.Density;
        Assert.Throws<ArgumentOutOfRangeException>(() => transformer.WithThreshold(float.NaN));
        Assert.Throws<ArgumentOutOfRangeException>(() => transformer.WithContamination(1));
        Assert.Throws<ArgumentException>(() => transformer.WithColumns(new RealNvpColumns { Score = "X", PValue = "X" }));
        Assert.Throws<ArgumentException>(() => transformer.WithColumns(new RealNvpColumns { Latent = "" }));
        // the flow is not discrete
        Assert.Throws<ArgumentException>(() => transformer.WithColumns(new RealNvpColumns { BitsPerDimension = "Bits" }));
        Assert.Throws<ArgumentOutOfRangeException>(() => transformer.CreateSampler(temperature: -1));
        Assert.Throws<ArgumentException>(() => transformer.CreateSampler(outputColumnName: " "));
        Assert.Throws<InvalidOperationException>(() => transformer.CreateSampler(asImages: true)); // nor over images
        session.AddReference();
        session.Release();
        transformer.Dispose();
        Assert.Throws<ObjectDisposedException>(session.AddReference);
    }

    [Fact]
    public void Disposing_under_other_threads_is_an_error_for_them_and_no_crash()
    {
        IDataView data = _ml.Data.Cache(_ml.Data.LoadFromEnumerable(FeatureRow.Many(_model, 5000)));
        for (int round = 0; round < 5; round++)
        {
            RealNvpTransformer transformer = new(_ml, _model);
            IDataView scored = transformer.Transform(data);
            Task[] readers = [.. Enumerable.Range(0, 4).Select(_ => Task.Run(() =>
            {
                while (true)
                    scored.GetColumn<float>("Score").Count();
            }))];
            Thread.Sleep(20);
            transformer.Dispose();
            var error = Assert.Throws<AggregateException>(() => Task.WaitAll(readers, TestContext.Current.CancellationToken));
            Assert.All(error.InnerExceptions, inner => Assert.IsType<ObjectDisposedException>(inner));
            Assert.Equal(4, error.InnerExceptions.Count);
        }
    }

    private static string Text(DataViewSchema.Annotations annotations, string name)
    {
        ReadOnlyMemory<char> value = default;
        annotations.GetValue(name, ref value);
        return value.ToString();
    }

    private static string Describe(SchemaShape shape) => string.Join("; ", shape.OrderBy(column => column.Name, StringComparer.Ordinal)
        .Select(column => $"{column.Name}: {column.Kind} {column.ItemType} key={column.IsKey} ({Describe(column.Annotations)})"));

    private sealed class NoFeatures
    {
        public float Other { get; set; }
    }

    private sealed class DoubleFeatures
    {
        [VectorType(5)]
        public double[] Features { get; set; } = new double[5];
    }

    private sealed class ScalarFeatures
    {
        public float Features { get; set; }
    }

    private sealed class VariableFeatures
    {
        public float[] Features { get; set; } = new float[5];
    }

    private sealed class SixFeatures
    {
        [VectorType(6)]
        public float[] Features { get; set; } = new float[6];
    }
}
