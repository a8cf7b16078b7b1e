namespace RealNvp.ML.Bench.Series;

/// <summary>How rows were flagged, beside what they are.</summary>
/// <param name="Found">Odd rows that were flagged.</param>
/// <param name="Missed">Odd rows that were not.</param>
/// <param name="False">Others that were.</param>
/// <param name="Quiet">Others that were not.</param>
internal sealed record Alarms(int Found, int Missed, int False, int Quiet)
{
    /// <summary>Counts the rows of a file.</summary>
    public static Alarms Of(IEnumerable<(bool IsFlagged, bool IsOdd)> rows)
        => rows.Aggregate(new Alarms(0, 0, 0, 0), (sum, row) => row switch
        {
            (true, true) => sum with { Found = sum.Found + 1 },
            (false, true) => sum with { Missed = sum.Missed + 1 },
            (true, false) => sum with { False = sum.False + 1 },
            _ => sum with { Quiet = sum.Quiet + 1 },
        });

    /// <summary>Of several files together, as the published figures are.</summary>
    public static Alarms Sum(IEnumerable<Alarms> files) => files.Aggregate(new Alarms(0, 0, 0, 0), (sum, file) => new(
        sum.Found + file.Found, sum.Missed + file.Missed, sum.False + file.False, sum.Quiet + file.Quiet));

    /// <summary>The harmonic mean of precision and recall.</summary>
    public double F1 => 2.0 * Found / (2.0 * Found + False + Missed);

    /// <summary>The share of rows without an anomaly that were flagged.</summary>
    public double FalseAlarmRate => (double)False / (False + Quiet);

    /// <summary>The share of odd rows that were not.</summary>
    public double MissedAlarmRate => (double)Missed / (Missed + Found);
}
