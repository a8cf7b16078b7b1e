using RealNvp.ML.Trainers.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Trainers.Flows.Nets;

/// <summary>
/// Weight normalisation (Salimans and Kingma 2016): w = g * v / ||v||, the norm taken over everything but the first axis, the outputs. With
/// a learned gain g per output, or with every output's weights fixed to the norm 1. TorchSharp has none; TorchScript reaches libtorch's
/// fused kernel.
/// </summary>
internal sealed class WeightNorm : nn.Module
{
    // Constant text, because an error in a script aborts the process: the test of this class is what keeps it right.
    private const string Script = """
        def weight(v: Tensor, g: Tensor) -> Tensor:
            return torch._weight_norm(v, g, 0)

        """;

    private static readonly Lazy<jit.CompilationUnit> s_script = new(() => jit.compile(Script));

    private readonly TorchSharp.Modules.Parameter direction;
    private readonly TorchSharp.Modules.Parameter? gain;
    private readonly Tensor? unit;

    /// <summary>Fresh weights.</summary>
    /// <param name="shape">[outputs, ...].</param>
    /// <param name="learnedGain">The gain's start, or null for the fixed norm 1.</param>
    /// <param name="weights">Draws the directions, on the CPU.</param>
    /// <param name="bound">Directions are uniform up to this either way; null for standard normal ones. With the norm taken out it is the
    /// size of an optimizer's first steps beside them.</param>
    public WeightNorm(long[] shape, double? learnedGain, Generator weights, double? bound = null) : base(nameof(WeightNorm))
    {
        long[] perOutput = [shape[0], .. shape.Skip(1).Select(_ => 1L)];
        direction = new TorchSharp.Modules.Parameter(bound is { } most
            ? empty(shape, dtype: ScalarType.Float32, device: CPU).uniform_(-most, most, weights)
            : randn(shape, dtype: ScalarType.Float32, device: CPU, generator: weights));
        if (learnedGain is { } start) gain = new TorchSharp.Modules.Parameter(FloatTensors.Filled(perOutput, start));
        else unit = ones(perOutput, dtype: ScalarType.Float32, device: CPU);
        RegisterComponents();
    }

    /// <summary>The learned gains, [outputs, 1, ...]; none where the norm is fixed.</summary>
    public IEnumerable<TorchSharp.Modules.Parameter> Gains => gain is null ? [] : [gain];

    /// <summary>w, in the shape of v.</summary>
    public Tensor Weight() => (Tensor)s_script.Value.invoke("weight", direction, gain ?? unit!);
}
