using System.Reflection;

namespace RealNvp.ML.Transforms.MlNet;

/// <summary>
/// What a transformer writes into a saved model. Each layout has a number of its own: whoever changes what is written raises it, and goes
/// on reading the older ones.
/// </summary>
/// <param name="ModelSignature">Eight ASCII characters that mark the layout.</param>
/// <param name="LoaderSignature">At most 24 ASCII characters: the name in the assembly's LoadableClass attribute.</param>
/// <param name="Version">The layout that is written, and the newest that can be read.</param>
/// <param name="Oldest">The oldest that can be read; all between the two can.</param>
/// <param name="Sealed">The oldest whose settings have a digest.</param>
internal sealed record SavedLayout(string ModelSignature, string LoaderSignature, uint Version, uint Oldest, uint Sealed)
{
    /// <summary>The assembly whose attribute names the loader; by default this one.</summary>
    public Assembly Home { get; init; } = typeof(SavedLayout).Assembly;
}
