using Microsoft.ML.Runtime;

namespace RealNvp.ML.Trainers.Training;

/// <summary>Progress over all members: to the option's receiver, to TensorBoard and, in words, to the channel.</summary>
/// <param name="receiver">The option's receiver.</param>
/// <param name="channel">The estimator's channel.</param>
/// <param name="tensorBoard">Event files, if any.</param>
/// <param name="member">The member that is trained.</param>
/// <param name="members">Their number.</param>
/// <param name="bitsPerNat">Bits per dimension are this times the NLL plus <paramref name="bitsOffset"/>.</param>
/// <param name="bitsOffset">NaN where bits per dimension have no meaning.</param>
internal sealed class ProgressFan(
    IProgress<TrainingProgress>? receiver, IChannel channel, TensorBoardLog? tensorBoard, int member, int members, double bitsPerNat, double bitsOffset) : IProgress<TrainingProgress>
{
    public void Report(TrainingProgress value)
    {
        TrainingProgress overall = value with
        {
            Epoch = value.Epoch + member * value.Epochs,
            Epochs = members * value.Epochs,
            Step = value.Step + member * value.Steps,
            Steps = members * value.Steps,
            Remaining = value.Remaining + (members - member - 1) * (value.Elapsed + value.Remaining),
            Elapsed = value.Elapsed + member * (value.Elapsed + value.Remaining),
            TrainingBitsPerDimension = value.TrainingNll * bitsPerNat + bitsOffset,
            ValidationBitsPerDimension = value.ValidationNll * bitsPerNat + bitsOffset,
        };
        receiver?.Report(overall);
        try
        {
            tensorBoard?.Add(overall);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // curves are not worth a training
            channel.Warning(MessageSensitivity.None, $"TensorBoard's files miss a point: {e.Message}");
        }
        string bits = double.IsNaN(bitsOffset) ? "" : $" ({overall.TrainingBitsPerDimension:F3} and {overall.ValidationBitsPerDimension:F3} bits/dim)";
        channel.Info(MessageSensitivity.None,
            $"Step {overall.Step}/{overall.Steps}, epoch {overall.Epoch:F1}: training NLL {value.TrainingNll:F3}, validation NLL {value.ValidationNll:F3} nats{bits}, learning rate {value.LearningRate:G3}, {value.RowsPerSecond:F0} rows/s, {overall.Remaining.TotalSeconds:F0} s left.");
    }
}
