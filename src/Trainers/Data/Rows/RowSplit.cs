namespace RealNvp.ML.Trainers.Data.Rows;

/// <summary>The row indices of the training, the validation and the calibration slice: a seeded shuffle cut in three.</summary>
internal sealed record RowSplit(int[] Training, int[] Validation, int[] Calibration)
{
    /// <summary>Rows that a training has at least; there are more than the slices need.</summary>
    public const int LeastTraining = 2;

    /// <summary>
    /// Cuts <paramref name="count"/> rows; every slice with a positive fraction gets at least one row, training keeps the rest, and never
    /// less than <paramref name="leastTraining"/>. The validation slice grows to <paramref name="leastValidation"/> rows, a quarter of all
    /// at most. A threshold at contamination c needs 1/c - 1 calibration rows: the slice grows to that where it then is at most a quarter
    /// of the rows. Neither grows by more than half of what the fractions leave to training. More than are kept
    /// (<see cref="Export.Calibration.MaxScores"/>) are not taken from training.
    /// </summary>
    public static RowSplit Draw(int count, double validationFraction, int leastValidation, double calibrationFraction,
        double contamination, int seed, int leastTraining = LeastTraining)
    {
        int[] order = [.. Enumerable.Range(0, count)];
        new Random(seed).Shuffle(order);
        int Share(double fraction) => fraction > 0 ? Math.Max(1, (int)Math.Round(fraction * count)) : 0;
        int calibration = Math.Min(Share(calibrationFraction), Export.Calibration.MaxScores);
        int validation = AtMost(Share(validationFraction), count - leastTraining - Math.Min(calibration, 1));
        calibration = AtMost(calibration, count - leastTraining - validation);
        static int AtMost(int slice, int most) => Math.Max(Math.Min(slice, most), Math.Min(slice, 1));
        int Most(int slice)
        {
            int rest = count - validation - calibration;
            return slice + Math.Min(rest / 2, Math.Max(0, rest - leastTraining));
        }
        if (validation > 0)
            validation = Math.Max(validation, Math.Min(Math.Min(leastValidation, count / 4), Most(validation)));
        double needed = Export.Calibration.RowsFor(contamination);
        if (calibration > 0 && calibration < needed && needed <= Math.Min(count / 4, Most(calibration)))
            calibration = (int)needed;
        return new RowSplit(order[(validation + calibration)..], order[..validation], order[validation..(validation + calibration)]);
    }

    /// <summary>The share of a stream's rows that validates, as <see cref="Draw"/> cuts them.</summary>
    public static double ValidationShare(long count, double validationFraction, int leastValidation)
        => validationFraction > 0 ? Math.Max(validationFraction, Math.Min(leastValidation, count / 4) / (double)count) : 0;

    /// <summary>
    /// Cuts rows by their keys: all rows of a key to one slice, and of each key that calibrates one row, see <see cref="OneOfEachKey"/>.
    /// </summary>
    public static RowSplit By(KeySlices slices, IReadOnlyList<ulong> keys, int seed)
    {
        int[] order = [.. Enumerable.Range(0, keys.Count)];
        new Random(seed).Shuffle(order);
        ILookup<Slice, int> rows = order.ToLookup(row => slices.Of(keys[row]));
        return new RowSplit([.. rows[Slice.Training]], [.. rows[Slice.Validation]],
            [.. rows[Slice.Calibration].DistinctBy(row => keys[row])]); // the first of a random order is a random one
    }
}
