using System.Diagnostics;
using RealNvp.ML.Bench.Reporting;
using RealNvp.ML.Bench.Running;
using RealNvp.ML.Transforms;

namespace RealNvp.ML.Bench.Survival;

/// <summary>
/// Trainings of every kind while a thread collects garbage without pause, so that what native code still reads and nothing holds is freed
/// under it: such a fault ends a process. Each training of a kind must come to the same weights.
/// </summary>
internal static class GcCheck
{
    /// <summary>Steps of each training: few, for it is its beginning and its end that make most of what is freed.</summary>
    private const int Steps = 10;

    /// <summary>How many kinds of training run at the same time.</summary>
    public const string AtOnceOption = "--at-once";

    private const string Resumed = "resumed", Stage = "gc: trainings under a collector that never rests";

    /// <summary>The kinds of training, resumed ones among them.</summary>
    public static IEnumerable<string> Kinds => [.. SmallTrainings.Kinds.Keys, Resumed];

    public static void Run(BenchmarkContext context, TimeSpan time, List<string> failures)
    {
        string[] kinds = [.. Kinds];
        int atOnce = Math.Min(kinds.Length, context.Arguments.Count(AtOnceOption) ?? 1), done = 0;
        TimeSpan each = time / kinds.Length * atOnce;
        var stormed = new Stormed[kinds.Length];
        context.Progress.Show(Stage, done, kinds.Length);
        Workers.Run([.. Enumerable.Range(0, kinds.Length)], atOnce, i =>
        {
            stormed[i] = Storms(kinds[i], each);
            lock (stormed)
                context.Progress.Show(Stage, ++done, kinds.Length);
        });
        var table = new MarkdownTable("Training", "Minutes", "Trainings", "Crashes", "Other weights");
        foreach ((string kind, Stormed result) in kinds.Zip(stormed))
        {
            table.Add(kind, each.TotalMinutes.ToString("F1"), result.Trainings.ToString(), result.Crashes.Count.ToString(),
                result.Others.ToString());
            failures.AddRange(result.Crashes);
            if (result.Others > 0)
                failures.Add($"gc: {result.Others} trainings of the kind {kind} came to other weights.");
        }
        context.Report.Add($"""
            ## Garbage collection

            Trainings of {Steps} steps while a thread collects garbage and runs finalizers without pause, one process per kind, {atOnce} at
            once.
            """);
        context.Report.Add(table);
    }

    /// <summary>Trainings of a kind, in one process after the other, for a time.</summary>
    private static Stormed Storms(string kind, TimeSpan time)
    {
        long start = Stopwatch.GetTimestamp();
        var stormed = new Stormed(0, 0, []);
        while (Stopwatch.GetElapsedTime(start) < time)
        {
            using var folder = new Scratch();
            TimeSpan left = time - Stopwatch.GetElapsedTime(start);
            using Process process = ChildProcess.Start(
                s_optimised, "gc", kind, folder.Root, Math.Ceiling(left.TotalSeconds).ToString("F0"));
            (int? code, string[] lines) = ChildProcess.Finish(process, left + TimeSpan.FromMinutes(2));
            stormed = stormed with
            {
                Trainings = stormed.Trainings + lines.Count(line => line == "trained"),
                Others = stormed.Others + lines.Count(line => line == "other weights"),
            };
            if (code != 0)
            {
                stormed.Crashes.Add($"gc: {kind}: the process ended with {code?.ToString() ?? "a kill, for it hung"}: "
                    + string.Join(' ', lines.TakeLast(3)));
            }
        }
        return stormed;
    }

    /// <summary>In a process of its own: kind, folder, seconds.</summary>
    public static void Storm(string[] parts)
    {
        Collect();
        long start = Stopwatch.GetTimestamp();
        string? expected = null;
        do
        {
            string hash = Fit(parts[0], parts[1]);
            Console.WriteLine((expected ??= hash) == hash ? "trained" : "other weights");
        }
        while (Stopwatch.GetElapsedTime(start).TotalSeconds < double.Parse(parts[2]));
    }

    /// <summary>Collects garbage without pause from now on.</summary>
    public static void Collect() => new Thread(() =>
    {
        while (true)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }
    })
    { IsBackground = true }.Start();

    /// <summary>Trains a kind and gives the hash of its weights.</summary>
    public static string Fit(string kind, string folder)
    {
        if (kind == Resumed)
            LeaveOut(folder);
        using RealNvpTransformer model = SmallTrainings.Fit(kind == Resumed ? "averaged" : kind, Steps, kind == Resumed ? folder : null);
        return SmallTrainings.Hash(model.Model);
    }

    /// <summary>Removes the newest checkpoint, so that there are steps to go on with.</summary>
    private static void LeaveOut(string folder)
    {
        string[] checkpoints = [.. Directory.GetFiles(folder).Order(StringComparer.Ordinal)];
        if (checkpoints.Length > 1)
            File.Delete(checkpoints[^1]);
    }

    // code that is not optimised holds all that a method made until it ends
    private static readonly Dictionary<string, string> s_optimised = new() { ["DOTNET_TieredCompilation"] = "0" };

    /// <summary>What came of a kind: trainings with the first one's weights, with others, and the ends of processes that crashed.</summary>
    private sealed record Stormed(int Trainings, int Others, List<string> Crashes);
}
