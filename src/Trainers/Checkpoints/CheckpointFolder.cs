using System.Globalization;
using RealNvp.ML.Export.Storage;

namespace RealNvp.ML.Trainers.Checkpoints;

/// <summary>
/// The checkpoints of one training run: files named by the step, of which the last two are kept, so that there is one where the newest is
/// damaged.
/// </summary>
internal sealed class CheckpointFolder : IDisposable
{
    private const string Prefix = "checkpoint-", Suffix = ".rnvpckpt";
    private const int Kept = 2;

    private readonly string _path;
    private readonly FileStream _lock;

    /// <summary>
    /// A folder, made where it is missing, which no other run can have until disposed of: each would remove the other's files. What a
    /// killed process left half written is removed.
    /// </summary>
    /// <exception cref="IOException">It cannot be written, or another run has it.</exception>
    public CheckpointFolder(string path)
    {
        FileStream? held = null;
        try
        {
            _path = Directory.CreateDirectory(path).FullName;
            held = new FileStream(Path.Combine(_path, "run.lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None,
                bufferSize: 1, FileOptions.DeleteOnClose);
            held.Write("A training run has this folder."u8); // a full disk is better found now than after hours
            held.Flush(flushToDisk: true);
            foreach (string half in Directory.EnumerateFiles(_path, Prefix + "*" + Suffix + ".*.tmp"))
                File.Delete(half);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            held?.Dispose();
            throw new IOException($"The checkpoint folder '{path}' cannot be written, or another run has it: {e.Message}", e);
        }
        _lock = held;
    }

    /// <summary>Requires that no other run has written here.</summary>
    /// <exception cref="InvalidOperationException">There are checkpoints.</exception>
    public void RequireEmpty()
    {
        if (Files().FirstOrDefault() is { } found)
            throw new InvalidOperationException($"The checkpoint folder '{_path}' holds {Path.GetFileName(found)} of an earlier run: set "
                + "Resume to go on from it, or choose another folder.");
    }

    /// <summary>Writes a checkpoint beside its place and renames it, then removes old ones.</summary>
    /// <param name="step">Steps of the whole run so far.</param>
    /// <param name="checkpoint">What to write.</param>
    public void Save(long step, Checkpoint checkpoint)
    {
        AtomicFile.Write(Path.Combine(_path, Prefix + step.ToString("D12", CultureInfo.InvariantCulture) + Suffix), checkpoint.Write);
        foreach (string old in Files().Skip(Kept))
            File.Delete(old);
    }

    /// <summary>Goes on from the newest checkpoint that is whole and fits.</summary>
    /// <param name="goOn">Goes on from one; throws <see cref="DamagedCheckpointException"/> where its content does not fit.</param>
    /// <param name="warn">Is told of every one that does not, by its name.</param>
    /// <returns>False where there is none.</returns>
    public bool GoOn(Action<Checkpoint> goOn, Action<string> warn)
    {
        foreach (string file in Files().ToArray())
        {
            try
            {
                goOn(Checkpoint.Read(file));
                return true;
            }
            catch (DamagedCheckpointException e)
            {
                warn($"The checkpoint {file} is left aside: {e.Message}.");
            }
        }
        return false;
    }

    public void Dispose() => _lock.Dispose();

    /// <summary>The newest first: names have their steps with leading zeros.</summary>
    private IEnumerable<string> Files() => Directory.EnumerateFiles(_path, Prefix + "*" + Suffix).OrderDescending(StringComparer.Ordinal);
}
