namespace RealNvp.ML.Transforms.Images.Files;

/// <summary>Labels in the IDX format: one unsigned byte for each image.</summary>
internal static class IdxLabels
{
    /// <summary>All labels, which must be as many as the images.</summary>
    public static byte[] Read(string path, IdxImages images)
    {
        using var file = new RecordFile(RecordFile.Existing(path));
        int count = IdxHeader.Read(file, dimensions: 1)[0];
        if (count != images.Count)
            throw new InvalidDataException($"'{path}' has {count} labels. Expected: {images.Count}, one for each image.");
        // grows with what is there, whatever the header says
        var labels = new MemoryStream();
        byte[] part = new byte[1 << 16];
        for (int read; labels.Length <= count && (read = file.Read(part)) > 0;)
            labels.Write(part, 0, read);
        if (labels.Length != count)
        {
            throw new InvalidDataException(
                $"'{path}' holds {labels.Length}{(labels.Length > count ? " or more" : "")} labels. Its header says {count}.");
        }
        return labels.ToArray();
    }
}
