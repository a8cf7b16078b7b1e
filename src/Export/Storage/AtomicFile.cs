namespace RealNvp.ML.Export.Storage;

/// <summary>
/// Writes files beside their target and renames them, so that a reader sees the old content or the new one, never half of it.
/// </summary>
internal static class AtomicFile
{
    /// <summary>Writes <paramref name="path"/> through <paramref name="write"/>; on failure the target is as it was.</summary>
    public static void Write(string path, Action<Stream> write)
    {
        ArgumentNullException.ThrowIfNull(write);
        Write(path, ".tmp", beside =>
        {
            using var stream = new FileStream(beside, FileMode.CreateNew, FileAccess.Write);
            write(stream);
            stream.Flush(flushToDisk: true);
        });
    }

    /// <summary>
    /// As the other overloads, for what opens its files itself: <paramref name="write"/> gets the name of the file beside, which ends as
    /// <paramref name="path"/> does.
    /// </summary>
    public static void WriteByName(string path, Action<string> write)
    {
        ArgumentNullException.ThrowIfNull(write);
        Write(path, ".tmp" + Path.GetExtension(path), write);
    }

    /// <summary>Writes <paramref name="content"/> to <paramref name="path"/>.</summary>
    public static void Write(string path, byte[] content) => Write(path, stream => stream.Write(content));

    private static void Write(string path, string ending, Action<string> write)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        string beside = Path.GetFullPath(path) + "." + Path.GetRandomFileName() + ending;
        try
        {
            write(beside);
            File.Move(beside, path, overwrite: true);
        }
        catch
        {
            File.Delete(beside);
            throw;
        }
    }
}
