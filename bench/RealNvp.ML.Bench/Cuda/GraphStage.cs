using System.Diagnostics;
using Microsoft.ML.OnnxRuntime;
using RealNvp.ML.Bench.Flows;
using RealNvp.ML.Bench.Reporting;
using RealNvp.ML.Bench.Running;
using RealNvp.ML.Export;
using RealNvp.ML.Transforms.Noise;
using RealNvp.ML.Transforms.Onnx;

namespace RealNvp.ML.Bench.Cuda;

/// <summary>One graph of one flow on all lanes: rows per second by batch size, and whether all lanes compute the same.</summary>
internal sealed class GraphStage
{
    public const string Bound = "ONNX Runtime, device memory", Copies = "ONNX Runtime, arrays", Tf32 = "ONNX Runtime, device memory, TF32";
    public const string Searched = "ONNX Runtime, device memory, every way of a convolution tried";
    public const string OneCore = "ONNX Runtime on one CPU core", AllCores = "ONNX Runtime on all CPU cores", Torch = "PyTorch, eager";

    private static readonly int[] s_ofRows = [256, 1024, 4096, 16384, 65536], s_ofImages = [16, 64, 256, 1024];

    private readonly string _name, _what;
    private readonly bool _sampling;
    private readonly CudaArguments _arguments;
    private readonly TorchPeer? _peer;
    private readonly FlowModel _model;
    private readonly OnnxTensor _input, _output;
    private readonly int[] _batches;
    private readonly int _compared, _least, _largestOnCpu;
    private readonly Dictionary<string, Dictionary<int, double>> _rates = [];
    private readonly List<string> _problems = [];
    private readonly MarkdownTable _parity =
        new("Against one CPU core", "largest difference", "of what is allowed", "s from the graph to the first results");

    /// <summary>Of a table's flow: builds the graph and its rows.</summary>
    public GraphStage(BenchmarkFlow flow, bool sampling, CudaArguments arguments, TorchPeer? peer)
    {
        (_name, _what) = (NameOf(flow, sampling), "rows");
        (_sampling, _arguments, _peer) = (sampling, arguments, peer);
        (_batches, _compared, _least, _largestOnCpu) = (s_ofRows, 4096, sampling ? 1 : flow.Features, int.MaxValue);
        _model = flow.Build();
        int most = _batches[^1];
        _input = OnnxTensor.Rows(sampling ? "Latent" : "Features", flow.Features, most);
        _output = OnnxTensor.Rows(sampling ? "Features" : "LogLikelihood", sampling ? flow.Features : 1, most);
        if (sampling)
        {
            var noise = new GaussianNoise(seed: 1);
            for (int row = 0; row < most; row++)
                noise.Fill(row, _input.Values.AsSpan(row * flow.Features, flow.Features));
        }
        else
        {
            float[][] rows = flow.Rows(most);
            for (int row = 0; row < most; row++)
                rows[row].CopyTo(_input.Values.AsSpan(row * flow.Features));
        }
    }

    /// <summary>Of an image flow, whose large batches a CPU is not asked for: they take it seconds and are no faster.</summary>
    public GraphStage(ImageFlow flow, CudaArguments arguments)
    {
        (_name, _what) = (NameOf(flow), "images");
        _arguments = arguments;
        (_batches, _compared, _least, _largestOnCpu) = (s_ofImages, 64, flow.Pixels, 64);
        _model = flow.Build();
        int most = _batches[^1];
        _input = OnnxTensor.Rows("Features", flow.Pixels, most);
        _output = OnnxTensor.Rows("LogLikelihood", 1, most);
        flow.Fill(_input.Values);
    }

    /// <summary>What is measured of a table's flow, in words.</summary>
    public static string NameOf(BenchmarkFlow flow, bool sampling) => $"{(sampling ? "sampling" : "density")}, {flow}";

    /// <summary>What is measured of an image flow, in words.</summary>
    public static string NameOf(ImageFlow flow) => $"density, {flow}";

    /// <summary>Where lanes disagree by more than they may, as sentences.</summary>
    public List<string> Disagreements { get; } = [];

    /// <summary>Measures lane by lane, what is worth most first, until the time is over.</summary>
    public void Run(Progress progress, TimeBox box)
    {
        byte[] graph = _sampling ? _model.BuildSamplingGraph() : _model.BuildDensityGraph(DensityOutputs.Latent);
        (string Name, Func<ILane> Create)[] lanes =
        [
            (OneCore, () => new OnnxLane(graph, OnnxSession.CreateOptions(threads: 1), _input, _output)),
            (Bound, () => new OnnxLane(graph, DeviceOptions(tf32: false), _input, _output, DeviceMemory())),
            .. _peer is null ? None : [(Torch, () => new TorchLane(_peer, _model, _sampling, _input.Values))],
            (Copies, () => new OnnxLane(graph, DeviceOptions(tf32: false), _input, _output)),
            (AllCores, () => new OnnxLane(graph, AllCoresOptions(), _input, _output)),
            .. _arguments.IsCuda ? [(Tf32, () => new OnnxLane(graph, DeviceOptions(tf32: true), _input, _output, DeviceMemory()))] : None,
            .. !_arguments.IsCuda || !_model.InputShape.IsImage ? None
                : [(Searched, () => new OnnxLane(graph, DeviceOptions(tf32: false, searches: true), _input, _output, DeviceMemory()))],
        ];
        float[]? expected = null;
        for (int i = 0; i < lanes.Length && !box.IsOver; i++)
        {
            (string name, Func<ILane> create) = lanes[i];
            progress.Show($"{_name}: {name}", i, lanes.Length);
            try
            {
                long start = Stopwatch.GetTimestamp();
                using ILane lane = create();
                float[] results = lane.Results(_compared);
                expected ??= results;
                if (!ReferenceEquals(expected, results))
                    Compare(name, expected, results, Stopwatch.GetElapsedTime(start));
                foreach (int batch in _batches)
                {
                    if (box.IsOver || (batch > _largestOnCpu && (!_arguments.IsCuda || name is OneCore or AllCores)))
                        break;
                    double rate = lane.Rate(batch, _arguments.SecondsPerRate);
                    if (!_rates.TryGetValue(name, out Dictionary<int, double>? rates))
                        _rates[name] = rates = [];
                    rates[batch] = rate;
                }
            }
            catch (OnnxRuntimeException e)
            {
                _problems.Add($"{name} did not run: {ExecutionProvider.Reason(e.Message)}.");
            }
            catch (BenchmarkFailedException e)
            {
                _problems.Add($"{name} did not run: {e.Message}");
            }
        }
    }

    /// <summary>Adds what was found.</summary>
    public void AddTo(Report report)
    {
        var table = new MarkdownTable([$"{_name}: {_what}/s by batch", .. _batches.Select(batch => $"{batch}")]);
        foreach (string name in (string[])[Bound, Searched, Copies, Tf32, Torch, AllCores, OneCore])
        {
            if (_rates.TryGetValue(name, out Dictionary<int, double>? rates))
                table.Add([name, .. _batches.Select(batch => rates.TryGetValue(batch, out double rate) ? Report.Number(rate) : "-")]);
        }
        report.Add(table);
        report.Add(_parity);
        foreach (string sentence in _problems.Concat(Disagreements))
            report.Add(sentence);
    }

    /// <summary>A figure from the best rates of two lanes, if both were measured.</summary>
    public void AddFigure(Report report, string name, string baseline)
    {
        if (Best(Bound) is { } value && Best(baseline) is { } other)
            report.Add(new Figure(name, value, $"{_what}/s", other, baseline, value / other));
    }

    private static (string, Func<ILane>)[] None => [];

    private double? Best(string lane) => _rates.TryGetValue(lane, out Dictionary<int, double>? rates) ? rates.Values.Max() : null;

    private void Compare(string name, float[] expected, float[] results, TimeSpan time)
    {
        Parity parity = Parity.Between(expected, results, _least);
        _parity.Add(name, parity.Largest.ToString("G3"), parity.Share.ToString("F3"), time.TotalSeconds.ToString("F2"));
        if (!(parity.Share <= 1) && name != Tf32)
            Disagreements.Add($"{_name}: {name} differs from one CPU core by up to {parity.Largest:G3}, which is too much.");
    }

    private SessionOptions DeviceOptions(bool tf32, bool searches = false)
    {
        SessionOptions options = OnnxSession.CreateOptions(threads: 1);
        if (_arguments.IsCuda)
            ExecutionProvider.AppendCuda(options, device: 0, useTf32: tf32, searches);
        return options;
    }

    private OrtMemoryInfo DeviceMemory() => _arguments.IsCuda
        ? new OrtMemoryInfo("Cuda", OrtAllocatorType.DeviceAllocator, 0, OrtMemType.Default)
        : OrtMemoryInfo.DefaultInstance;

    /// <summary>ONNX Runtime's own defaults, whose threads spin between calls: as fast as it goes on a machine of its own.</summary>
    private static SessionOptions AllCoresOptions() => new() { LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR };
}
