using RealNvp.ML.Trainers;

namespace RealNvp.ML.Bench.Engine;

/// <summary>Hears of a training's progress on the training thread.</summary>
internal sealed class Receiver(Action<TrainingProgress> receive) : IProgress<TrainingProgress>
{
    public void Report(TrainingProgress value) => receive(value);
}
