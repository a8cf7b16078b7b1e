namespace RealNvp.ML.Tests;

/// <summary>
/// The tests of this collection run one after the other, with nothing beside them. It is for those that change or measure what belongs to
/// the whole process or machine: environment variables, the current folder, the culture of new threads, torch's thread count and default
/// type, the cores that readers share, the native heap, the number of live tensors, and processes that wait for each other on every core.
/// All other classes run side by side, as many at once as there are cores, up to four. HouseTests looks for the words that give such a
/// test away.
/// </summary>
[CollectionDefinition(DisableParallelization = true)]
public sealed class Alone;
