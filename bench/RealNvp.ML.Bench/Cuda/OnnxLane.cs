using Microsoft.ML.OnnxRuntime;
using RealNvp.ML.Bench.Running;
using RealNvp.ML.Transforms.Onnx;

namespace RealNvp.ML.Bench.Cuda;

/// <summary>A graph in ONNX Runtime: on arrays of this process, or on memory of the device that its results stay in.</summary>
internal sealed class OnnxLane : ILane
{
    private readonly InferenceSession _session;
    private readonly OnnxTensor _input;
    private readonly OnnxTensor _output;
    private readonly OrtMemoryInfo? _memory;

    /// <summary>Loads the graph.</summary>
    /// <param name="graph">The ONNX bytes.</param>
    /// <param name="options">Provider and threads; disposed here.</param>
    /// <param name="input">The rows.</param>
    /// <param name="output">Takes results.</param>
    /// <param name="memory">Where rows and results lie during the calls; null for arrays of this process.</param>
    public OnnxLane(byte[] graph, SessionOptions options, OnnxTensor input, OnnxTensor output, OrtMemoryInfo? memory = null)
    {
        using (options)
            _session = new InferenceSession(graph, options);
        (_input, _output, _memory) = (input, output, memory);
    }

    /// <inheritdoc/>
    public double Rate(int batch, double seconds)
    {
        using var options = new RunOptions();
        using OrtValue input = _input.Bind(batch);
        if (_memory is not null)
        {
            using OrtIoBinding binding = _session.CreateIoBinding();
            binding.BindInput(_input.Name, input); // copies to the device, once
            binding.SynchronizeBoundInputs();
            binding.BindOutputToDevice(_output.Name, _memory);
            return TimeBox.Rate(batch, seconds, () =>
            {
                _session.RunWithBinding(options, binding);
                binding.SynchronizeBoundOutputs();
            });
        }
        using OrtValue output = _output.Bind(batch);
        string[] inputNames = [_input.Name], outputNames = [_output.Name];
        OrtValue[] inputs = [input], outputs = [output];
        return TimeBox.Rate(batch, seconds, () => _session.Run(options, inputNames, inputs, outputNames, outputs));
    }

    /// <inheritdoc/>
    public float[] Results(int rows)
    {
        using var options = new RunOptions();
        using OrtValue input = _input.Bind(rows), output = _output.Bind(rows);
        Array.Clear(_output.Values);
        if (_memory is not null)
        {
            using OrtIoBinding binding = _session.CreateIoBinding();
            binding.BindInput(_input.Name, input);
            binding.SynchronizeBoundInputs();
            binding.BindOutput(_output.Name, output);
            _session.RunWithBinding(options, binding);
            binding.SynchronizeBoundOutputs();
        }
        else
        {
            _session.Run(options, [_input.Name], [input], [_output.Name], [output]);
        }
        return _output.Values[..(rows * _output.Width)];
    }

    /// <inheritdoc/>
    public void Dispose() => _session.Dispose();
}
