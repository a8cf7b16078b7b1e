using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Bench.Flows;
using RealNvp.ML.Bench.Reporting;
using RealNvp.ML.Bench.Running;
using RealNvp.ML.Export;
using RealNvp.ML.Transforms;
using RealNvp.ML.Transforms.Noise;
using RealNvp.ML.Transforms.Onnx;

namespace RealNvp.ML.Bench.Sampling;

/// <summary>Rows per second drawn from a flow, noise included, beside ONNX Runtime on noise that was drawn before.</summary>
internal sealed class SamplingBenchmark : Benchmark
{
    private const string Sample = "RealNvpTransformer.Sample, read through";
    private const string OneCore = "the same on one core, RealNvpCores.Max = 1";
    private const string Noise = "GaussianNoise alone";
    private const string Raw = "raw ONNX Runtime, noise drawn before";

    private const int Batch = FlowRuntime.DefaultBatchSize;
    private const int Rows = 400 * Batch;

    /// <inheritdoc/>
    public override string Name => "sampling";

    /// <inheritdoc/>
    public override string Question => "how many rows per second does a flow draw?";

    /// <inheritdoc/>
    public override void Run(BenchmarkContext context)
    {
        context.Report.Add($"""
            Rounds of random order, in batches of {Batch} with the same session options; medians of rates, and medians of the ratios
            within each round.
            The raw run draws no noise: it copies each batch from memory, and runs on one core.
            """);
        Contest standard = Measure(context, BenchmarkFlow.Standard);
        Measure(context, BenchmarkFlow.Large);
        context.Report.Add(new Figure("sampling.vs_raw_ort", standard.Rate(OneCore), "rows/s", standard.Rate(Raw), Raw,
            standard.Ratio(OneCore, Raw)));
        context.Report.Add(new Figure("sampling.all_cores", standard.Rate(Sample), "rows/s", standard.Rate(OneCore), OneCore,
            standard.Ratio(Sample, OneCore)));
    }

    private static Contest Measure(BenchmarkContext context, BenchmarkFlow flow)
    {
        var ml = new MLContext(seed: 1);
        FlowModel model = flow.Build();
        float[] noise = new float[Rows * flow.Features];
        using RealNvpTransformer transformer = ml.Transforms.ApplyRealNvp(model).Fit(Tables.Cached(ml, flow.Rows(1)));
        using var raw = new OnnxRun(model.BuildSamplingGraph(), Batch, ("Latent", flow.Features), ("Features", flow.Features));
        DrawNoise(noise, flow.Features);

        Contest contest = Contest.Run(context.Progress, $"sampling {flow}", context.Arguments.Rounds ?? 51,
            new Contender(Sample, Rows, rows => Read(transformer.Sample(rows, seed: 1))),
            new Contender(OneCore, Rows, rows => Cores.Limited(1, () => Read(transformer.Sample(rows, seed: 1)))),
            new Contender(Raw, Rows, rows => RunRaw(raw, noise.AsSpan(0, rows * flow.Features), flow.Features)),
            new Contender(Noise, Rows, rows => DrawNoise(noise.AsSpan(0, rows * flow.Features), flow.Features)));

        var table = new MarkdownTable(flow.ToString(), "rows/s", "Sample is so many times as fast");
        foreach (string name in new[] { Sample, OneCore, Raw, Noise })
            table.Add(name, Report.Number(contest.Rate(name)), Report.Number(contest.Ratio(Sample, name)));
        context.Report.Add(table);
        return contest;
    }

    private static double Read(IDataView samples)
    {
        using DataViewRowCursor cursor = samples.GetRowCursor(samples.Schema);
        ValueGetter<VBuffer<float>> getter = cursor.GetGetter<VBuffer<float>>(samples.Schema["Features"]);
        VBuffer<float> value = default;
        double sum = 0;
        while (cursor.MoveNext())
        {
            getter(ref value);
            sum += value.GetValues()[0];
        }
        return sum;
    }

    private static double RunRaw(OnnxRun run, ReadOnlySpan<float> noise, int features)
    {
        double sum = 0;
        for (int start = 0; start < noise.Length; start += run.Input.Length)
        {
            noise.Slice(start, run.Input.Length).CopyTo(run.Input);
            run.Run();
            for (int i = 0; i < run.Outputs[0].Length; i += features)
                sum += run.Outputs[0][i];
        }
        return sum;
    }

    private static double DrawNoise(Span<float> noise, int features)
    {
        var generator = new GaussianNoise(seed: 1);
        for (int row = 0; row < noise.Length / features; row++)
            generator.Fill(row, noise.Slice(row * features, features));
        return noise[^1];
    }
}
