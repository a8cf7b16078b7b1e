using System.Buffers.Binary;

namespace RealNvp.ML.Transforms.Images.Files;

/// <summary>
/// The header of an IDX file: two zeros, the type of the values (8: unsigned byte), the number of dimensions, then the size of each.
/// </summary>
internal static class IdxHeader
{
    /// <summary>The header's length in bytes.</summary>
    public static int Size(int dimensions) => 4 + 4 * dimensions;

    /// <summary>Reads the sizes, the first of which counts the items.</summary>
    /// <exception cref="InvalidDataException">The file has another header.</exception>
    public static int[] Read(RecordFile file, int dimensions)
    {
        byte[] header = new byte[Size(dimensions)];
        int read = file.Read(header);
        if (read < header.Length || header[0] != 0 || header[1] != 0 || header[2] != 8 || header[3] != dimensions)
        {
            throw new InvalidDataException(
                $"'{file.FilePath}' begins with {Convert.ToHexString(header, 0, read)}. Expected: 000008{dimensions:X2}, an IDX file of "
                    + $"unsigned bytes in {dimensions} dimensions, and its sizes.");
        }
        int[] sizes = [.. Enumerable.Range(0, dimensions).Select(i => BinaryPrimitives.ReadInt32BigEndian(header.AsSpan(4 + 4 * i)))];
        return sizes[0] > 0
            ? sizes
            : throw new InvalidDataException($"'{file.FilePath}' says that it has {sizes[0]} items. Expected: 1 or more.");
    }
}
