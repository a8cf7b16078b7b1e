using Microsoft.ML;
using RealNvp.ML.Trainers;
using TorchSharp;

namespace RealNvp.ML.Bench.Engine;

/// <summary>A training with all that keeps state beside the weights, whose memory is read after every evaluation.</summary>
internal static class MemoryRun
{
    /// <summary>Trains on <paramref name="rows"/> for so many steps.</summary>
    /// <param name="ml">The context.</param>
    /// <param name="rows">What to train on.</param>
    /// <param name="streamed">Whether rows stream from their source.</param>
    /// <param name="steps">Optimizer steps.</param>
    /// <param name="each">Is called before each reading.</param>
    public static MemoryWatch Run(MLContext ml, IDataView rows, bool streamed, long steps, Action<TrainingProgress>? each = null)
    {
        var watch = new MemoryWatch();
        ml.AnomalyDetection.Trainers.RealNvp(new RealNvpTrainer.Options
        {
            Steps = steps,
            Table = new() { Couplings = 4, HiddenUnits = 32, BatchNorm = true, SinhArcsinh = true, Mixing = FeatureMixing.Linear },
            BatchSize = 128,
            Optimizer = new() { AveragedWeights = 0.999, Decay = LearningRateDecay.Plateau, GainPenalty = 1e-4 },
            Trim = 0.05,
            Patience = 0,
            Memory = new() { ResidentLimit = streamed ? 0 : long.MaxValue, ShufflePool = 1000 },
            Progress = new Receiver(progress =>
            {
                each?.Invoke(progress);
                if (watch.Readings.Count == 0)
                    // of the construction: later it would hide a growth by as much. None is collected on purpose after this.
                    CollectGarbage();
                watch.Add(new(progress.Step, torch.Tensor.TotalCount, ProcessMemory.Resident));
            }),
        }).Fit(rows).Dispose();
        return watch;
    }

    private static void CollectGarbage()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
    }
}
