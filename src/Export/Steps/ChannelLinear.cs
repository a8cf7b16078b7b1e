using System.Collections.Immutable;
using RealNvp.ML.Export.Onnx;
using RealNvp.ML.Export.Storage;

namespace RealNvp.ML.Export.Steps;

/// <summary>
/// An invertible linear map of the channels, the same at all positions (the 1x1 convolution of Kingma and Dhariwal 2018, section 3.2), [N,
/// C, H, W]: y = W x at each position, log|det| = H W log|det W|, x = W^-1 y. Learned, or fixed as what whitens the channels or turns them.
/// </summary>
public sealed class ChannelLinear : FlowStep
{
    private readonly InvertibleLinear _map;

    /// <summary>A linear map.</summary>
    /// <param name="channels">C.</param>
    /// <param name="matrix">W, [C, C] row-major, invertible.</param>
    public ChannelLinear(int channels, ImmutableArray<float> matrix) : this(new InvertibleLinear(channels, matrix)) { }

    /// <summary>The map of vectors at each position.</summary>
    internal ChannelLinear(InvertibleLinear map) => _map = map;

    /// <summary>C.</summary>
    public int Channels => _map.Features;

    /// <summary>W, [Channels, Channels] row-major.</summary>
    public ImmutableArray<float> Matrix => _map.Matrix;

    /// <summary>W^-1, [Channels, Channels] row-major.</summary>
    public ImmutableArray<float> Inverse => _map.Inverse;

    /// <summary>log|det W|.</summary>
    public double LogAbsDet => _map.LogAbsDet;

    /// <inheritdoc/>
    public override FlowShape OutputShape(FlowShape input) => RequireImage(input, Channels);

    /// <inheritdoc/>
    public override string Describe() => $"{Channels} channels, log|det| {LogAbsDet:G3}";

    internal override void EmitDensity(DensityState state)
    {
        Emit(state, Matrix);
        state.AddImageConstantLogDet(LogAbsDet);
    }

    internal override void EmitSampling(FlowState state) => Emit(state, Inverse);

    internal override void Save(StepWriter writer) => _map.Save(writer);

    internal static ChannelLinear Load(StepReader reader) => new(InvertibleLinear.Load(reader));

    private void Emit(FlowState state, ImmutableArray<float> matrix) => state.Image.Replace(state.Nodes.Node("Conv",
        [state.Image.Tensor, state.Nodes.Constant(matrix.AsSpan(), Channels, Channels, 1, 1)], [("kernel_shape", new[] { 1L, 1L })]));
}
