using Microsoft.ML.Runtime;
using RealNvp.ML.Trainers.Designs;

namespace RealNvp.ML.Trainers.Training;

/// <summary>Progress over all members: to the option's receiver, to TensorBoard and, in words, to the channel.</summary>
/// <param name="receiver">The option's receiver.</param>
/// <param name="channel">The estimator's channel.</param>
/// <param name="tensorBoard">Event files, if any.</param>
/// <param name="member">The member that is trained.</param>
/// <param name="members">Their number.</param>
/// <param name="bits">Bits per dimension from nats; null where they have no meaning.</param>
internal sealed class ProgressFan(
    IProgress<TrainingProgress>? receiver, IChannel channel, TensorBoardLog? tensorBoard, int member, int members, BitsPerDimension? bits)
    : IProgress<TrainingProgress>
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
            TrainingBitsPerDimension = bits?.Of(value.TrainingNll) ?? double.NaN,
            ValidationBitsPerDimension = bits?.Of(value.ValidationNll) ?? double.NaN,
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
        string inBits = bits is null ? "" : $" ({overall.TrainingBitsPerDimension:F3} and {overall.ValidationBitsPerDimension:F3} "
            + "bits/dim)";
        channel.Info(MessageSensitivity.None,
            $"Step {overall.Step}/{overall.Steps}, epoch {overall.Epoch:F1}: training NLL {value.TrainingNll:F3}, validation NLL "
                + $"{value.ValidationNll:F3} nats{inBits}, learning rate {value.LearningRate:G3}, {value.RowsPerSecond:F0} rows/s, "
                + $"{overall.Remaining.TotalSeconds:F0} s left.");
    }
}
