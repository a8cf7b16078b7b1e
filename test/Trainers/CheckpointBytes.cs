using System.Security.Cryptography;
using System.Text;

namespace RealNvp.ML.Tests.Trainers;

/// <summary>
/// The format of checkpoint files, read and written by other code than the library's: magic, entries of name and value, SHA-256 of all
/// before.
/// </summary>
internal static class CheckpointBytes
{
    private const int Magic = 8, Hash = 32;

    /// <summary>How many entries of a file have names that begin so.</summary>
    public static int Count(string path, string prefix)
    {
        byte[] file = File.ReadAllBytes(path);
        int count = 0;
        for (int at = Magic; at < file.Length - Hash;)
        {
            int nameLength = BitConverter.ToInt32(file, at);
            if (Encoding.UTF8.GetString(file, at + 4, nameLength).StartsWith(prefix, StringComparison.Ordinal))
                count++;
            at += 12 + nameLength + checked((int)BitConverter.ToInt64(file, at + 4 + nameLength));
        }
        return count;
    }

    /// <summary>
    /// Changes one entry of a file, or removes it where <paramref name="change"/> gives null; the checksum is right again afterwards.
    /// </summary>
    public static void Change(string path, string entry, Func<byte[], byte[]?> change)
    {
        byte[] file = File.ReadAllBytes(path);
        using var content = new MemoryStream();
        content.Write(file.AsSpan(0, Magic));
        bool found = false;
        for (int at = Magic; at < file.Length - Hash;)
        {
            int nameLength = BitConverter.ToInt32(file, at);
            string name = Encoding.UTF8.GetString(file, at + 4, nameLength);
            int length = checked((int)BitConverter.ToInt64(file, at + 4 + nameLength)), start = at + 12 + nameLength;
            byte[]? value = file[start..(start + length)];
            at = start + length;
            if (name == entry)
            {
                found = true;
                value = change(value);
            }
            if (value is null)
                continue;
            content.Write(BitConverter.GetBytes(nameLength));
            content.Write(Encoding.UTF8.GetBytes(name));
            content.Write(BitConverter.GetBytes((long)value.Length));
            content.Write(value);
        }
        Assert.True(found, $"There is no entry {entry}.");
        content.Write(SHA256.HashData(content.ToArray()));
        File.WriteAllBytes(path, content.ToArray());
    }
}
