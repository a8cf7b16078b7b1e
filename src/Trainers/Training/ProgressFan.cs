using System.Diagnostics;
using Microsoft.ML.Runtime;
using RealNvp.ML.Trainers.Designs;

namespace RealNvp.ML.Trainers.Training;

/// <summary>
/// Progress over all members, whichever of them train at the moment: to the option's receiver, to TensorBoard and, in words, to the
/// channel, one call at a time.
/// </summary>
internal sealed class ProgressFan
{
    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private readonly Lock _lock = new();
    private readonly IProgress<TrainingProgress>? _receiver;
    private readonly IChannel _channel;
    private readonly TensorBoardLog[] _curves;
    private readonly BitsPerDimension? _bits;
    private readonly long[] _steps;
    private readonly double[] _rowsPerSecond;
    private readonly long _stepsOfEach;
    private long _free; // steps that took no time here: made before, or not made after an early stop

    /// <summary>Receivers of a run.</summary>
    /// <param name="receiver">The option's receiver.</param>
    /// <param name="channel">The estimator's channel.</param>
    /// <param name="tensorBoard">The folder of event files, if any: of several members each has one of its own within, for TensorBoard a
    /// run of its own.</param>
    /// <param name="members">Their number.</param>
    /// <param name="steps">The steps of each.</param>
    /// <param name="bits">Bits per dimension from nats; null where they have no meaning.</param>
    public ProgressFan(IProgress<TrainingProgress>? receiver, IChannel channel, string? tensorBoard, int members, long steps,
        BitsPerDimension? bits)
    {
        (_receiver, _channel, _bits, _stepsOfEach) = (receiver, channel, bits, steps);
        (_steps, _rowsPerSecond) = (new long[members], new double[members]);
        _curves = tensorBoard is null ? [] : members == 1 ? [new(tensorBoard)]
            : [.. Enumerable.Range(1, members).Select(member => new TensorBoardLog(Path.Combine(tensorBoard, $"member-{member}")))];
    }

    /// <summary>Takes the reports of a member.</summary>
    public IProgress<TrainingProgress> Of(int member) => new OfMember(this, member);

    /// <summary>Says that a member begins to train, at a step.</summary>
    public void Begin(int member, long step)
    {
        lock (_lock)
            Skip(member, step);
    }

    /// <summary>Says that a member is trained.</summary>
    public void End(int member)
    {
        lock (_lock)
        {
            Skip(member, _stepsOfEach);
            _rowsPerSecond[member] = 0;
        }
    }

    /// <summary>Warns.</summary>
    public void Warn(string message)
    {
        lock (_lock)
            _channel.Warning(MessageSensitivity.None, message);
    }

    /// <summary>Tells.</summary>
    public void Tell(string message)
    {
        lock (_lock)
            _channel.Info(MessageSensitivity.None, message);
    }

    private void Skip(int member, long step)
    {
        _free += step - _steps[member];
        _steps[member] = step;
    }

    private void Report(int member, TrainingProgress value)
    {
        lock (_lock)
        {
            (_steps[member], _rowsPerSecond[member]) = (value.Step, value.RowsPerSecond);
            long done = _steps.Sum(), all = _steps.Length * _stepsOfEach;
            TimeSpan elapsed = _clock.Elapsed;
            TrainingProgress overall = value with
            {
                Epoch = value.Epochs * done / _stepsOfEach,
                Epochs = _steps.Length * value.Epochs,
                Step = done,
                Steps = all,
                RowsPerSecond = _rowsPerSecond.Sum(),
                Remaining = elapsed / Math.Max(1, done - _free) * (all - done),
                Elapsed = elapsed,
                TrainingBitsPerDimension = _bits?.Of(value.TrainingNll) ?? double.NaN,
                ValidationBitsPerDimension = _bits?.Of(value.ValidationNll) ?? double.NaN,
            };
            _receiver?.Report(overall);
            try
            {
                if (_curves.Length > 0)
                    _curves[member].Add(overall with { Step = value.Step, RowsPerSecond = value.RowsPerSecond });
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // curves are not worth a training
                _channel.Warning(MessageSensitivity.None, $"TensorBoard's files miss a point: {e.Message}");
            }
            string which = _steps.Length == 1 ? "" : $" (flow {member + 1} of {_steps.Length})";
            string inBits = _bits is null ? "" : $" ({overall.TrainingBitsPerDimension:F3} and {overall.ValidationBitsPerDimension:F3} "
                + "bits/dim)";
            _channel.Info(MessageSensitivity.None,
                $"Step {overall.Step}/{overall.Steps}{which}, epoch {overall.Epoch:F1}: training NLL {value.TrainingNll:F3}, validation "
                    + $"NLL {value.ValidationNll:F3} nats{inBits}, learning rate {value.LearningRate:G3}, {overall.RowsPerSecond:F0} "
                    + $"rows/s, {overall.Remaining.TotalSeconds:F0} s left.");
        }
    }

    private sealed class OfMember(ProgressFan fan, int member) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value) => fan.Report(member, value);
    }
}
