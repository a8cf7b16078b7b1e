using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Trainers.Native;

/// <summary>
/// Tensors that are made of others and kept. TorchSharp does not keep a tensor alive during a native call on it: where nothing else holds
/// the one between, <c>a.b().c()</c> may read it after its finalizer freed it, and the process dies. A dispose scope holds what is made
/// in it, so every such chain stands in one; this is the scope of results that stay.
/// </summary>
internal static class LastingTensor
{
    /// <summary>What <paramref name="make"/> yields, outside any scope; what it was made of is freed.</summary>
    public static Tensor Of(Func<Tensor> make)
    {
        using DisposeScope scope = NewDisposeScope();
        return make().DetachFromDisposeScope();
    }

    /// <summary>A copy of the values alone, outside any scope.</summary>
    public static Tensor Copy(Tensor tensor) => Of(() => tensor.detach().clone());

    /// <summary>Copies values into tensors that are there already, one for one.</summary>
    public static void Assign(IReadOnlyList<Tensor> from, IReadOnlyList<Tensor> to)
    {
        using IDisposable guard = no_grad();
        for (int i = 0; i < from.Count; i++)
            to[i].copy_(from[i]);
    }
}
