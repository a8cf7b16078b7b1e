namespace RealNvp.ML.Trainers.Data.Rows;

/// <summary>Which slice a row of a stream belongs to: by its number among the usable rows.</summary>
internal enum Slice
{
    Training,
    Validation,
    Calibration,
}

/// <summary>
/// Assigns streamed rows to slices: row i's depends on the seed and i alone, or on its sampling key where rows have one.
/// </summary>
internal sealed record SliceRule(long Seed, double Validation, double Calibration, KeySlices? Keys = null)
{
    /// <summary>The slice of usable row <paramref name="row"/>.</summary>
    public Slice Of(long row, ulong key = 0)
    {
        if (Keys is not null)
            return Keys.Of(key);
        if (Validation + Calibration == 0)
            return Slice.Training;
        double u = new RowHash(Seed).Uniform(row);
        return u < Validation ? Slice.Validation : u < Validation + Calibration ? Slice.Calibration : Slice.Training;
    }
}
