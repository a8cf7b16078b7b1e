namespace RealNvp.ML.Tool.Verbs;

/// <summary>A copy of standard input in a temporary file, for training reads rows more than once.</summary>
internal sealed class Spool : IDisposable
{
    private string? _path;

    /// <summary>Reads a stream to its end.</summary>
    /// <returns>The file that holds it until this is disposed.</returns>
    /// <exception cref="OperationCanceledException">Whoever writes the stream need not be waited for any more.</exception>
    public string Take(Stream stream, CancellationToken cancellation)
    {
        _path = Path.Combine(Path.GetTempPath(), $"realnvp-{Guid.NewGuid():N}.csv");
        using FileStream file = File.Create(_path);
        Task.Run(() => stream.CopyTo(file), CancellationToken.None).Wait(cancellation);
        return _path;
    }

    public void Dispose()
    {
        if (_path is not null)
            File.Delete(_path);
    }
}
