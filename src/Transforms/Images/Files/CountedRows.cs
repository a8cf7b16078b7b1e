using System.Collections;

namespace RealNvp.ML.Transforms.Images.Files;

/// <summary>
/// Rows whose number is known before they are read: ML.NET's LoadFromEnumerable asks for a collection, and of that only for the count.
/// </summary>
internal static class CountedRows
{
    /// <summary>The rows, as a collection where the count is known.</summary>
    public static IEnumerable<TRow> Of<TRow>(IEnumerable<TRow> rows, int? count)
        => count is { } known ? new Counted<TRow>(rows, known) : rows;

    private sealed class Counted<TRow>(IEnumerable<TRow> rows, int count) : ICollection<TRow>
    {
        public int Count => count;

        public bool IsReadOnly => true;

        public IEnumerator<TRow> GetEnumerator() => rows.GetEnumerator();

        IEnumerator IEnumerable.GetEnumerator() => rows.GetEnumerator();

        public bool Contains(TRow item) => throw new NotSupportedException();

        public void CopyTo(TRow[] array, int arrayIndex) => throw new NotSupportedException();

        public void Add(TRow item) => throw new NotSupportedException();

        public bool Remove(TRow item) => throw new NotSupportedException();

        public void Clear() => throw new NotSupportedException();
    }
}
