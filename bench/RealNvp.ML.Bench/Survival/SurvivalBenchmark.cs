using RealNvp.ML.Bench.Running;

namespace RealNvp.ML.Bench.Survival;

/// <summary>
/// What the library lives through: damaged files, kills, garbage collection, hours of scoring, full disks, foreign cultures. What may crash
/// runs in processes of its own.
/// </summary>
/// <remarks>A check is a class here and a line in <see cref="SurvivalArguments"/>.</remarks>
internal sealed class SurvivalBenchmark : Benchmark
{
    /// <inheritdoc/>
    public override string Name => "survival";

    /// <inheritdoc/>
    public override string Question => "what does it live through?";

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, string> Options => SurvivalArguments.Help;

    /// <inheritdoc/>
    public override void Run(BenchmarkContext context)
    {
        var arguments = new SurvivalArguments(context.Arguments);
        if (arguments.Child is { } child)
        {
            SurvivalArguments.Children[child[0]](child[1..]);
            return;
        }
        var failures = new List<string>();
        foreach (string check in arguments.Checks)
        {
            SurvivalArguments.All[check](context, arguments.Time, failures);
            context.Save();
        }
        if (failures.Count > 0)
            throw new BenchmarkFailedException(string.Join('\n', failures));
    }
}
