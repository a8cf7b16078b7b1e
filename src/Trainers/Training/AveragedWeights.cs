using RealNvp.ML.Trainers.Checkpoints;
using RealNvp.ML.Trainers.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Trainers.Training;

/// <summary>
/// An exponential moving average of parameters, kept beside them (Polyak and Juditsky 1992, "Acceleration of stochastic approximation by
/// averaging").
/// </summary>
internal sealed class AveragedWeights : IDisposable
{
    // Constant text, because an error in a script aborts the process: the test of this class is what keeps it right.
    private const string Script = """
        def average(a: List[Tensor], p: List[Tensor], weight: float):
            torch._foreach_lerp_(a, p, weight)

        """;

    private static readonly Lazy<jit.CompilationUnit> s_script = new(() => jit.compile(Script));

    private readonly double _decay;
    private readonly Tensor[] _parameters;
    private readonly Tensor[] _averages;
    private readonly Tensor[] _kept; // the parameters themselves while the averages are in their place
    private long _updates;

    /// <summary>Averages that begin at the parameters.</summary>
    public AveragedWeights(IEnumerable<Tensor> parameters, double decay)
    {
        _decay = decay;
        _parameters = [.. parameters];
        using IDisposable guard = no_grad();
        _averages = Array.ConvertAll(_parameters, LastingTensor.Copy);
        _kept = Array.ConvertAll(_parameters, LastingTensor.Copy);
    }

    /// <summary>After a step: a = d a + (1 - d) p, where d grows to the decay, so that the start is forgotten soon.</summary>
    public void Update()
    {
        using IDisposable guard = no_grad();
        _updates++;
        using Scalar weight = (1 - Math.Min(_decay, (1.0 + _updates) / (10 + _updates))).ToScalar();
        s_script.Value.invoke("average", _averages, _parameters, weight);
    }

    /// <summary>Begins again at the parameters.</summary>
    public void Reset()
    {
        LastingTensor.Assign(_parameters, _averages);
        _updates = 0;
    }

    /// <summary>Puts the averages in the place of the parameters, until what it returns is disposed.</summary>
    public IDisposable Swap()
    {
        LastingTensor.Assign(_parameters, _kept);
        LastingTensor.Assign(_averages, _parameters);
        return new Back(this);
    }

    /// <summary>Records the averages.</summary>
    public void Save(Checkpoint checkpoint)
    {
        checkpoint.Add("average.updates", _updates);
        checkpoint.Add("average", _averages);
    }

    /// <summary>Puts them back.</summary>
    public void Load(Checkpoint checkpoint)
    {
        _updates = checkpoint.Integer("average.updates", 0, long.MaxValue);
        checkpoint.CopyTo("average", _averages);
    }

    public void Dispose()
    {
        foreach (Tensor tensor in _averages.Concat(_kept))
            tensor.Dispose();
    }

    private sealed class Back(AveragedWeights owner) : IDisposable
    {
        public void Dispose() => LastingTensor.Assign(owner._kept, owner._parameters);
    }
}
