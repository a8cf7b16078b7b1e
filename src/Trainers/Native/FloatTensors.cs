using System.Collections.Immutable;
using System.Runtime.InteropServices;
using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Trainers.Native;

/// <summary>Arrays to tensors of float32 on the CPU, and back.</summary>
internal static class FloatTensors
{
    /// <summary>An array as a tensor.</summary>
    public static Tensor Of(IEnumerable<float> values) => tensor(values.ToArray(), dtype: ScalarType.Float32, device: CPU);

    /// <summary>A tensor of one value: full() makes a Scalar that a finalizer may free during the call.</summary>
    public static Tensor Filled(long[] shape, double value)
    {
        using Scalar held = value.ToScalar();
        return LastingTensor.Of(() => ones(shape, dtype: ScalarType.Float32, device: CPU).mul_(held));
    }

    /// <summary>A tensor's values, flat, for good.</summary>
    public static ImmutableArray<float> Values(Tensor tensor) => ImmutableCollectionsMarshal.AsImmutableArray(Array(tensor));

    /// <summary>A tensor's values as a flat array.</summary>
    public static float[] Array(Tensor tensor)
    {
        if (tensor.device_type == DeviceType.CPU && tensor.dtype == ScalarType.Float32 && tensor.is_contiguous())
        {
            // a training in several processes asks for hundreds in a step
            float[] values = MemoryMarshal.Cast<byte, float>(tensor.bytes).ToArray();
            GC.KeepAlive(tensor); // whose memory it is
            return values;
        }
        using DisposeScope scope = NewDisposeScope();
        Tensor flat = tensor.detach().to(ScalarType.Float32).cpu().flatten().contiguous();
        return flat.data<float>().ToArray();
    }
}
