using RealNvp.ML.Export.Steps;
using RealNvp.ML.Trainers.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Trainers.Flows.Steps.Maps;

/// <summary>
/// An invertible linear map of the channels, the same at all positions, [N, C, H, W]: learned, as of vectors at each position, or fixed.
/// </summary>
internal sealed class ChannelLinearModule : FlowStepModule
{
    private readonly InvertibleLinearModule? learned;
    private readonly Tensor? fixedMatrix; // [C, C]
    private readonly double _logAbsDet; // of it

    /// <summary>A learned map, the identity at the start.</summary>
    public ChannelLinearModule(int channels) : base(nameof(ChannelLinearModule))
    {
        learned = new InvertibleLinearModule(channels);
        RegisterComponents();
    }

    /// <summary>A fixed map.</summary>
    /// <param name="matrix">W, C x C values, invertible.</param>
    public ChannelLinearModule(Tensor matrix) : base(nameof(ChannelLinearModule))
    {
        long channels = (long)Math.Sqrt(matrix.numel());
        fixedMatrix = LastingTensor.Of(() => matrix.to(ScalarType.Float32).reshape(channels, channels).clone());
        using DisposeScope scope = NewDisposeScope();
        (_, Tensor logAbsDet) = linalg.slogdet(fixedMatrix.to(ScalarType.Float64)); // of the numbers as they are rounded
        _logAbsDet = logAbsDet.item<double>();
        RegisterComponents();
    }

    /// <summary>A fixed random rotation.</summary>
    /// <param name="channels">C.</param>
    /// <param name="rotation">Draws it, on the CPU.</param>
    public static ChannelLinearModule Rotation(int channels, Generator rotation)
    {
        using DisposeScope scope = NewDisposeScope();
        return new(linalg.qr(randn([channels, channels], dtype: ScalarType.Float64, device: CPU, generator: rotation)).Q);
    }

    public override (Tensor Output, Tensor LogDet) forward(Tensor x, Tensor? condition = null)
    {
        double positions = (double)x.shape[2] * x.shape[3];
        using Scalar times = (fixedMatrix is null ? positions : positions * _logAbsDet).ToScalar();
        if (fixedMatrix is not null) // a number that was copied to a GPU would wait for what runs there
            return (Apply(x, fixedMatrix), zeros([], dtype: x.dtype, device: x.device).Plus(times));
        (Tensor y, Tensor logDet) = learned!.forward(x.permute(0, 2, 3, 1));
        return (y.permute(0, 3, 1, 2), logDet * times);
    }

    public override Tensor Inverse(Tensor y, Tensor? condition = null) => fixedMatrix is not null
        ? Apply(y, linalg.inv(fixedMatrix))
        : learned!.Inverse(y.permute(0, 2, 3, 1)).permute(0, 3, 1, 2);

    public override FlowStep Freeze() => fixedMatrix is not null
        ? new ChannelLinear((int)fixedMatrix.shape[0], FloatTensors.Values(fixedMatrix))
        : new ChannelLinear((InvertibleLinear)learned!.Freeze());

    private static Tensor Apply(Tensor x, Tensor matrix) => x.permute(0, 2, 3, 1).matmul(matrix.t()).permute(0, 3, 1, 2);
}
