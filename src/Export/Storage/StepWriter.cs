using System.Collections.Immutable;
using System.Runtime.InteropServices;
using Google.Protobuf;
using RealNvp.ML.Export.Steps;

namespace RealNvp.ML.Export.Storage;

/// <summary>Collects the named data of one step for the file.</summary>
internal sealed class StepWriter
{
    private readonly StepMessage _message;

    private StepWriter(string kind) => _message = new StepMessage { Kind = kind };

    public static StepMessage Write(FlowStep step)
    {
        var writer = new StepWriter(step.Kind);
        step.Write(writer);
        return writer._message;
    }

    public void Tensor(string name, ImmutableArray<float> values, params ReadOnlySpan<int> dims)
    {
        var tensor = new TensorMessage { Values = ByteString.CopyFrom(MemoryMarshal.AsBytes(values.AsSpan())) };
        tensor.Dims.AddRange(dims.IsEmpty ? [values.Length] : dims.ToArray());
        _message.Tensors.Add(name, tensor);
    }

    public void Indices(string name, ImmutableArray<int> values)
    {
        var message = new IndexMessage();
        message.Values.AddRange(values);
        _message.Indices.Add(name, message);
    }

    public void Number(string name, double value) => _message.Numbers.Add(name, value);

    public void Text(string name, string value) => _message.Texts.Add(name, value);
}
