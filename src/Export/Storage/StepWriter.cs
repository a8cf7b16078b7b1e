using System.Collections.Immutable;
using System.Runtime.InteropServices;
using Google.Protobuf;

namespace RealNvp.ML.Export.Storage;

/// <summary>Collects the named data of one step for the file.</summary>
/// <param name="tag">Names the step's kind.</param>
internal sealed class StepWriter(string tag)
{
    /// <summary>What is there so far.</summary>
    public StepMessage Message { get; } = new() { Kind = tag };

    public void Tensor(string name, ImmutableArray<float> values, params ReadOnlySpan<int> dims)
    {
        var tensor = new TensorMessage { Values = ByteString.CopyFrom(MemoryMarshal.AsBytes(values.AsSpan())) };
        tensor.Dims.AddRange(dims.IsEmpty ? [values.Length] : dims.ToArray());
        Message.Tensors.Add(name, tensor);
    }

    public void Indices(string name, ImmutableArray<int> values)
    {
        var message = new IndexMessage();
        message.Values.AddRange(values);
        Message.Indices.Add(name, message);
    }

    public void Number(string name, double value) => Message.Numbers.Add(name, value);

    public void Text(string name, string value) => Message.Texts.Add(name, value);
}
