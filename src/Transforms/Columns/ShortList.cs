namespace RealNvp.ML.Transforms.Columns;

/// <summary>Names for a message: the first few, and how many more there are.</summary>
internal static class ShortList
{
    private const int Most = 5;

    /// <summary>The list.</summary>
    public static string Of(IReadOnlyCollection<string> texts, string separator = ", ")
        => string.Join(separator, texts.Take(Most)) + (texts.Count > Most ? $"{separator}and {texts.Count - Most} more" : "");
}
