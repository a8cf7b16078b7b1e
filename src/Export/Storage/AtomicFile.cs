using System.Security.Cryptography;
using System.Text;

namespace RealNvp.ML.Export.Storage;

/// <summary>
/// Writes files beside their target and renames them, so that a reader sees the old content or the new one, never half of it. What a
/// process that was killed has left beside a target is removed when that target is written again.
/// </summary>
internal static class AtomicFile
{
    private const string Ending = ".tmp";

    /// <summary>The longest name of a file, in bytes of UTF-8, on the file systems of Linux; no shorter elsewhere.</summary>
    private const int MostNameBytes = 255;

    /// <summary>"." and a random name of 8 + 3 letters.</summary>
    private const int RandomLength = 13;

    /// <summary>A file beside that is this old is left by a writer which has gone, where no lock tells.</summary>
    private static readonly TimeSpan s_old = TimeSpan.FromMinutes(10);

    /// <summary>Writes <paramref name="path"/> through <paramref name="write"/>; on failure the target is as it was.</summary>
    public static void Write(string path, Action<Stream> write)
    {
        ArgumentNullException.ThrowIfNull(write);
        Write(path, Ending, beside =>
        {
            using var stream = new FileStream(beside, FileMode.CreateNew, FileAccess.ReadWrite);
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
        Write(path, Ending + Path.GetExtension(path), write);
    }

    /// <summary>Writes <paramref name="content"/> to <paramref name="path"/>.</summary>
    public static void Write(string path, byte[] content) => Write(path, stream => stream.Write(content));

    private static void Write(string path, string ending, Action<string> write)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        RefuseDevice(path);
        string target = Path.GetFullPath(path), stem = Stem(target, ending), beside = stem + "." + Path.GetRandomFileName() + ending;
        try
        {
            RemoveLeftovers(stem, ending);
            write(beside);
            File.Move(beside, target, overwrite: true);
        }
        catch
        {
            File.Delete(beside);
            throw;
        }
    }

    /// <summary>Renamed over /dev/null a file would take its place, for all programs.</summary>
    private static void RefuseDevice(string path)
    {
        if (OperatingSystem.IsWindows() || !File.Exists(path))
            return;
        string target = File.ResolveLinkTarget(path, returnFinalTarget: true)?.FullName ?? Path.GetFullPath(path);
        if (target.StartsWith("/dev/", StringComparison.Ordinal) && !target.StartsWith("/dev/shm/", StringComparison.Ordinal))
            throw new IOException($"'{path}' is a device, whose place a file would take: save to a stream.");
    }

    /// <summary>How the names of files beside begin: as the target's, or with a digest of it where that leaves no room.</summary>
    private static string Stem(string target, string ending)
    {
        string name = Path.GetFileName(target);
        return Encoding.UTF8.GetByteCount(name) + RandomLength + Encoding.UTF8.GetByteCount(ending) <= MostNameBytes
            ? target
            : Path.Combine(Path.GetDirectoryName(target)!, Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(name)))[..32]);
    }

    /// <summary>Removes files beside that nobody writes to any more; where that fails they stay.</summary>
    private static void RemoveLeftovers(string stem, string ending)
    {
        string folder = Path.GetDirectoryName(stem)!, name = Path.GetFileName(stem);
        try
        {
            foreach (string file in Directory.EnumerateFiles(folder, "*" + ending))
            {
                string found = Path.GetFileName(file);
                if (found.Length == name.Length + RandomLength + ending.Length && found[name.Length] == '.'
                    && found.StartsWith(name, StringComparison.Ordinal) && IsAbandoned(file, ending))
                {
                    File.Delete(file);
                }
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
        }
    }

    /// <summary>Our own writers hold a lock for as long as they live; what others write by name is theirs until it is old.</summary>
    private static bool IsAbandoned(string file, string ending)
    {
        if (ending != Ending)
            return DateTime.UtcNow - File.GetLastWriteTimeUtc(file) > s_old;
        try
        {
            using var alone = new FileStream(file, FileMode.Open, FileAccess.ReadWrite, FileShare.None);
            return true;
        }
        catch (IOException)
        {
            return false;
        }
    }
}
