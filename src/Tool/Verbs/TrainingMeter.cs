using System.Globalization;
using RealNvp.ML.Tool.Running;
using RealNvp.ML.Trainers;
using Spectre.Console;

namespace RealNvp.ML.Tool.Verbs;

/// <summary>Shows a training's progress on standard error: a bar on a terminal, some lines elsewhere.</summary>
internal sealed class TrainingMeter(Terminal terminal) : IProgress<TrainingProgress>
{
    private const int Lines = 5;

    private ProgressTask? _task;
    private int _lines;

    /// <summary>Runs a training that reports here.</summary>
    public T Show<T>(Func<T> train)
    {
        if (!terminal.IsInteractive || terminal.IsQuiet)
            return train();
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(terminal.Error) });
        return console.Progress()
            .Columns(new ProgressBarColumn { Width = 24 }, new TaskDescriptionColumn { Alignment = Justify.Left })
            .Start(context =>
            {
                _task = context.AddTask("reading");
                T result = train();
                _task.Value = _task.MaxValue; // also where training stopped early
                return result;
            });
    }

    public void Report(TrainingProgress value)
    {
        string line = $"epoch {value.Epoch:F0}/{value.Epochs:F0}  NLL {value.TrainingNll:F3}  validation {value.ValidationNll:F3}  "
            + $"{Time(value.Remaining)} left";
        if (_task is not null)
        {
            _task.Value = _task.MaxValue * value.Step / value.Steps;
            _task.Description = line;
        }
        else if (value.Step * Lines >= value.Steps * (_lines + 1))
        {
            _lines++;
            terminal.Note(line);
        }
    }

    private static string Time(TimeSpan time) => time.ToString(time.TotalHours < 1 ? "m\\:ss" : "d\\.hh\\:mm\\:ss",
        CultureInfo.InvariantCulture);
}
