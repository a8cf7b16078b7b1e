using RealNvp.ML.Trainers.Flows.Steps;
using RealNvp.ML.Trainers.Flows.Steps.Images;
using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Tests.Measuring;

/// <summary>Training statistics for tests, held so that a batch norm is a fixed map.</summary>
internal static class ImageStatistics
{
    /// <summary>Gives a norm random statistics.</summary>
    public static void Hold(ImageBatchNormModule norm)
    {
        long[] shape = norm.named_buffers().Single(pair => pair.name == "runningMean").buffer.shape;
        var generator = new Generator(9);
        norm.HeldStatistics = (
            randn(shape, dtype: ScalarType.Float64, generator: generator),
            rand(shape, dtype: ScalarType.Float64, generator: generator) * 0.3 + 0.2);
    }
}
