namespace RealNvp.ML.Trainers.Data.Rows;

/// <summary>Which slice the rows of a sampling key belong to: all of them to one, a seeded shuffle of the keys cut in three.</summary>
/// <param name="Validation">The keys that validate.</param>
/// <param name="Calibration">The keys that calibrate.</param>
internal sealed record KeySlices(HashSet<ulong> Validation, HashSet<ulong> Calibration)
{
    /// <summary>This many keys of a stream are distinguished; rows of later ones are trained on.</summary>
    public const int MostKeys = 1 << 20;

    /// <summary>Cuts keys as <see cref="RowSplit.Draw"/> cuts rows.</summary>
    public static KeySlices Draw(IReadOnlyCollection<ulong> keys, double validationFraction, int leastValidation,
        double calibrationFraction, double contamination, int seed)
    {
        ulong[] each = [.. keys];
        RowSplit split = RowSplit.Draw(each.Length, validationFraction, leastValidation, calibrationFraction, contamination, seed,
            leastTraining: 1);
        return new([.. split.Validation.Select(i => each[i])], [.. split.Calibration.Select(i => each[i])]);
    }

    /// <summary>The slice of a key's rows.</summary>
    public Slice Of(ulong key) => Validation.Contains(key) ? Slice.Validation
        : Calibration.Contains(key) ? Slice.Calibration
        : Slice.Training;
}
