using RealNvp.ML.Bench.Running;

namespace RealNvp.ML.Bench.Engine;

/// <summary>
/// What a training engine that is left alone must do: stream what does not fit into memory, and need no more memory late than early.
/// </summary>
internal sealed class EngineBenchmark : Benchmark
{
    /// <inheritdoc/>
    public override string Name => "engine";

    /// <inheritdoc/>
    public override string Question => "can training be left alone?";

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, string> Options => EngineArguments.Help;

    /// <inheritdoc/>
    public override void Run(BenchmarkContext context)
    {
        var arguments = new EngineArguments(context.Arguments);
        if (arguments.Checks.Contains(EngineArguments.Streaming))
            StreamingCheck.Run(context, arguments.Rows);
        if (arguments.Checks.Contains(EngineArguments.Memory))
            MemoryCheck.Run(context, arguments.Steps);
    }
}
