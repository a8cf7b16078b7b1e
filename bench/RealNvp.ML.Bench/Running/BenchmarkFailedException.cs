namespace RealNvp.ML.Bench.Running;

/// <summary>
/// A benchmark cannot run or its result does not hold, for a reason that a reader can act on: the message is shown without a stack trace.
/// </summary>
internal sealed class BenchmarkFailedException(string message) : Exception(message);
