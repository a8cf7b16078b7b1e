using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;
using Microsoft.ML;
using RealNvp.ML.Export;

namespace RealNvp.ML.Transforms.MlNet;

/// <summary>
/// The settings of a transformer inside a saved ML.NET model: their length, their bytes and the SHA-256 of these, so that a damaged
/// threshold or column name is known before it is used. Layouts from before there were digests are read as they are.
/// </summary>
internal static class SavedSettings
{
    /// <summary>Settings are names and numbers: more bytes than this are none.</summary>
    private const int MostBytes = 1 << 26;

    /// <summary>Writes the settings of a transformer.</summary>
    /// <param name="context">The context that ML.NET passes to <see cref="ICanSaveModel.Save"/>.</param>
    /// <param name="layout">What is written.</param>
    /// <param name="write">Writes them.</param>
    public static void Save(ModelSaveContext context, SavedLayout layout, Action<BinaryWriter> write)
    {
        using var content = new MemoryStream();
        using (var settings = new BinaryWriter(content, Encoding.UTF8, leaveOpen: true))
            write(settings);
        ReadOnlySpan<byte> bytes = content.GetBuffer().AsSpan(0, (int)content.Length);
        BinaryWriter writer = MlNetInternals.BeginSave(context, layout);
        writer.Write(bytes.Length);
        writer.Write(bytes);
        writer.Write(SHA256.HashData(bytes));
    }

    /// <summary>Writes a list of settings.</summary>
    public static void WriteList<T>(BinaryWriter writer, ImmutableArray<T> list, Action<T> write)
    {
        writer.Write(list.Length);
        foreach (T item in list)
            write(item);
    }

    /// <summary>Reads what <see cref="WriteList"/> wrote.</summary>
    public static ImmutableArray<T> ReadList<T>(BinaryReader reader, Func<T> read)
    {
        // one by one: a damaged count ends at the end of the stream, before memory is taken for it
        var list = ImmutableArray.CreateBuilder<T>();
        for (int left = reader.ReadInt32(); left > 0; left--)
            list.Add(read());
        return list.ToImmutable();
    }

    /// <summary>Reads what <see cref="Save"/> wrote.</summary>
    /// <param name="context">A ModelLoadContext.</param>
    /// <param name="layout">What can be read.</param>
    /// <param name="read">Makes settings of the bytes and the layout that they are of.</param>
    /// <exception cref="FlowModelException">The settings are damaged, or of a layout that this version does not know.</exception>
    public static T Load<T>(object context, SavedLayout layout, Func<BinaryReader, uint, T> read)
    {
        (BinaryReader reader, uint written, uint readable) = MlNetInternals.BeginLoad(context);
        string entry = $"The entry of {layout.LoaderSignature} in the saved model";
        if (readable > layout.Version)
        {
            throw new FlowModelException($"{entry} is of layout {readable:X8}, and this version of RealNvp.ML reads up to "
                + $"{layout.Version:X8}: the file is newer. Load it with the version that saved it, or a later one.");
        }
        if (written < layout.Oldest || written > layout.Version)
        {
            throw new FlowModelException($"{entry} is damaged: it is of layout {written:X8}, and there are {layout.Oldest:X8} to "
                + $"{layout.Version:X8}.");
        }
        try
        {
            if (written < layout.Sealed)
                return read(reader, written);
            int length = reader.ReadInt32();
            if (length is < 0 or > MostBytes)
                throw new InvalidDataException($"its settings have {length} bytes");
            byte[] bytes = reader.ReadBytes(length), digest = reader.ReadBytes(SHA256.HashSizeInBytes);
            if (!SHA256.HashData(bytes).AsSpan().SequenceEqual(digest))
                throw new InvalidDataException("its settings do not match their SHA-256 digest");
            using var settings = new BinaryReader(new MemoryStream(bytes), Encoding.UTF8);
            return read(settings, written);
        }
        catch (Exception e) when (e is IOException or InvalidDataException or ArgumentException or FormatException or OverflowException
            or InvalidOperationException)
        {
            // without e: ML.NET wraps this, and what is innermost is to be what is promised
            throw new FlowModelException($"{entry} is damaged: {e.Message}");
        }
    }
}
