using System.Diagnostics;
using RealNvp.ML.Bench.Reporting;
using RealNvp.ML.Bench.Running;
using RealNvp.ML.Transforms;

namespace RealNvp.ML.Bench.Survival;

/// <summary>
/// Trainings that are killed (SIGKILL) at random moments and started again must end in the weights of one that was not, bit for bit. With
/// each second kill the process is looked for while it writes a file.
/// </summary>
internal static class KillCheck
{
    private const int Kills = 50, PerRun = 5, Steps = 600;

    private static readonly string[] s_kinds = ["averaged", "streamed", "image"];

    public static void Run(BenchmarkContext context, TimeSpan time, List<string> failures)
    {
        long start = Stopwatch.GetTimestamp();
        var random = new Random(11);
        Dictionary<string, string> calm = s_kinds.ToDictionary(kind => kind, Calm);
        var table = new MarkdownTable("Training", "Runs", "Kills", "of these while a file was half written", "Same weights", "Files left");
        var counts = s_kinds.ToDictionary(kind => kind, _ => new int[5]);
        for (int run = 0, kills = 0; kills < Kills && Stopwatch.GetElapsedTime(start) < time; run++)
        {
            string kind = s_kinds[run % s_kinds.Length];
            int[] count = counts[kind];
            using var folder = new Scratch();
            for (int kill = 0; kill < PerRun && kills < Kills; kill++)
            {
                context.Progress.Show("kill: trainings", kills, Kills);
                if (!Kill(kind, folder.Root, writing: kill % 2 == 1, random))
                    break; // it had come to its end
                kills++;
                count[1]++;
                count[2] += Directory.EnumerateFiles(folder.Root, "*.tmp").Any() ? 1 : 0;
            }
            using Process last = Start(kind, folder.Root);
            (int? code, string[] lines) = ChildProcess.Finish(last, TimeSpan.FromMinutes(5));
            count[0]++;
            count[4] += Directory.EnumerateFiles(folder.Root, "*.tmp").Count();
            if (code == 0 && lines.Contains("hash " + calm[kind]))
                count[3]++;
            else
                failures.Add($"kill: {kind}: ended with {code}: {string.Join(' ', lines.TakeLast(3))}, expected {calm[kind]}");
        }
        foreach ((string kind, int[] count) in counts)
            table.Add([kind, .. count.Select(value => value.ToString())]);
        context.Report.Add($"""
            ## Kills

            Trainings of {Steps} steps (images a tenth) with a checkpoint every four steps, up to {PerRun} kills each, {Kills} in all or as
            many as there was time for. Files left: half written ones that are there when the last run has ended.
            """);
        context.Report.Add(table);
        if (counts.Values.Sum(count => count[4]) is > 0 and var left)
            failures.Add($"kill: {left} half written files were left.");
    }

    private static int StepsOf(string kind) => kind == "image" ? Steps / 10 : Steps;

    private static Process Start(string kind, string folder) => ChildProcess.Start(null, "train", kind, StepsOf(kind).ToString(), folder);

    private static string Calm(string kind)
    {
        using var folder = new Scratch();
        using RealNvpTransformer model = SmallTrainings.Fit(kind, StepsOf(kind), folder.Root);
        return SmallTrainings.Hash(model.Model);
    }

    /// <summary>Starts a run and kills it after its first new checkpoint; false where it ended before.</summary>
    private static bool Kill(string kind, string folder, bool writing, Random random)
    {
        HashSet<string> before = [.. Directory.GetFiles(folder)];
        using Process process = Start(kind, folder);
        _ = process.StandardOutput.ReadToEndAsync();
        _ = process.StandardError.ReadToEndAsync();
        while (!process.HasExited && Directory.GetFiles(folder, "*.rnvpckpt").All(before.Contains))
            Thread.Sleep(2);
        long start = Stopwatch.GetTimestamp();
        double wait = writing ? 10 : random.NextDouble();
        while (!process.HasExited && Stopwatch.GetElapsedTime(start).TotalSeconds < wait)
        {
            if (writing && Directory.EnumerateFiles(folder, "*.tmp").Any())
                break;
        }
        process.Kill();
        process.WaitForExit();
        return process.ExitCode == 128 + 9;
    }
}
