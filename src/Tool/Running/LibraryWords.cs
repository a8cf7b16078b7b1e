namespace RealNvp.ML.Tool.Running;

/// <summary>
/// Messages of the library that tell of its options, in those of the command line. A test holds them against the library's own sources.
/// </summary>
internal static class LibraryWords
{
    /// <summary>What the library says, and what the tool says instead.</summary>
    internal static (string Library, string Tool)[] All { get; } =
    [
        ("Raise CalibrationFraction or Contamination, or set a threshold with WithThreshold.",
            "Train on more rows, raise --contamination, or give --threshold when rows are scored."),
        ("Take a larger one, set a threshold with WithThreshold, or train with more calibration rows.",
            "Raise --contamination, flag by --threshold, or train on more rows."),
        ("Give more rows, raise Dropout or Noise, lower LearningRate, or take fewer Couplings and HiddenUnits.",
            "Give more rows, or lower --couplings and --hidden."),
        ("the flow overfits (raise Dropout), or batch norm statistics jump (raise BatchSize, lower LearningRate).",
            "the flow overfits (lower --couplings and --hidden), or batch norm statistics jump."),
        ("than Contamination says. Name the column that tells groups apart (devices, patients, days) as SamplingKeyColumnName, so that all "
            + "rows of one stand in one slice, leave copies out, or give rows of other groups as Validation and Calibration.",
            "than --contamination says. Name the column that tells groups apart (devices, patients, days) as --group, so that all rows of "
            + "one stand in one slice, or leave copies out."),
        ("Replace codes by NaN or a usual value, and take logarithms of skewed features.",
            "Name codes with --na, and take logarithms of skewed features."),
        ("Replace missing values before, or set NonFiniteRows to Skip.", "Replace missing values before."),
        (" has 1 usable rows, ", " has 1 usable row, "),
    ];

    /// <summary>A message in the tool's words.</summary>
    public static string Of(string message)
        => All.Aggregate(message, (text, words) => text.Replace(words.Library, words.Tool, StringComparison.Ordinal));
}
