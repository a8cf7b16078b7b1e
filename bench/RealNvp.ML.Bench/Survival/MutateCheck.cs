using System.Diagnostics;
using System.Globalization;
using RealNvp.ML.Bench.Reporting;
using RealNvp.ML.Bench.Running;

namespace RealNvp.ML.Bench.Survival;

/// <summary>
/// Damaged flow files, zips of ML.NET and checkpoints, by bytes and, behind a digest that is right again, by fields: each is used as a
/// whole one would be. No crash, no hang, no allocation of gigabytes, and no exceptions but those that are promised.
/// </summary>
internal static class MutateCheck
{
    /// <summary>The kinds of file.</summary>
    public const string Flow = "flow", Zip = "zip", Checkpoint = "checkpoint";

    private const double MostSeconds = 5;
    private const long MostMiB = 500;

    private static readonly (string Kind, string Name, int Count)[] s_kinds =
        [(Flow, "flow files", 10_000), (Zip, "zips of ML.NET", 2_000), (Checkpoint, "checkpoints", 2_000)];

    public static void Run(BenchmarkContext context, TimeSpan time, List<string> failures)
    {
        var table = new MarkdownTable(
            "Files", "Damaged", "Crashes", "Over 5 s", "Over 500 MB", "Other exceptions", "Longest, s", "Most, MiB");
        var outcomes = new MarkdownTable("Files", "What came of it", "Times");
        foreach ((string kind, string name, int count) in s_kinds)
        {
            var tally = new Tally();
            long start = Stopwatch.GetTimestamp();
            for (int at = 0; at < count && Stopwatch.GetElapsedTime(start) < time / s_kinds.Length;)
            {
                context.Progress.Show($"mutate: {name}", at, count);
                TimeSpan left = time / s_kinds.Length - Stopwatch.GetElapsedTime(start);
                using Process process = ChildProcess.Start(null, "mutate", kind, at.ToString(CultureInfo.InvariantCulture),
                    count.ToString(CultureInfo.InvariantCulture), left.TotalSeconds.ToString("F0", CultureInfo.InvariantCulture));
                (int? code, string[] lines) = ChildProcess.Finish(process, left + TimeSpan.FromMinutes(2));
                at += tally.Add(lines);
                if (code == 0)
                    break;
                tally.Crashes++;
                failures.Add($"mutate: {kind} {at - 1}: the process ended with {code?.ToString() ?? "a kill, for it hung"}: "
                    + string.Join(' ', lines.TakeLast(3)));
                if (lines.Length == 0)
                    break; // it does not even begin
            }
            table.Add(name, Whole(tally.Count), Whole(tally.Crashes), Whole(tally.Slow), Whole(tally.Large), Whole(tally.Others),
                tally.Longest.ToString("F1", CultureInfo.InvariantCulture), Whole(tally.Most));
            foreach ((string outcome, int times) in tally.Outcomes.OrderByDescending(pair => pair.Value))
                outcomes.Add(name, outcome, Whole(times));
            failures.AddRange(tally.Failures.Take(20).Select(failure => $"mutate: {kind} {failure}"));
        }
        context.Report.Add("""
            ## Damaged files

            Every file is loaded, summed up, scored with, sampled from, saved and exported as far as it lets; a checkpoint is resumed from.
            Two in ten flow files are damaged in any byte, two in any byte of the content and sealed with a right digest again, six in
            fields that their format knows, sealed too. Zips: any byte, or entries damaged, left out, exchanged and doubled; where the
            schema that ML.NET itself reads is damaged, the zip is not tried (ML.NET can read on without end there). Checkpoints: any byte,
            every second one sealed. Exceptions that are promised: `FlowModelException`, `FlowParityException`, for checkpoints
            also that they are of another run or that training failed; ML.NET's own where it reads its part of a zip.
            """);
        context.Report.Add(table);
        context.Report.Add(outcomes);
    }

    private static string Whole(long value) => value.ToString("N0", CultureInfo.InvariantCulture);

    private sealed class Tally
    {
        public SortedDictionary<string, int> Outcomes { get; } = new(StringComparer.Ordinal);

        public List<string> Failures { get; } = [];

        public int Count { get; private set; }

        public int Crashes { get; set; }

        public int Slow { get; private set; }

        public int Large { get; private set; }

        public int Others { get; private set; }

        public double Longest { get; private set; }

        public long Most { get; private set; }

        /// <summary>Counts what a process has written, and gives how many files it began with.</summary>
        public int Add(string[] lines)
        {
            int begun = 0;
            string at = "";
            foreach (string line in lines)
            {
                if (line.StartsWith("at ", StringComparison.Ordinal))
                {
                    begun++;
                    Count++;
                    at = line[3..];
                }
                if (line.Split('|', 5) is not ["done", var seconds, var allocated, var resident, var outcome])
                    continue;
                double took = double.Parse(seconds, CultureInfo.InvariantCulture);
                long most = Math.Max(
                    long.Parse(allocated, CultureInfo.InvariantCulture), long.Parse(resident, CultureInfo.InvariantCulture));
                (Longest, Most) = (Math.Max(Longest, took), Math.Max(Most, most));
                bool other = outcome.StartsWith("another exception", StringComparison.Ordinal) || outcome.Contains("not finite");
                string named = other ? outcome.Split(':') is [var first, var type, ..] ? first + ":" + type : outcome : outcome;
                Outcomes[named] = Outcomes.GetValueOrDefault(named) + 1;
                Slow += took > MostSeconds ? 1 : 0;
                Large += most > MostMiB ? 1 : 0;
                Others += other ? 1 : 0;
                if (other || took > MostSeconds || most > MostMiB)
                    Failures.Add($"{at}: {took:F1} s, {most} MiB, {outcome}");
            }
            return begun;
        }
    }
}
