using System.Diagnostics;
using RealNvp.ML.Bench.Survival;

namespace RealNvp.ML.Tests.Trainers;

/// <summary>
/// Small trainings of every kind while a thread collects garbage without pause, so that what native code still reads and nothing holds is
/// freed under it: a process of its own runs them, for such a fault ends it. <c>bench survival --check gc</c> does so for longer.
/// </summary>
internal static class CollectedTrainings
{
    /// <summary>What <see cref="TrainingProcess"/> is to train.</summary>
    public const string Kind = "collected";

    private static readonly TimeSpan s_enough = TimeSpan.FromSeconds(25);

    /// <summary>Trains until it is enough, each kind at least twice; every training of a kind must come to the same weights.</summary>
    public static void Run(string folder)
    {
        GcCheck.Collect();
        var clock = Stopwatch.StartNew();
        var expected = new Dictionary<string, string>();
        for (int round = 0; round < 2 || clock.Elapsed < s_enough; round++)
        {
            foreach (string kind in GcCheck.Kinds)
            {
                Console.WriteLine($"{round}: {kind}"); // the last line tells where a process died
                string hash = GcCheck.Fit(kind, folder);
                if (expected.TryAdd(kind, hash) || expected[kind] == hash)
                    continue;
                throw new InvalidOperationException($"Training {round} of the kind '{kind}' came to other weights.");
            }
        }
    }
}
