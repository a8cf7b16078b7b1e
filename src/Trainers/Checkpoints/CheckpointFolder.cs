using System.Globalization;
using RealNvp.ML.Export.Storage;

namespace RealNvp.ML.Trainers.Checkpoints;

/// <summary>
/// The checkpoints of one training run: files named by the step, of which the last two are kept, so that there is one where the newest is
/// damaged. Of a mixture each member has files of its own, for members come to their steps at different times.
/// </summary>
internal sealed class CheckpointFolder : IDisposable
{
    private const string Prefix = "checkpoint-", MemberPrefix = "member-", Suffix = ".rnvpckpt";
    private const int Kept = 2;

    private readonly string _path;
    private readonly int _members;
    private readonly FileStream? _lock;

    /// <summary>
    /// A folder, made where it is missing, which no other run can have until disposed of: each would remove the other's files. What a
    /// killed process left half written is removed.
    /// </summary>
    /// <exception cref="IOException">It cannot be written, or another run has it.</exception>
    /// <param name="path">The folder.</param>
    /// <param name="members">Of the run.</param>
    /// <param name="writes">Whether this process writes; one that only reads takes no part in who has the folder.</param>
    public CheckpointFolder(string path, int members = 1, bool writes = true)
    {
        _members = members;
        FileStream? held = null;
        try
        {
            _path = Directory.CreateDirectory(path).FullName;
            if (!writes)
                return;
            held = new FileStream(Path.Combine(_path, "run.lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None,
                bufferSize: 1, FileOptions.DeleteOnClose);
            held.Write("A training run has this folder."u8); // a full disk is better found now than after hours
            held.Flush(flushToDisk: true);
            foreach (string half in Directory.EnumerateFiles(_path, "*" + Suffix + ".*.tmp"))
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
        if (Files("").FirstOrDefault() is { } found)
            throw new InvalidOperationException($"The checkpoint folder '{_path}' holds {Path.GetFileName(found)} of an earlier run: set "
                + "Resume to go on from it, or choose another folder.");
    }

    /// <summary>Requires that a run of as many members wrote what is here: the files of another would be passed over.</summary>
    /// <param name="require">Throws where a checkpoint is of another run.</param>
    /// <exception cref="InvalidOperationException">Another run did.</exception>
    public void RequireNoOther(Action<Checkpoint> require)
    {
        string[] own = [.. Enumerable.Range(0, _members).Select(PrefixOf)];
        foreach (string other in Files("").Where(file => !own.Any(prefix
            => Path.GetFileName(file).StartsWith(prefix, StringComparison.Ordinal))))
        {
            try
            {
                require(Checkpoint.Read(other));
            }
            catch (DamagedCheckpointException)
            {
                continue; // it is nobody's
            }
            throw new InvalidOperationException($"The checkpoint {other} is of this run, but of a layout before members had files of their "
                + "own: go on with the version that wrote it, or choose another folder.");
        }
    }

    /// <summary>Writes a checkpoint beside its place and renames it, then removes old ones of the member.</summary>
    /// <param name="member">Whose it is.</param>
    /// <param name="step">Its steps so far.</param>
    /// <param name="checkpoint">What to write.</param>
    public void Save(int member, long step, Checkpoint checkpoint)
    {
        string prefix = PrefixOf(member);
        AtomicFile.Write(Path.Combine(_path, prefix + step.ToString("D12", CultureInfo.InvariantCulture) + Suffix), checkpoint.Write);
        foreach (string old in Files(prefix).Skip(Kept))
            File.Delete(old);
    }

    /// <summary>Goes on from the newest checkpoint of a member that is whole and fits.</summary>
    /// <param name="member">Whose.</param>
    /// <param name="goOn">Goes on from one; throws <see cref="DamagedCheckpointException"/> where its content does not fit.</param>
    /// <param name="warn">Receives a word on every one that does not, with its name.</param>
    /// <returns>False where there is none.</returns>
    public bool GoOn(int member, Action<Checkpoint> goOn, Action<string> warn)
    {
        foreach (string file in Files(PrefixOf(member)).ToArray())
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

    /// <summary>
    /// The newest whole checkpoint of each member that has one. Takes no lock and changes nothing: a run may write there meanwhile, and
    /// remove what it has replaced.
    /// </summary>
    /// <param name="path">The folder.</param>
    /// <exception cref="DirectoryNotFoundException">There is none.</exception>
    /// <exception cref="FileNotFoundException">There is no checkpoint in it.</exception>
    /// <exception cref="InvalidDataException">All of a member are damaged.</exception>
    public static IReadOnlyList<(string File, Checkpoint Checkpoint)> Newest(string path)
    {
        const int Tries = 20; // each time newer files have taken the place of those that were listed
        if (!Directory.Exists(path))
            throw new DirectoryNotFoundException($"There is no folder '{path}' to read a checkpoint from.");
        for (int i = 0; ; i++)
        {
            try
            {
                IGrouping<string, string>[] members = [.. Directory.EnumerateFiles(path, $"*{Prefix}*{Suffix}").GroupBy(file
                    => Path.GetFileName(file)[..Path.GetFileName(file).LastIndexOf('-')]).OrderBy(MemberOf)];
                return members.Length > 0
                    ? [.. members.Select(files => Newest([.. files.OrderDescending(StringComparer.Ordinal)]))]
                    : throw new FileNotFoundException($"The folder '{path}' has no checkpoint (*{Suffix}): its run has written none yet, "
                        + "or none goes there.", path);
            }
            catch (FileNotFoundException) when (i < Tries)
            {
            }
        }

        static int MemberOf(IGrouping<string, string> files)
            => files.Key.Split('-') is [_, var number, ..] && int.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture,
                out int member) ? member : 0;
    }

    private static (string, Checkpoint) Newest(string[] files)
    {
        var faults = new List<string>();
        foreach (string file in files)
        {
            try
            {
                return (file, Checkpoint.Read(file));
            }
            catch (DamagedCheckpointException e)
            {
                faults.Add($"The checkpoint {file} cannot be used: {e.Message}.");
            }
        }
        throw new InvalidDataException(string.Join(' ', faults));
    }

    public void Dispose() => _lock?.Dispose();

    /// <summary>The newest first: names have their steps with leading zeros.</summary>
    private IEnumerable<string> Files(string prefix)
        => Directory.EnumerateFiles(_path, prefix + "*" + Suffix).OrderDescending(StringComparer.Ordinal);

    private string PrefixOf(int member)
        => _members == 1 ? Prefix : $"{MemberPrefix}{member + 1}-{Prefix}";
}
