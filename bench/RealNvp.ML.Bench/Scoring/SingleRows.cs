using System.Diagnostics;
using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Bench.Flows;
using RealNvp.ML.Bench.Reporting;
using RealNvp.ML.Bench.Running;
using RealNvp.ML.Export;

namespace RealNvp.ML.Bench.Scoring;

/// <summary>One row at a time, a PredictionEngine beside ONNX Runtime in batches of one; and the time to the first score.</summary>
internal static class SingleRows
{
    private const string Engine = "PredictionEngine, all 5 outputs";
    private const string Raw = "raw ONNX Runtime in batches of one";
    private const int Count = 5_000;

    /// <summary>Rows per second, one at a time.</summary>
    public static void Measure(BenchmarkContext context)
    {
        BenchmarkFlow flow = BenchmarkFlow.Standard;
        var ml = new MLContext(seed: 1);
        FlowModel model = flow.Build();
        float[][] rows = flow.Rows(Count);
        ITransformer loaded = new Saved(ml, flow, model).Load();
        using var engine = ml.Model.CreatePredictionEngine<Row, Scored>(loaded, new PredictionEngineOptions
        {
            InputSchemaDefinition = Row.Schema(flow),
        });
        using var raw = new OnnxRun(model.BuildDensityGraph(DensityOutputs.Latent), 1, ("Features", flow.Features), ("LogLikelihood", 1),
            ("Latent", flow.Features));
        var input = new Row();
        var output = new Scored();
        Contest contest = Contest.Run(context.Progress, "single rows", context.Arguments.Rounds ?? 51,
            new Contender(Engine, Count, count =>
            {
                double sum = 0;
                for (int row = 0; row < count; row++)
                {
                    input.Features = rows[row];
                    engine.Predict(input, ref output);
                    sum += output.Score + output.Latent[0];
                }
                return sum;
            }),
            new Contender(Raw, Count, count =>
            {
                double sum = 0;
                for (int row = 0; row < count; row++)
                {
                    rows[row].CopyTo(raw.Input, 0);
                    raw.Run();
                    sum += raw.Outputs[0][0] + raw.Outputs[1][0];
                }
                return sum;
            }));
        var table = new MarkdownTable($"{flow}, one row at a time", "rows/s", "the engine is so many times as fast");
        foreach (string name in new[] { Engine, Raw })
            table.Add(name, Report.Number(contest.Rate(name)), Report.Number(contest.Ratio(Engine, name)));
        context.Report.Add(table);
        context.Report.Add(new Figure(
            "scoring.single_vs_raw_ort", contest.Rate(Engine), "rows/s", contest.Rate(Raw), Raw, contest.Ratio(Engine, Raw)));
    }

    /// <summary>Milliseconds from a saved model to its first score: in a process that has scored nothing before, and again.</summary>
    public static void FirstScore(BenchmarkContext context)
    {
        BenchmarkFlow flow = BenchmarkFlow.Standard;
        var ml = new MLContext(seed: 1);
        FlowModel model = flow.Build();
        var saved = new Saved(ml, flow, model);
        Row row = new() { Features = flow.Rows(1)[0] };
        double Once()
        {
            long start = Stopwatch.GetTimestamp();
            ITransformer loaded = saved.Load();
            using var engine = ml.Model.CreatePredictionEngine<Row, Scored>(
                loaded, new PredictionEngineOptions { InputSchemaDefinition = Row.Schema(flow) });
            engine.Predict(row);
            return Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        }
        double OnceRaw()
        {
            long start = Stopwatch.GetTimestamp();
            using var raw = new OnnxRun(model.BuildDensityGraph(DensityOutputs.Latent), 1, ("Features", flow.Features),
                ("LogLikelihood", 1), ("Latent", flow.Features));
            raw.Run();
            return Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        }
        double first = Once();
        OnceRaw();
        int rounds = context.Arguments.Rounds ?? 21;
        (double Ours, double Raw)[] times = [.. Enumerable.Range(0, rounds).Select(_ => (Once(), OnceRaw()))];
        double again = Contest.Median([.. times.Select(time => time.Ours)]), theirs = Contest.Median([.. times.Select(time => time.Raw)]);
        var table = new MarkdownTable("from Model.Load to the first score", "milliseconds");
        table.Add("the first time in a process, ML.NET and ONNX Runtime included", Report.Number(first));
        table.Add("again", Report.Number(again));
        table.Add("raw ONNX Runtime: graph, session and one run", Report.Number(theirs));
        context.Report.Add(table);
        context.Report.Add(new Figure("scoring.first_score", again, "ms", theirs, "raw ONNX Runtime: graph, session and one run",
            theirs / again));
    }

    private sealed class Saved
    {
        private readonly MLContext _ml;
        private readonly byte[] _zip;

        public Saved(MLContext ml, BenchmarkFlow flow, FlowModel model)
        {
            _ml = ml;
            IDataView data = Tables.Cached(ml, flow.Rows(1));
            using var transformer = ml.Transforms.ApplyRealNvp(model).Fit(data);
            using var stream = new MemoryStream();
            ml.Model.Save(transformer, data.Schema, stream);
            _zip = stream.ToArray();
        }

        public ITransformer Load() => _ml.Model.Load(new MemoryStream(_zip), out _);
    }

    private sealed class Row
    {
        public float[] Features { get; set; } = [];

        public static SchemaDefinition Schema(BenchmarkFlow flow)
        {
            SchemaDefinition schema = SchemaDefinition.Create(typeof(Row));
            schema[nameof(Features)].ColumnType = new VectorDataViewType(NumberDataViewType.Single, flow.Features);
            return schema;
        }
    }

    private sealed class Scored
    {
        public float Score { get; set; }

        public bool PredictedLabel { get; set; }

        public float LogLikelihood { get; set; }

        public float PValue { get; set; }

        public float[] Latent { get; set; } = [];
    }
}
