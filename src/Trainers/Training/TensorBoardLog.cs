using TorchSharp;
using TorchSharp.Modules;

namespace RealNvp.ML.Trainers.Training;

/// <summary>Progress as TensorBoard event files, by TorchSharp's writer.</summary>
internal sealed class TensorBoardLog(string folder)
{
    private readonly SummaryWriter _writer = torch.utils.tensorboard.SummaryWriter(Directory.CreateDirectory(folder).FullName);

    /// <summary>Adds one point to each curve.</summary>
    public void Add(TrainingProgress progress)
    {
        foreach ((string tag, double value) in new[]
        {
            ("nll/training", progress.TrainingNll),
            ("nll/validation", progress.ValidationNll),
            ("bits_per_dimension/training", progress.TrainingBitsPerDimension),
            ("bits_per_dimension/validation", progress.ValidationBitsPerDimension),
            ("learning_rate", progress.LearningRate),
            ("rows_per_second", progress.RowsPerSecond),
        })
        {
            if (double.IsFinite(value))
                _writer.add_scalar(tag, (float)value, (int)progress.Step);
        }
    }
}
