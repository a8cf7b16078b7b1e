using RealNvp.ML.Bench.Reporting;

namespace RealNvp.ML.Bench.Running;

/// <summary>What a subcommand is given: its arguments, where progress is shown, and the report that it fills.</summary>
internal sealed record BenchmarkContext(BenchmarkArguments Arguments, Progress Progress, Report Report);
