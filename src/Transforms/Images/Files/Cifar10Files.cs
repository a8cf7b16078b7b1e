using System.Numerics.Tensors;

namespace RealNvp.ML.Transforms.Images.Files;

/// <summary>CIFAR-10 in its binary version (Krizhevsky 2009).</summary>
internal sealed class Cifar10Files
{
    private const int RecordSize = 1 + 3 * 32 * 32;

    private readonly string[] _files;

    /// <summary>The named files, and the training files of the named folders. Only lengths are looked at.</summary>
    public Cifar10Files(string[] paths)
    {
        ArgumentNullException.ThrowIfNull(paths);
        if (paths.Length == 0)
            throw new ArgumentException("No file is named. Expected: CIFAR-10 files, or a folder with them.", nameof(paths));
        _files = [.. paths.SelectMany(path => Directory.Exists(path) ? TrainingFiles(path) : [RecordFile.Existing(path)])];
        Count = 0;
        foreach (string file in _files)
        {
            if (RecordFile.Length(file) is not { } length)
                Count = null;
            else if (length == 0 || length % RecordSize != 0)
                throw Damaged(file, length);
            else
                Count += checked((int)(length / RecordSize));
        }
    }

    /// <summary>The classes, in the order of their labels.</summary>
    public static string[] ClassNames { get; } = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

    /// <summary>How many records there are, or null where a file is compressed.</summary>
    public int? Count { get; }

    /// <summary>The records.</summary>
    public IEnumerable<LabelledImageRow> Rows()
    {
        byte[] record = new byte[RecordSize];
        var row = new LabelledImageRow { Features = new float[RecordSize - 1] };
        foreach (string path in _files)
        {
            using var file = new RecordFile(path);
            int read;
            while ((read = file.Read(record)) == RecordSize)
            {
                if (record[0] >= ClassNames.Length)
                    throw WrongLabel(path, file.Position / RecordSize - 1, record[0]);
                row.Label = record[0];
                TensorPrimitives.ConvertChecked<byte, float>(record.AsSpan(1), row.Features);
                yield return row;
            }
            if (read > 0 || file.Position == 0)
                throw Damaged(path, file.Position);
        }
    }

    private static IEnumerable<string> TrainingFiles(string folder)
    {
        string[] files = [.. Directory.EnumerateFiles(folder)
            .Where(file => Name(file).EndsWith(".bin", StringComparison.Ordinal)
                && (Name(file).StartsWith("data_batch_", StringComparison.Ordinal)
                    || Name(file).StartsWith("cifar10-train-", StringComparison.Ordinal)))
            // a file that lies beside its compressed copy is read once
            .OrderBy(file => file, StringComparer.Ordinal).DistinctBy(Name)];
        return files.Length > 0
            ? files
            : throw new FileNotFoundException(
                $"The folder '{folder}' has no CIFAR-10 training file. Expected: data_batch_*.bin or cifar10-train-*.bin, or with .gz.",
                folder);

        static string Name(string file)
        {
            string name = Path.GetFileName(file);
            return RecordFile.IsCompressed(name) ? name[..^3] : name;
        }
    }

    private static InvalidDataException WrongLabel(string path, long record, byte label)
        => new($"'{path}' is no CIFAR-10: record {record} has the label {label}. Expected: 0 to 9.");

    private static InvalidDataException Damaged(string path, long length)
        => new($"'{path}' has {length} bytes{(RecordFile.IsCompressed(path) ? " decompressed" : "")}. Expected for CIFAR-10: a multiple "
        + $"of {RecordSize}, not 0.");
}
