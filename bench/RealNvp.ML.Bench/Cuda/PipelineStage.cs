using System.Globalization;
using Microsoft.ML;
using Microsoft.ML.OnnxRuntime;
using RealNvp.ML.Bench.Flows;
using RealNvp.ML.Bench.Reporting;
using RealNvp.ML.Bench.Running;
using RealNvp.ML.Bench.Scoring;
using RealNvp.ML.Export;
using RealNvp.ML.Transforms;
using RealNvp.ML.Transforms.Onnx;

namespace RealNvp.ML.Bench.Cuda;

/// <summary>The library's own pipeline, five outputs read through one cursor: on the GPU of the MLContext, beside the CPU.</summary>
internal static class PipelineStage
{
    private const int Rows = 131072;

    private static readonly int[] s_batches = [FlowRuntime.DefaultBatchSize, 4096, 16384, 65536];

    /// <summary>What is measured, in words.</summary>
    public static string NameOf(BenchmarkFlow flow) => $"pipeline, {flow}";

    /// <summary>Measures, and adds what was found.</summary>
    public static void Run(BenchmarkFlow flow, CudaArguments arguments, BenchmarkContext context, TimeBox box, string figure)
    {
        FlowModel model = flow.Build();
        float[][] rows = flow.Rows(Rows);
        string[] batches = [.. s_batches.Select(batch => batch.ToString(CultureInfo.InvariantCulture))];
        var table = new MarkdownTable([$"{NameOf(flow)}: rows/s by batch", .. batches]);
        double best = 0, baseline = 0;
        string? problem = null;
        foreach (bool onDevice in (bool[])[false, true])
        {
            var ml = new MLContext(seed: 1) { GpuDeviceId = onDevice && arguments.IsCuda ? 0 : null, FallbackToCpu = false };
            IDataView data = Tables.Cached(ml, rows);
            string name = onDevice ? $"RealNvpTransformer.Transform, {arguments.Device}" : "RealNvpTransformer.Transform, the CPU";
            var cells = new List<string> { name };
            try
            {
                foreach (int batch in s_batches)
                {
                    context.Progress.Show($"{NameOf(flow)}: {name}", cells.Count, s_batches.Length + 1);
                    if (box.IsOver)
                        break;
                    using RealNvpTransformer transformer = ml.Transforms.ApplyRealNvp(model, batchSize: batch).Fit(data);
                    IDataView scored = transformer.Transform(data);
                    double rate = TimeBox.Rate(Rows, arguments.SecondsPerRate, () => ScoredReader.Read(scored, Rows));
                    cells.Add(Report.Number(rate));
                    if (onDevice) best = Math.Max(best, rate);
                    else baseline = Math.Max(baseline, rate);
                }
            }
            catch (Exception e) when (e is InvalidOperationException or OnnxRuntimeException)
            {
                problem = $"{name} did not run: {e.Message}";
            }
            table.Add([.. cells, .. Enumerable.Repeat("-", s_batches.Length + 1 - cells.Count)]);
        }
        context.Report.Add(table);
        if (problem is not null)
            context.Report.Add(problem);
        if (best > 0 && baseline > 0)
            context.Report.Add(new Figure(figure, best, "rows/s", baseline, "the pipeline on the CPU", best / baseline));
    }
}
