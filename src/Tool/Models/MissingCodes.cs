using System.Globalization;
using System.IO.Compression;
using RealNvp.ML.Tool.Tables;

namespace RealNvp.ML.Tool.Models;

/// <summary>
/// Numbers that stand for missing values, as -999, in a file of their own within a saved model: who scores rows need not name them again.
/// ML.NET passes the file over. In an application such cells must be NaN.
/// </summary>
internal static class MissingCodes
{
    private const string Entry = "realnvp-missing.txt";

    /// <summary>Adds codes to a saved model.</summary>
    /// <param name="model">The whole file, to read and to write.</param>
    /// <param name="codes">The numbers.</param>
    public static void Write(Stream model, IReadOnlyCollection<float> codes)
    {
        using var zip = new ZipArchive(model, ZipArchiveMode.Update, leaveOpen: true);
        using var text = new StreamWriter(zip.CreateEntry(Entry).Open()) { NewLine = "\n" };
        foreach (float code in codes)
            text.WriteLine(Cell.Text(code));
    }

    /// <summary>Reads them; none where a model has no such file.</summary>
    public static IReadOnlyList<float> Read(string path)
    {
        using ZipArchive zip = ZipFile.OpenRead(path);
        if (zip.GetEntry(Entry) is not { } entry)
            return [];
        using var text = new StreamReader(entry.Open());
        return [.. text.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(line => float.Parse(line, CultureInfo.InvariantCulture))];
    }
}
