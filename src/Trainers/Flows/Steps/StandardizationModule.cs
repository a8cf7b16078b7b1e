using RealNvp.ML.Export.Steps;
using RealNvp.ML.Trainers.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Trainers.Flows.Steps;

/// <summary>y = (x - mean) / standard deviation per feature, with statistics that are given, not trained.</summary>
internal sealed class StandardizationModule : FlowStepModule
{
    /// <summary>The means' name among the module's buffers.</summary>
    public const string MeanName = nameof(mean);

    // samples end where float32 does, as in the graph
    private static readonly Scalar s_least = ((double)float.MinValue).ToScalar(), s_most = ((double)float.MaxValue).ToScalar();

    // Registered buffers: they move and convert with the module.
    private readonly Tensor mean;
    private readonly Tensor deviation;

    public StandardizationModule(IEnumerable<float> mean, IEnumerable<float> standardDeviation) : base(nameof(StandardizationModule))
    {
        this.mean = FloatTensors.Of(mean);
        deviation = FloatTensors.Of(standardDeviation);
        RegisterComponents();
    }

    public override (Tensor Output, Tensor LogDet) forward(Tensor x, Tensor? condition = null)
        => ((x - mean) / deviation, -deviation.log().sum());

    public override Tensor Inverse(Tensor y, Tensor? condition = null) => (y * deviation).Plus(mean).clamp(s_least, s_most);

    public override FlowStep Freeze() => new Standardization(FloatTensors.Values(mean), FloatTensors.Values(deviation));
}
