using System.Runtime.InteropServices;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace RealNvp.ML.Transforms.Onnx;

/// <summary>
/// A tensor of a graph over our own memory: rows of equal width, or with width 0 a fixed tensor that is no part of the batch.
/// </summary>
internal sealed class OnnxTensor
{
    private readonly long[] _dims;

    private OnnxTensor(string name, int width, int length, long[] dims)
    {
        Name = name;
        Width = width;
        _dims = dims;
        // pinned for good, so that ONNX Runtime reads and writes it in place
        Values = GC.AllocateArray<float>(length, pinned: true);
    }

    /// <summary>The name in the graph.</summary>
    public string Name { get; }

    /// <summary>Values per row; 0 for a fixed tensor.</summary>
    public int Width { get; }

    /// <summary>The memory, [capacity, width].</summary>
    public float[] Values { get; }

    /// <summary>A tensor [capacity, width], of which a batch uses the first rows.</summary>
    public static OnnxTensor Rows(string name, int width, int capacity) => new(name, width, checked(width * capacity), []);

    /// <summary>A tensor [1] that stays as it is.</summary>
    public static OnnxTensor Scalar(string name, float value) => Fixed(name, [value], [1]);

    /// <summary>A tensor of these dimensions that stays as it is.</summary>
    public static OnnxTensor Fixed(string name, float[] values, long[] dims)
    {
        var tensor = new OnnxTensor(name, 0, values.Length, dims);
        values.CopyTo(tensor.Values, 0);
        return tensor;
    }

    /// <summary>The tensor's first rows as ONNX Runtime sees them: no copy.</summary>
    public OrtValue Bind(int rows)
    {
        long[] shape = Width == 0 ? _dims : [rows, Width];
        long bytes = sizeof(float) * (Width == 0 ? Values.LongLength : (long)rows * Width);
        return OrtValue.CreateTensorValueWithData(
            OrtMemoryInfo.DefaultInstance, TensorElementType.Float, shape, Marshal.UnsafeAddrOfPinnedArrayElement(Values, 0), bytes);
    }
}

/// <summary>
/// The tensors of one cursor or row mapper, bound to a session: fill the inputs, run, read the outputs. Nothing is allocated per run of the
/// same size. For one thread at a time.
/// </summary>
internal sealed class OnnxBatch : IDisposable
{
    private readonly OnnxSession _session;
    private readonly OnnxTensor[] _inputs;
    private readonly OnnxTensor[] _outputs;
    private readonly string[] _inputNames;
    private readonly string[] _outputNames;
    private readonly OrtValue[] _inputValues;
    private readonly OrtValue[] _outputValues;
    private readonly RunOptions _options;
    private int _bound;

    /// <summary>Binds tensors to a session, which must outlive this through other owners.</summary>
    public OnnxBatch(OnnxSession session, OnnxTensor[] inputs, OnnxTensor[] outputs)
    {
        _session = session;
        _inputs = inputs;
        _outputs = outputs;
        _inputNames = [.. inputs.Select(tensor => tensor.Name)];
        _outputNames = [.. outputs.Select(tensor => tensor.Name)];
        _inputValues = new OrtValue[inputs.Length];
        _outputValues = new OrtValue[outputs.Length];
        _options = new RunOptions();
    }

    /// <summary>Runs the graph on the first rows of the inputs into the first rows of the outputs.</summary>
    public void Run(int rows)
    {
        if (rows != _bound)
            Rebind(rows);
        _session.Run(_options, _inputNames, _inputValues, _outputNames, _outputValues);
        GC.KeepAlive(this); // and with it the memory behind the bound values
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Unbind();
        _options.Dispose();
    }

    private void Rebind(int rows)
    {
        Unbind();
        for (int i = 0; i < _inputs.Length; i++)
            _inputValues[i] = _inputs[i].Bind(rows);
        for (int i = 0; i < _outputs.Length; i++)
            _outputValues[i] = _outputs[i].Bind(rows);
        _bound = rows;
    }

    private void Unbind()
    {
        _bound = 0;
        foreach (OrtValue? value in _inputValues)
            value?.Dispose();
        foreach (OrtValue? value in _outputValues)
            value?.Dispose();
        Array.Clear(_inputValues);
        Array.Clear(_outputValues);
    }
}
