namespace RealNvp.ML.Serving;

/// <summary>
/// Models in files and folders. A file is known by its name without the ending, or by one of your own: <c>pumps=models/pumps-2.zip</c>. Of
/// a folder each <c>.zip</c> and <c>.rnvp</c> is a model, also those that come later; of two with the same name the <c>.zip</c>. Replace a
/// file by renaming another over it, as <c>SaveAtomically</c> does.
/// </summary>
/// <example>
/// <code>
/// var store = new FolderStore("models", "pumps=/data/pumps-2026.zip");
/// </code>
/// </example>
public sealed class FolderStore : IFlowStore
{
    private static readonly string[] s_endings = [".zip", ".rnvp"];

    private readonly Dictionary<string, string> _files = new(StringComparer.Ordinal);
    private readonly List<string> _folders = [];

    /// <summary>A store of files and folders.</summary>
    /// <param name="paths">The paths, or NAME=PATH of a file.</param>
    /// <exception cref="FileNotFoundException">There is nothing at a path.</exception>
    /// <exception cref="ArgumentException">Two files have the same name, or there is no path.</exception>
    public FolderStore(params IEnumerable<string> paths)
    {
        ArgumentNullException.ThrowIfNull(paths);
        foreach (string path in paths)
        {
            if (Directory.Exists(path))
            {
                _folders.Add(Path.GetFullPath(path));
                continue;
            }
            int equals = path.IndexOf('=', StringComparison.Ordinal);
            bool isNamed = !File.Exists(path) && equals > 0;
            string file = isNamed ? path[(equals + 1)..] : path, name = isNamed ? path[..equals] : Path.GetFileNameWithoutExtension(path);
            if (!File.Exists(file))
            {
                throw new FileNotFoundException(Directory.Exists(file) ? $"{file} is a folder, and NAME=PATH names one file: give the "
                    + "folder by itself." : $"There is no model {file}.", file);
            }
            if (!_files.TryAdd(name, Path.GetFullPath(file)))
                throw new ArgumentException($"Two models are named '{name}': name one otherwise, as NAME={file}.", nameof(paths));
        }
        if (_files.Count + _folders.Count == 0)
            throw new ArgumentException("There is no model to serve.", nameof(paths));
        Required = [.. _files.Keys];
    }

    /// <summary>The models that were named, and are to be there.</summary>
    internal IReadOnlyList<string> Required { get; }

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<string>> ListAsync(CancellationToken cancellation = default)
        => new([.. _files.Keys.Concat(_folders.Where(Directory.Exists).SelectMany(Directory.EnumerateFiles).Where(IsModel)
            .Select(path => Path.GetFileNameWithoutExtension(path))).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)]);

    /// <inheritdoc/>
    public ValueTask<string?> StampAsync(string name, CancellationToken cancellation = default)
    {
        FileInfo? file = Find(name) is { } path ? new FileInfo(path) : null;
        return new(file is { Exists: true } ? $"{file.LastWriteTimeUtc.Ticks} {file.Length} {file.FullName}" : null);
    }

    /// <inheritdoc/>
    public async ValueTask<byte[]?> ReadAsync(string name, CancellationToken cancellation = default)
    {
        try
        {
            return Find(name) is { } path ? await File.ReadAllBytesAsync(path, cancellation).ConfigureAwait(false) : null;
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null; // gone since it was found
        }
    }

    private static bool IsModel(string path)
    {
        string name = Path.GetFileName(path);
        return s_endings.Contains(Path.GetExtension(name), StringComparer.Ordinal) && name[0] != '.'
            && !name.Contains(".tmp.", StringComparison.Ordinal);
    }

    private string? Find(string name)
    {
        if (_files.TryGetValue(name, out string? file))
            return file;
        // a name comes from a caller, and must not lead out of the folder
        if (name.Length == 0 || Path.GetFileName(name) != name)
            return null;
        return _folders.SelectMany(folder => s_endings.Select(ending => Path.Combine(folder, name + ending)))
            .FirstOrDefault(path => File.Exists(path) && IsModel(path));
    }
}
