using RealNvp.ML.Export;
using RealNvp.ML.Export.Steps;
using RealNvp.ML.Trainers.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Trainers.Flows.Steps.Maps;

/// <summary>
/// y = (x - mean) / standard deviation of each channel at each position, [N, C, H, W], with statistics that are given, not trained. Of maps
/// that training has drawn positions of, the last plane of the condition says which they are.
/// </summary>
internal sealed class PositionStandardizationModule : FlowStepModule
{
    // Registered buffers, [C, H, W]: they move and convert with the module.
    private readonly Tensor mean;
    private readonly Tensor deviation;

    /// <summary>Standardisation by these statistics, planar.</summary>
    public PositionStandardizationModule(FlowShape shape, float[] mean, float[] standardDeviation)
        : base(nameof(PositionStandardizationModule))
    {
        long[] dimensions = [.. shape.Dimensions.Select(dimension => (long)dimension)];
        this.mean = LastingTensor.Of(() => FloatTensors.Of(mean).reshape(dimensions));
        deviation = LastingTensor.Of(() => FloatTensors.Of(standardDeviation).reshape(dimensions));
        RegisterComponents();
    }

    public override (Tensor Output, Tensor LogDet) forward(Tensor x, Tensor? condition = null)
    {
        if (x.shape[2] == mean.shape[1] && x.shape[3] == mean.shape[2])
            return ((x - mean) / deviation, deviation.log().sum().neg());
        Tensor drawn = condition!.narrow(1, condition.shape[1] - 1, 1).to(ScalarType.Int64).flatten(); // [N * positions]
        Tensor there = At(deviation, drawn, x);
        return ((x - At(mean, drawn, x)) / there, there.log().sum([1, 2, 3]).neg());
    }

    public override Tensor Inverse(Tensor y, Tensor? condition = null) => (y * deviation).Plus(mean);

    public override FlowStep Freeze() => new PositionStandardization(
        FlowShape.Image((int)mean.shape[0], (int)mean.shape[1], (int)mean.shape[2]), FloatTensors.Values(mean),
        FloatTensors.Values(deviation));

    /// <summary>The statistics at the positions of a batch, [N, C, 1, positions].</summary>
    private static Tensor At(Tensor statistics, Tensor positions, Tensor x) => statistics.flatten(1).index_select(1, positions)
        .reshape(statistics.shape[0], x.shape[0], x.shape[3]).permute(1, 0, 2).unsqueeze(2);
}
