namespace RealNvp.ML.Tool.Running;

/// <summary>Numbers of things, as sentences have them.</summary>
internal static class Counted
{
    /// <summary>As "1 row" and "2,000 rows".</summary>
    public static string Of(long count, string thing) => $"{count:N0} {thing}{(count == 1 ? "" : "s")}";

    /// <summary>As "1 of 3 cells is" and "2 of 3 cells are".</summary>
    public static string Part(long part, long count, string thing) => $"{part:N0} of {Of(count, thing)} {(part == 1 ? "is" : "are")}";
}
