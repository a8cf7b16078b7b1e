using RealNvp.ML.Export.Steps;
using RealNvp.ML.Trainers.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Trainers.Flows.Steps.Maps;

/// <summary>y = (x - mean) / standard deviation per channel, [N, C, H, W], with statistics that are given, not trained.</summary>
internal sealed class ChannelStandardizationModule : FlowStepModule
{
    /// <summary>The means' name among the module's buffers.</summary>
    public const string MeanName = nameof(mean);

    // samples end where float32 does, as in the graph
    private static readonly Scalar s_least = ((double)float.MinValue).ToScalar(), s_most = ((double)float.MaxValue).ToScalar();

    // Registered buffers, [C, 1, 1]: they move and convert with the module.
    private readonly Tensor mean;
    private readonly Tensor deviation;

    public ChannelStandardizationModule(IEnumerable<float> mean, IEnumerable<float> standardDeviation)
        : base(nameof(ChannelStandardizationModule))
    {
        this.mean = LastingTensor.Of(() => FloatTensors.Of(mean).reshape(-1, 1, 1));
        deviation = LastingTensor.Of(() => FloatTensors.Of(standardDeviation).reshape(-1, 1, 1));
        RegisterComponents();
    }

    public override (Tensor Output, Tensor LogDet) forward(Tensor x, Tensor? condition = null)
    {
        using Scalar positions = (-(double)x.shape[2] * x.shape[3]).ToScalar();
        return ((x - mean) / deviation, deviation.log().sum() * positions);
    }

    public override Tensor Inverse(Tensor y, Tensor? condition = null) => (y * deviation).Plus(mean).clamp(s_least, s_most);

    public override FlowStep Freeze() => new ChannelStandardization(FloatTensors.Values(mean), FloatTensors.Values(deviation));
}
