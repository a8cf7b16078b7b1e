using System.Security.Cryptography;
using Google.Protobuf;
using RealNvp.ML.Export.Onnx;

namespace RealNvp.ML.Pretrained.Graphs;

/// <summary>The file of a pretrained net: where it is found, and that it is the one that was meant.</summary>
internal static class NetFile
{
    /// <summary>The bytes of a file, wherever it is: at its path, beside the application, or in the working folder.</summary>
    /// <param name="path">As it was named.</param>
    /// <param name="digest">SHA-256 of the file that was meant, in hexadecimal; null where any will do.</param>
    /// <exception cref="FileNotFoundException">It is nowhere.</exception>
    /// <exception cref="InvalidDataException">What there is is another file.</exception>
    public static byte[] Read(string path, string? digest)
    {
        string? other = null;
        foreach (string place in Places(path).Where(File.Exists))
        {
            byte[] bytes = File.ReadAllBytes(place);
            if (digest is null || Digest(bytes) == digest)
                return bytes;
            other ??= $"{place} is another net than the one that was saved: its SHA-256 is {Digest(bytes)}, expected {digest}.";
        }
        if (other is not null)
            throw new InvalidDataException(other);
        string what = path.StartsWith("DnnImageModels/", StringComparison.Ordinal)
            ? "Add the package Microsoft.ML.DnnImageFeaturizer.ResNet18 to the application, which puts it there."
            : "Put it beside the application, or where it was when the pipeline was made.";
        throw new FileNotFoundException($"The pretrained net was not found, at none of {string.Join(", ", Places(path))}. {what}", path);
    }

    /// <summary>SHA-256 in hexadecimal.</summary>
    public static string Digest(byte[] bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes));

    /// <summary>The graph of a file.</summary>
    /// <exception cref="InvalidDataException">It is none, or has its weights elsewhere.</exception>
    public static ModelProto Parse(byte[] bytes, string path)
    {
        ModelProto model;
        try
        {
            model = ModelProto.Parser.ParseFrom(bytes);
        }
        catch (InvalidProtocolBufferException e)
        {
            throw new InvalidDataException($"{path} is no ONNX file: {e.Message}", e);
        }
        if (model.Graph is null || model.Graph.Node.Count == 0)
            throw new InvalidDataException($"{path} is no ONNX file with a graph.");
        if (model.Graph.Initializer.FirstOrDefault(tensor => tensor.DataLocation != 0) is { } outside)
        {
            throw new InvalidDataException($"{path} has weights in another file ('{outside.Name}'): save the net as one file "
                + "(onnx.save_model with save_as_external_data=False).");
        }
        return model;
    }

    private static IEnumerable<string> Places(string path) => new[]
    {
        Path.IsPathRooted(path) ? path : Path.Combine(AppContext.BaseDirectory, path),
        Path.GetFullPath(path),
        Path.Combine(AppContext.BaseDirectory, Path.GetFileName(path)),
        Path.GetFullPath(Path.GetFileName(path)),
    }.Distinct();
}
