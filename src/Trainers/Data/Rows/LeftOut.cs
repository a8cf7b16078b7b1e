using System.Collections.Immutable;
using RealNvp.ML.Transforms.Columns;

namespace RealNvp.ML.Trainers.Data.Rows;

/// <summary>The rows that a pass left out, and why.</summary>
/// <param name="NotFinite">Rows with a NaN or infinite feature.</param>
/// <param name="Weightless">Rows of weight 0.</param>
/// <param name="Features">The features that were not finite and the rows where they were not, those of the most rows first.</param>
internal sealed record LeftOut(long NotFinite, long Weightless, ImmutableArray<string> Features)
{
    /// <summary>What a pass that has come to its end left out.</summary>
    public static LeftOut Of(RowSource.Pass pass, ColumnNames names)
    {
        long[] rows = pass.NotFinite.ToArray();
        return new(pass.Skipped, pass.Weightless,
            [.. Enumerable.Range(0, rows.Length).Where(j => rows[j] > 0).OrderByDescending(j => rows[j])
            .Select(j => $"{names.Call(j)} in {rows[j]} rows")]);
    }

    /// <summary>The end of a sentence: how many rows were left out and why.</summary>
    public string Explain()
    {
        string[] reasons = [.. new[]
        {
            NotFinite > 0 ? $"{NotFinite} that have a NaN or infinite feature{ExplainFeatures()}" : "",
            Weightless > 0 ? $"{Weightless} of weight 0" : "",
        }.Where(reason => reason.Length > 0)];
        return reasons.Length == 0 ? "" : $"; left out are {string.Join(" and ", reasons)}";
    }

    /// <summary>Which features are not finite, in brackets.</summary>
    public string ExplainFeatures() => Features.IsEmpty ? "" : $" ({ShortList.Of(Features)})";
}
