using Microsoft.ML.OnnxRuntime;
using RealNvp.ML.Transforms.Onnx;

namespace RealNvp.ML.Bench.Running;

/// <summary>
/// ONNX Runtime as fast as it can be called: tensors of a fixed batch size over memory that is pinned once, nothing allocated per run.
/// Session options are those of the library for a small flow (one thread within a call), so that only what stands around it differs.
/// </summary>
internal sealed class OnnxRun : IDisposable
{
    private readonly InferenceSession _session;
    private readonly RunOptions _options = new();
    private readonly string[] _inputNames;
    private readonly string[] _outputNames;
    private readonly OrtValue[] _inputs;
    private readonly OrtValue[] _outputs;

    /// <summary>Binds a graph to one input and some outputs, each [rows, width].</summary>
    public OnnxRun(byte[] graph, int rows, (string Name, int Width) input, params (string Name, int Width)[] outputs)
        : this(graph, rows, input, threads: 1, outputs) { }

    /// <summary>As the other, with so many threads within a call.</summary>
    public OnnxRun(byte[] graph, int rows, (string Name, int Width) input, int threads, params (string Name, int Width)[] outputs)
    {
        using SessionOptions options = OnnxSession.CreateOptions(threads, spinning: threads != 1); // as its own default is
        _session = new InferenceSession(graph, options);
        Input = GC.AllocateArray<float>(rows * input.Width, pinned: true);
        Outputs = [.. outputs.Select(output => GC.AllocateArray<float>(rows * output.Width, pinned: true))];
        _inputNames = [input.Name];
        _outputNames = [.. outputs.Select(output => output.Name)];
        _inputs = [OrtValue.CreateTensorValueFromMemory(Input, [rows, input.Width])];
        _outputs = [.. outputs.Select((output, i) => OrtValue.CreateTensorValueFromMemory(Outputs[i], [rows, output.Width]))];
    }

    /// <summary>The input, to be filled before a run.</summary>
    public float[] Input { get; }

    /// <summary>The outputs, in the order that the constructor was given.</summary>
    public float[][] Outputs { get; }

    /// <summary>Runs the graph.</summary>
    public void Run() => _session.Run(_options, _inputNames, _inputs, _outputNames, _outputs);

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (OrtValue value in _inputs.Concat(_outputs))
            value.Dispose();
        _options.Dispose();
        _session.Dispose();
    }
}
