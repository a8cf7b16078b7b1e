using System.IO.Compression;

namespace RealNvp.ML.Tool.Running;

/// <summary>
/// A file that appears whole or not at all: it is written beside its place, under a name that readers of the folder pass over, and renamed
/// at the end. What a killed process left is overwritten by the next one. (The library's own way to do so is internal to it, and lets two
/// processes write one file, of which the later stays: between the parts of a batch that would be a fault that nobody sees.) What is no
/// file, as /dev/null and pipes are, is written to as it is: a file must not take its place. Rows are compressed where the name ends in
/// .gz, as they are read.
/// </summary>
internal sealed class WholeFile : IDisposable
{
    private readonly string _path, _partial = "";
    private readonly FileStream _file;
    private bool _done;

    /// <summary>Begins a file; makes its folder where there is none.</summary>
    /// <param name="path">Where it will be.</param>
    /// <param name="ofRows">Whether a name may ask for compression.</param>
    /// <exception cref="ToolException">Another process is writing the same file.</exception>
    public WholeFile(string path, bool ofRows = false)
    {
        bool isPacked = ofRows && path.EndsWith(".gz", StringComparison.OrdinalIgnoreCase);
        _path = Path.GetFullPath(path);
        if (Special(_path) is { } special)
        {
            (_file, _done) = (special, true);
            Stream = isPacked ? new GZipStream(special, CompressionLevel.Optimal) : special;
            return;
        }
        string folder = Path.GetDirectoryName(_path)!;
        try
        {
            Directory.CreateDirectory(folder);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ToolException($"{path} cannot be written: {e.Message}");
        }
        if (Directory.Exists(_path))
            throw new ToolException($"{path} is a folder; -o must name a file here.");
        _partial = Path.Combine(folder, $".{Path.GetFileName(_path)}.partial");
        try
        {
            _file = new FileStream(_partial, FileMode.Create, FileAccess.ReadWrite, FileShare.None);
            Stream = isPacked ? new GZipStream(_file, CompressionLevel.Optimal, leaveOpen: true) : _file;
        }
        catch (IOException e) when (File.Exists(_partial))
        {
            throw new ToolException($"{path} is being written by another process, it seems ({e.Message}).");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ToolException($"{path} cannot be written: {e.Message}");
        }
    }

    /// <summary>What goes into the file.</summary>
    public Stream Stream { get; }

    /// <summary>Puts the file in its place.</summary>
    public void Complete()
    {
        if (_done)
            return;
        if (Stream != _file)
            Stream.Dispose(); // the end of what is compressed
        _file.Flush(flushToDisk: true);
        _file.Dispose();
        File.Move(_partial, _path, overwrite: true);
        _done = true;
    }

    /// <summary>Removes what is not complete.</summary>
    public void Dispose()
    {
        try
        {
            Stream.Dispose();
            _file.Dispose();
        }
        finally
        {
            if (!_done)
                File.Delete(_partial);
        }
    }

    /// <summary>What stands at a path, opened, where it is no file; null where it is one, or nothing is there.</summary>
    private static FileStream? Special(string path)
    {
        if (OperatingSystem.IsWindows() || !File.Exists(path))
            return null;
        FileStream? open = null;
        try
        {
            string target = File.ResolveLinkTarget(path, returnFinalTarget: true)?.FullName ?? path;
            open = new FileStream(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0);
            if (!open.CanSeek || (target.StartsWith("/dev/", StringComparison.Ordinal)
                && !target.StartsWith("/dev/shm/", StringComparison.Ordinal)))
                return open;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // a file that must not be written to can still be replaced; what cannot is told when that is tried
        }
        open?.Dispose();
        return null;
    }
}
