using RealNvp.ML.Bench.Flows;
using RealNvp.ML.Bench.Running;

namespace RealNvp.ML.Bench.Cuda;

/// <summary>Rows per second on a GPU, beside its host's CPU and beside the same flow in PyTorch on the same GPU.</summary>
internal sealed class CudaBenchmark : Benchmark
{
    /// <inheritdoc/>
    public override string Name => "cuda";

    /// <inheritdoc/>
    public override string Question => "how many rows per second does a GPU score and draw?";

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, string> Options => CudaArguments.Help;

    /// <inheritdoc/>
    public override void Run(BenchmarkContext context)
    {
        var arguments = new CudaArguments(context.Arguments);
        var box = new TimeBox(arguments.Seconds);
        context.Report.Add("""
            Each rate is from the median time of a call. With device memory rows and results stay on the device; with arrays both are
            copied, as a pipeline does. All compute in float32; the line with TF32, whose matrix products are rounded, says what ONNX
            Runtime's own default would do. Only a log-likelihood is asked for (for sampling, the rows). PyTorch waits for the device after
            each call, as ONNX Runtime does. Results may differ by 1e-4 max(1, |value|, D), for sampling by 1e-4 max(1, |value|); 4,096
            rows are compared, or 64 images.
            """);
        if (!arguments.IsCuda)
            context.Report.Add("A rehearsal on the CPU: where a device is spoken of, it is the CPU.");
        using TorchPeer? peer = Start(arguments, context);
        string prefix = arguments.IsCuda ? "cuda" : "cuda-rehearsal";
        var disagreements = new List<string>();

        int chosen = 0;
        bool Chooses(string name)
        {
            bool chooses = name.Contains(arguments.Only, StringComparison.OrdinalIgnoreCase);
            chosen += chooses ? 1 : 0;
            if (chooses && box.IsOver)
                context.Report.Add($"No time was left for {name}.");
            return chooses && !box.IsOver;
        }

        // what is worth most comes first: the box may be shut on the rest
        Rows(BenchmarkFlow.Standard, sampling: false, "density");
        Rows(BenchmarkFlow.Standard, sampling: true, "sampling");
        if (Chooses(GraphStage.NameOf(ImageFlow.Small)))
            Graph(() => new(ImageFlow.Small, arguments), "images");
        if (Chooses(PipelineStage.NameOf(BenchmarkFlow.Standard)))
            PipelineStage.Run(BenchmarkFlow.Standard, arguments, context, box, $"{prefix}.pipeline.vs_cpu_pipeline");
        context.Save();
        Rows(BenchmarkFlow.Large, sampling: false, null);
        Rows(BenchmarkFlow.Large, sampling: true, null);
        if (chosen == 0)
            throw new BenchmarkFailedException($"No measurement's name holds '{arguments.Only}'.");
        if (disagreements.Count > 0)
            throw new BenchmarkFailedException(string.Join(Environment.NewLine, disagreements));

        void Rows(BenchmarkFlow flow, bool sampling, string? figure)
        {
            if (Chooses(GraphStage.NameOf(flow, sampling)))
                Graph(() => new(flow, sampling, arguments, peer), figure);
        }

        void Graph(Func<GraphStage> build, string? figure)
        {
            GraphStage stage;
            try
            {
                stage = build();
            }
            catch (InvalidOperationException e) // no libtorch, which builds the flow of images
            {
                context.Report.Add(e.Message);
                return;
            }
            stage.Run(context.Progress, box);
            stage.AddTo(context.Report);
            disagreements.AddRange(stage.Disagreements);
            if (figure is not null)
            {
                stage.AddFigure(context.Report, $"{prefix}.{figure}.vs_one_core", GraphStage.OneCore);
                stage.AddFigure(context.Report, $"{prefix}.{figure}.vs_torch", GraphStage.Torch);
                if (figure == "density")
                    stage.AddFigure(context.Report, $"{prefix}.binding_vs_copies", GraphStage.Copies);
            }
            context.Save();
        }
    }

    private static TorchPeer? Start(CudaArguments arguments, BenchmarkContext context)
    {
        context.Progress.Show("starting PyTorch", 0, 1);
        try
        {
            var peer = new TorchPeer(arguments.Python, arguments.Device);
            context.Report.Add($"PyTorch is {peer.Name}.");
            return peer;
        }
        catch (BenchmarkFailedException e)
        {
            context.Report.Add($"PyTorch did not start, so its lines are missing: {e.Message}");
            return null;
        }
    }
}
