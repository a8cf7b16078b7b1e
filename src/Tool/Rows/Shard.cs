using System.Globalization;

namespace RealNvp.ML.Tool.Rows;

/// <summary>A part of the work: the second of four is <c>2/4</c>.</summary>
/// <param name="Index">From 1.</param>
/// <param name="Count">Of all parts.</param>
internal sealed record Shard(int Index, int Count)
{
    /// <summary>Reads <c>i/n</c>; null where it is none.</summary>
    public static Shard? Read(string text)
        => text.Split('/') is [var first, var second]
        && int.TryParse(first, NumberStyles.None, CultureInfo.InvariantCulture, out int index)
        && int.TryParse(second, NumberStyles.None, CultureInfo.InvariantCulture, out int count)
        && index >= 1 && index <= count
        ? new(index, count) : null;

    /// <summary>Its files: every n-th, so that parts are alike where files grow or shrink by name.</summary>
    public IEnumerable<T> Of<T>(IEnumerable<T> files) => files.Where((_, i) => i % Count == Index - 1);

    /// <summary>Its blocks of one file: neighbours, so that the parts one after the other are the file.</summary>
    public Range Of(int blocks) => (int)((long)blocks * (Index - 1) / Count)..(int)((long)blocks * Index / Count);

    /// <summary>What a part of a file is called: <c>rows.csv</c> becomes <c>rows.2-of-4.csv</c>.</summary>
    public string Name(string file)
    {
        int dot = file.IndexOf('.', 1);
        string part = $".{Index}-of-{Count}";
        return dot < 0 ? file + part : file[..dot] + part + file[dot..];
    }
}
