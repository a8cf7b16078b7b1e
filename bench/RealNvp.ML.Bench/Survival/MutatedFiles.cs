using System.Diagnostics;
using RealNvp.ML.Export;
using RealNvp.ML.Trainers;
using RealNvp.ML.Transforms;

namespace RealNvp.ML.Bench.Survival;

/// <summary>In a process of its own: damages files one after the other and writes, for each, what came of it.</summary>
internal static class MutatedFiles
{
    /// <summary>kind, first number, end, seconds.</summary>
    public static void Run(string[] parts)
    {
        (string kind, int first, int end, double seconds) = (parts[0], int.Parse(parts[1]), int.Parse(parts[2]), double.Parse(parts[3]));
        using var victims = new Victims();
        for (int number = -2; number < 0; number++)
            Outcome(victims.Damage(kind, number), kind); // what is compiled and loaded on the way is not theirs
        long start = Stopwatch.GetTimestamp();
        for (int number = first; number < end && Stopwatch.GetElapsedTime(start).TotalSeconds < seconds; number++)
        {
            Console.WriteLine($"at {number}");
            Func<string> use = victims.Damage(kind, number);
            MemoryPeak.Begin();
            long allocated = GC.GetTotalAllocatedBytes(), began = Stopwatch.GetTimestamp();
            string outcome = Outcome(use, kind);
            Console.WriteLine($"done|{Stopwatch.GetElapsedTime(began).TotalSeconds:F2}|"
                + $"{(GC.GetTotalAllocatedBytes() - allocated) >> 20}|{MemoryPeak.Rise >> 20}|{outcome}");
        }
        Console.WriteLine("end");
    }

    private static string Outcome(Func<string> use, string kind)
    {
        try
        {
            return use();
        }
        catch (Exception e)
        {
            Exception cause = e.GetBaseException();
            if (cause is FlowModelException or FlowParityException or CheckpointException)
                return "refused: " + cause.GetType().Name;
            // ML.NET reads its own part of a zip itself
            if (kind == MutateCheck.Zip && !FromTheLibrary(cause))
                return "refused by ML.NET";
            if (cause is InvalidOperationException && kind == MutateCheck.Checkpoint
                && (cause.Message.StartsWith("The checkpoint is of another run", StringComparison.Ordinal)
                    || cause.Message.StartsWith("Training failed", StringComparison.Ordinal)))
                return "refused: " + cause.Message.Split(':')[0];
            if (cause is InvalidOperationException && kind == MutateCheck.Checkpoint
                && cause.Message.StartsWith("The checkpoint has ", StringComparison.Ordinal))
                return "refused: more steps than the run is to have";
            string? where = (cause.StackTrace ?? "").Split('\n')
                .FirstOrDefault(line => line.Contains("RealNvp.ML.", StringComparison.Ordinal))?.Trim();
            return $"another exception: {cause.GetType().Name}: {cause.Message.ReplaceLineEndings(" ")} {where}";
        }
    }

    /// <summary>Whether an exception was thrown below a frame of ours that is not the check itself.</summary>
    private static bool FromTheLibrary(Exception e) => (e.StackTrace ?? "").Split('\n').Any(line
        => line.Contains(" RealNvp.ML.", StringComparison.Ordinal) && !line.Contains(" RealNvp.ML.Bench.", StringComparison.Ordinal));
}
