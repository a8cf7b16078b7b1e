namespace RealNvp.ML.Bench.Running;

/// <summary>A subcommand: one question, answered by figures that were measured in the same run as their baselines.</summary>
/// <remarks>A new one is a class here and a line in Program.cs.</remarks>
internal abstract class Benchmark
{
    /// <summary>The subcommand and the first part of its figures' names.</summary>
    public abstract string Name { get; }

    /// <summary>The question, in one line.</summary>
    public abstract string Question { get; }

    /// <summary>The options that only this subcommand takes, each with a line of help.</summary>
    public virtual IReadOnlyDictionary<string, string> Options => new Dictionary<string, string>();

    /// <summary>Those of <see cref="Options"/> that take no value: they are there or not.</summary>
    public virtual IReadOnlyCollection<string> Flags => [];

    /// <summary>Measures, and adds tables and figures to the context's report.</summary>
    /// <exception cref="BenchmarkFailedException">The result does not hold. What was added so far is shown.</exception>
    public abstract void Run(BenchmarkContext context);
}
