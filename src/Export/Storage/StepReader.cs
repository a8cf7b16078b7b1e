using System.Collections.Immutable;
using System.Runtime.InteropServices;

namespace RealNvp.ML.Export.Storage;

/// <summary>
/// Gives the named data of one step back, checked: a missing name or a size that does not fit is a <see cref="FlowModelException"/>.
/// </summary>
internal sealed class StepReader(StepMessage message)
{
    public ImmutableArray<float> Tensor(string name) => Values(name, out _);

    /// <summary>A tensor that has no values where it is not written.</summary>
    public ImmutableArray<float> TensorOrEmpty(string name) => message.Tensors.ContainsKey(name) ? Tensor(name) : [];

    public (ImmutableArray<float> Values, int Rows, int Columns) Matrix(string name)
    {
        (ImmutableArray<float> values, int[] dims) = Tensor(name, 2);
        return (values, dims[0], dims[1]);
    }

    public (ImmutableArray<float> Values, int[] Dimensions) Tensor(string name, int rank)
    {
        ImmutableArray<float> values = Values(name, out int[] dims);
        return dims.Length == rank
            ? (values, dims)
            : throw new FlowModelException($"'{name}' has {dims.Length} dimensions, expected {rank}.");
    }

    public ImmutableArray<int> Indices(string name) => [.. Find(message.Indices, name).Values];

    public double Number(string name) => Find(message.Numbers, name);

    public int Count(string name)
    {
        double value = Number(name);
        return value is >= 0 and <= int.MaxValue && value == Math.Floor(value)
            ? (int)value
            : throw new FlowModelException($"'{name}' is {value}, expected a count.");
    }

    /// <summary>A count that is 0 where it is not written.</summary>
    public int CountOrZero(string name) => message.Numbers.ContainsKey(name) ? Count(name) : 0;

    public T Enum<T>(string name) where T : struct, Enum
    {
        string text = Find(message.Texts, name);
        return System.Enum.TryParse(text, out T value) && System.Enum.IsDefined(value)
            ? value
            : throw new FlowModelException($"'{name}' is '{text}', expected one of {string.Join(", ", System.Enum.GetNames<T>())}.");
    }

    private ImmutableArray<float> Values(string name, out int[] dims)
    {
        TensorMessage tensor = Find(message.Tensors, name);
        dims = [.. tensor.Dims];
        long expected = sizeof(float); // bytes; no more are multiplied than there are, so that the product does not wrap
        foreach (int dim in dims)
            expected = dim < 0 ? -1 : expected < 0 || expected > tensor.Values.Length ? expected : expected * dim;
        if (tensor.Values.Length != expected)
        {
            throw new FlowModelException(
                $"'{name}' has {tensor.Values.Length} bytes, which its dimensions {string.Join('x', dims.Take(8))} do not fit.");
        }
        ReadOnlySpan<float> values = MemoryMarshal.Cast<byte, float>(tensor.Values.Span);
        foreach (float value in values)
        {
            if (!float.IsFinite(value))
                throw new FlowModelException($"'{name}' holds {value}, expected finite values.");
        }
        return [.. values];
    }

    private static T Find<T>(Google.Protobuf.Collections.MapField<string, T> map, string name)
        => map.TryGetValue(name, out T? value) ? value : throw new FlowModelException($"'{name}' is missing.");
}
