namespace RealNvp.ML.Trainers.Training;

/// <summary>The row indices of the training, the validation and the calibration slice: a seeded shuffle cut in three.</summary>
internal sealed record RowSplit(int[] Training, int[] Validation, int[] Calibration)
{
    /// <summary>Cuts <paramref name="count"/> rows; every slice with a positive fraction gets at least one row, training keeps the rest.</summary>
    public static RowSplit Draw(int count, double validationFraction, double calibrationFraction, int seed)
    {
        int[] order = [.. Enumerable.Range(0, count)];
        new Random(seed).Shuffle(order);
        int Share(double fraction) => fraction > 0 ? Math.Max(1, (int)Math.Round(fraction * count)) : 0;
        int validation = Share(validationFraction), calibration = Share(calibrationFraction);
        return new RowSplit(order[(validation + calibration)..], order[..validation], order[validation..(validation + calibration)]);
    }
}
