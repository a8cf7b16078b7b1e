using System.Globalization;
using RealNvp.ML.Trainers;
using Spectre.Console;

namespace RealNvp.ML.Samples;

/// <summary>
/// Shows a training's progress as a bar, or line by line where the output is no terminal, in bits per dimension where that is defined, and
/// keeps it for the chart.
/// </summary>
public sealed class TrainingBar : IProgress<TrainingProgress>
{
    private const int LinesWithoutTerminal = 8;

    private readonly List<TrainingProgress> _history = [];
    private ProgressTask? _task;
    private int _lines;

    /// <summary>
    /// Whether every evaluation leaves a line of its own, on a terminal above the bar; by default a terminal has the bar alone, and
    /// anything else about eight lines.
    /// </summary>
    public bool EveryEvaluation { get; init; }

    /// <summary>When training ends even where steps are left; null where it does not.</summary>
    public TimeSpan? Limit { get; init; }

    /// <summary>All reports so far.</summary>
    public IReadOnlyList<TrainingProgress> History => _history;

    /// <summary>Runs a training that reports to this bar.</summary>
    public T Show<T>(Func<T> train)
    {
        // not AnsiConsole's own fallback: it would print percentages only
        if (Console.IsOutputRedirected || !AnsiConsole.Profile.Capabilities.Interactive)
            return train();
        return AnsiConsole.Progress()
            .Columns(new ProgressBarColumn { Width = 18 }, new TaskDescriptionColumn { Alignment = Justify.Left })
            .Start(context =>
            {
                _task = context.AddTask("starting");
                T result = train();
                _task.Value = _task.MaxValue; // also where training stopped early
                return result;
            });
    }

    /// <inheritdoc/>
    public void Report(TrainingProgress value)
    {
        _history.Add(value);
        string likelihood = double.IsNaN(value.ValidationBitsPerDimension)
            ? $"NLL {value.TrainingNll,7:F2}  validation {value.ValidationNll,7:F2}"
            : $"bits/dim {value.TrainingBitsPerDimension:F3}  validation {value.ValidationBitsPerDimension:F3}";
        string epoch = EveryEvaluation ? $"{value.Epoch,5:F1}/{value.Epochs:F1}" : $"{value.Epoch,4:F0}/{value.Epochs:F0}";
        TimeSpan left = Limit is { } limit && limit - value.Elapsed < value.Remaining ? limit - value.Elapsed : value.Remaining;
        string after = EveryEvaluation ? $"  after {Time(value.Elapsed)}" : "";
        string line = $"epoch {epoch}{after}  {likelihood}  {Time(left > TimeSpan.Zero ? left : TimeSpan.Zero)} left";
        if (_task is not null)
        {
            _task.Value = _task.MaxValue * value.Step / value.Steps;
            _task.Description = line;
            if (EveryEvaluation)
                AnsiConsole.WriteLine(line);
        }
        else if (EveryEvaluation || value.Step * LinesWithoutTerminal >= value.Steps * (_lines + 1))
        {
            _lines++;
            Console.WriteLine(line);
        }
    }

    private static string Time(TimeSpan time)
        => time.ToString(time.TotalHours < 1 ? "m\\:ss" : time.TotalDays < 1 ? "h\\:mm\\:ss" : "d\\.hh\\:mm\\:ss",
        CultureInfo.InvariantCulture);
}
