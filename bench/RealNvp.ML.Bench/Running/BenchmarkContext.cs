using RealNvp.ML.Bench.Reporting;

namespace RealNvp.ML.Bench.Running;

/// <summary>What a subcommand is given: its arguments, where progress is shown, and the report that it fills.</summary>
/// <param name="Arguments">The options.</param>
/// <param name="Progress">Where progress is shown.</param>
/// <param name="Report">What was found.</param>
/// <param name="Save">Writes the report as far as it is, for those who may be stopped before they are done.</param>
internal sealed record BenchmarkContext(BenchmarkArguments Arguments, Progress Progress, Report Report, Action Save);
