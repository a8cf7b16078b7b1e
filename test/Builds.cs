namespace RealNvp.ML.Tests;

/// <summary>
/// The tests of this collection call the .NET SDK on projects of this checkout: two builds at once would write the same files, so they
/// wait for each other, and other tests run beside them.
/// </summary>
[CollectionDefinition]
public sealed class Builds;
