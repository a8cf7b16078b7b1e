namespace RealNvp.ML.Bench.Running;

/// <summary>One way to do the work.</summary>
/// <param name="Name">What tables call it.</param>
/// <param name="Rows">The rows of one timed call: so many that it takes about a tenth of a second.</param>
/// <param name="Work">Goes through so many rows, and returns a sum over what it read.</param>
internal sealed record Contender(string Name, int Rows, Func<int, double> Work);
