namespace RealNvp.ML.Bench.Survival;

/// <summary>A folder for a while.</summary>
internal sealed class Scratch : IDisposable
{
    /// <summary>The folder.</summary>
    public string Root { get; } = Directory.CreateTempSubdirectory("realnvp-survival-").FullName;

    /// <summary>A path in it.</summary>
    public string this[string name] => Path.Combine(Root, name);

    public void Dispose() => Directory.Delete(Root, recursive: true);
}
