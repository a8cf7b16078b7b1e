using Microsoft.ML;
using RealNvp.ML.Export;
using RealNvp.ML.Trainers.Data.Batches;
using RealNvp.ML.Trainers.Data.Columns;
using RealNvp.ML.Trainers.Data.Rows;
using RealNvp.ML.Trainers.Designs;

namespace RealNvp.ML.Trainers.Data;

/// <summary>
/// Reads the rows of a training run. What fits is read once and held; otherwise the first pass only counts, a second one takes statistics
/// and the held-out slices, and every epoch is a pass.
/// </summary>
internal sealed class TrainingDataReader
{
    /// <summary>
    /// Rows of a stream that are kept for medians, running statistics and the final likelihood, and at most this many bytes of them.
    /// </summary>
    private const int SampleRows = 1 << 16, SampleBytes = 64 << 20;

    /// <summary>Fewer rows than these tell of no density.</summary>
    private const double FewRows = 10;

    private readonly RowSettings _settings;
    private readonly FlowDesign _design;
    private readonly Action<string> _warn;
    private readonly int _features; // and the values of a condition, where there is one: of a row
    private ColumnNames _names;

    /// <summary>A reader of rows.</summary>
    /// <param name="settings">Columns, slices and limits.</param>
    /// <param name="design">What the rows are for.</param>
    /// <param name="warn">Receives what is odd about the rows.</param>
    public TrainingDataReader(RowSettings settings, FlowDesign design, Action<string> warn)
    {
        (_settings, _design, _warn) = (settings, design, warn);
        _features = design.RowSize;
        _names = new(settings.FeatureColumn, []);
    }

    private string Column => _settings.FeatureColumn;

    private int SampleCapacity => Math.Max(256, Math.Min(SampleRows, SampleBytes / (sizeof(float) * _features)));

    /// <summary>Reads <paramref name="input"/>, and the views of the options.</summary>
    /// <exception cref="ArgumentException">There are too few rows, non-finite ones where they are to fail, wrong weights or pixels outside
    /// the levels.</exception>
    public TrainingData Read(IDataView input)
    {
        RowSource source = SourceOf(input, _settings.SamplingKeyColumn);
        _names = ColumnNames.Of(input.Schema, Column, _design.Shape.Size);
        if (_design.Condition is { } condition)
        {
            _names = _names with
            {
                Condition = (_design.Shape.Size, ColumnNames.Of(input.Schema, _settings.ConditionColumn!, condition.Size)),
            };
        }
        (RowStore? held, long count, LeftOut leftOut, List<ulong> keys, HashSet<ulong> distinct) = Hold(source);
        CheckRows(count, leftOut);
        KeySlices? slices = source.HasKeys ? Slices(distinct) : null;
        long skipped = leftOut.NotFinite;
        WeightedRows? validation = Given(_settings.Validation, nameof(_settings.Validation), SampleCapacity);
        WeightedRows? calibration = Given(_settings.Calibration, nameof(_settings.Calibration), Calibration.MaxScores);
        return held is not null
            ? Resident(held, skipped, source.HasWeights, validation, calibration, slices, keys)
            : Streamed(source, count, skipped, validation, calibration, slices);
    }

    /// <summary>The most rows that are held: what the limit allows, and one array takes. More of them stream.</summary>
    internal static long MostRows(long residentLimit, int features)
        => Math.Min(residentLimit / sizeof(float), RowStore.MostValues) / features;

    /// <summary>Cuts the sampling keys.</summary>
    /// <exception cref="ArgumentException">They are too few.</exception>
    private KeySlices Slices(HashSet<ulong> keys)
    {
        int least = LeastRows - 1; // of a single key one can train
        if (keys.Count < least)
        {
            throw new ArgumentException($"The sampling keys of column '{_settings.SamplingKeyColumn}' have {keys.Count} different "
                + $"values, expected at least {least}: all rows of a key stand in one slice, and each slice needs one.", "input");
        }
        return KeySlices.Draw(keys, _settings.ValidationFraction, _settings.LeastValidation, _settings.CalibrationFraction,
            _settings.Contamination, _settings.Seed);
    }

    /// <summary>Reads all rows, and keeps them as long as they fit; with them their sampling keys, and which of these there are.</summary>
    private (RowStore? Held, long Count, LeftOut LeftOut, List<ulong> Keys, HashSet<ulong> Distinct) Hold(RowSource source)
    {
        var keys = new List<ulong>();
        var distinct = new HashSet<ulong>();
        RowStore? held = new(_features);
        long count = 0, most = MostRows(_settings.ResidentLimit, _features);
        using RowSource.Pass pass = source.Open();
        while (pass.MoveNext())
        {
            _settings.Cancellation.ThrowIfCancellationRequested();
            if (++count > most) held = null;
            else held?.Add(pass.Row, pass.Weight);
            if (!source.HasKeys)
                continue;
            if (held is not null)
                keys.Add(pass.Key);
            if (held is not null || distinct.Count < KeySlices.MostKeys)
                distinct.Add(pass.Key);
        }
        WarnOfWeights(pass.EffectiveRows, count);
        return (held, count, LeftOut.Of(pass, _names), keys, distinct);
    }

    private TrainingData Resident(RowStore held, long skipped, bool weighted, WeightedRows? validation, WeightedRows? calibration,
        KeySlices? slices, List<ulong> keys)
    {
        RowSplit split = slices is null
            ? RowSplit.Draw(held.Count, _settings.ValidationFraction, _settings.LeastValidation, _settings.CalibrationFraction,
                _settings.Contamination, _settings.Seed)
            : RowSplit.By(slices, keys, _settings.Seed);
        WeightedRows training = held.Gather(split.Training);
        if (split.Validation.Length > 0)
            validation = held.Gather(split.Validation);
        calibration ??= held.Gather(split.Calibration);
        CopiedRows? copies = Copies(training);
        WarnOfCopies(copies, split.Validation.Length > 0 ? validation : null, split.Calibration.Length > 0 ? calibration : null);
        ColumnFacts facts = Facts(training);
        DeviceRows rows = training.To(_settings.Device, weighted);
        return new TrainingData
        {
            TrainingCount = training.Count,
            DifferentRows = copies?.Different ?? training.Count,
            Skipped = skipped,
            Facts = facts,
            Sample = rows,
            Validation = validation?.To(_settings.Device, weighted),
            Calibration = calibration.Values,
            OpenBatches = (size, _, random) => new ResidentBatches(rows, size, random),
            IsStreamed = false,
        };
    }

    private TrainingData Streamed(RowSource source, long count, long skipped, WeightedRows? validation, WeightedRows? calibration,
        KeySlices? slices)
    {
        // held-out slices are held in memory: of a large stream less than the fraction is enough
        double validationShare = RowSplit.ValidationShare(count, _settings.ValidationFraction, _settings.LeastValidation);
        var rule = new SliceRule(_settings.Seed, Math.Min(validationShare, (double)SampleCapacity / count),
            Math.Min(_settings.CalibrationFraction, (double)Calibration.MaxScores / count), slices);
        var sample = new Reservoir(_features, SampleCapacity, _settings.Seed);
        var validationRows = new Reservoir(_features, SampleCapacity, _settings.Seed + 1);
        var calibrationRows = new Reservoir(_features, Calibration.MaxScores, _settings.Seed + 2);
        var calibrationKeys = new OneOfEachKey(_features, _settings.Seed + 2);
        var statistics = new ColumnStatistics(_features);
        long row = 0, training = 0;
        double weight = 0;
        using (RowSource.Pass pass = source.Open())
        {
            for (; pass.MoveNext(); row++)
            {
                _settings.Cancellation.ThrowIfCancellationRequested();
                switch (rule.Of(row, pass.Key))
                {
                    case Slice.Validation:
                        validationRows.Offer(pass.Row, pass.Weight);
                        break;
                    case Slice.Calibration when slices is not null:
                        calibrationKeys.Offer(pass.Key, pass.Row, pass.Weight);
                        break;
                    case Slice.Calibration:
                        calibrationRows.Offer(pass.Row, pass.Weight);
                        break;
                    default:
                        sample.Offer(pass.Row, pass.Weight);
                        statistics.Add(pass.Row, pass.Weight);
                        weight += pass.Weight;
                        training++;
                        break;
                }
            }
        }
        if (row != count)
            throw new ArgumentException($"Column '{Column}' gave {count} finite rows in one pass and {row} in the next: rows that stream "
                + "must be the same in each. Cache them, or raise ResidentLimit.", "input");
        WeightedRows sampled = sample.Sample();
        if (rule.Validation > 0)
            validation = validationRows.Sample();
        calibration ??= slices is null ? calibrationRows.Sample() : calibrationKeys.Sample();
        WarnOfCopies(Copies(sampled), rule.Validation > 0 ? validation : null, rule.Calibration > 0 ? calibration : null);
        return new TrainingData
        {
            TrainingCount = training,
            DifferentRows = training,
            Skipped = skipped,
            Facts = Facts(sampled, statistics),
            Sample = sampled.To(_settings.Device, source.HasWeights),
            Validation = validation is { Count: > 0 } ? validation.To(_settings.Device, source.HasWeights) : null,
            Calibration = calibration.Values,
            OpenBatches = (size, seed, _) => new StreamedBatches(
                () => new TrainingSlicePass(source, rule), training, _features, source.HasWeights ? weight : null, size,
                    _settings.ShufflePool, seed, _settings.Device),
            IsStreamed = true,
        };
    }

    private RowSource SourceOf(IDataView view, string? keyColumn = null) => new(view, Column, _design.Shape.Size,
        _settings.WeightColumn, _settings.ConditionColumn, _design.Condition?.Size ?? 0, _design.Condition?.MayBeUnknown ?? false,
        keyColumn);

    private ColumnFacts Facts(WeightedRows training, ColumnStatistics? statistics = null)
        => _design.Facts(training, statistics, _names, _warn);

    /// <summary>Says where nearly all the weight is on a few rows: statistics, training and validation are then of these alone.</summary>
    private void WarnOfWeights(double effective, long count)
    {
        if (effective < Math.Min(FewRows, count / 2.0))
        {
            _warn($"By the weights of column '{_settings.WeightColumn}' {count} rows count as {effective:F1}: nearly all the weight is on "
                + "a few of them, and the flow learns these. Where that is not meant, give weights that differ less.");
        }
    }

    /// <summary>What is known of copies of training rows; null where nobody asks.</summary>
    private CopiedRows? Copies(WeightedRows training) => _design.LooksForCopies ? new(training) : null;

    /// <summary>Says where slices that were cut by chance have rows in common.</summary>
    private void WarnOfCopies(CopiedRows? copies, WeightedRows? validation, WeightedRows? calibration)
    {
        double share = copies?.Share(validation, calibration) ?? 0;
        if (share < CopiedRows.Noteworthy)
            return;
        _warn($"{share:P0} of the held-out rows of column '{Column}' are copies of training rows: validation then cannot tell learning by "
            + "heart, and new rows are flagged more often than Contamination says. Name the column that tells groups apart (devices, "
            + "patients, days) as SamplingKeyColumnName, so that all rows of one stand in one slice, leave copies out, or give rows of "
            + "other groups as Validation and Calibration.");
    }

    /// <summary>The rows of a view of the options, of more than <paramref name="capacity"/> a random sample.</summary>
    private WeightedRows? Given(IDataView? view, string option, int capacity)
    {
        if (view is null)
            return null;
        var rows = new Reservoir(_features, capacity, _settings.Seed);
        using RowSource.Pass pass = SourceOf(view).Open();
        while (pass.MoveNext())
        {
            _settings.Cancellation.ThrowIfCancellationRequested();
            rows.Offer(pass.Row, pass.Weight);
        }
        WeightedRows sample = rows.Sample();
        return sample.Count > 0 ? sample
            : throw new ArgumentException($"The option {option} has no usable rows in column '{Column}', expected at least "
            + $"1{LeftOut.Of(pass, _names).Explain()}.");
    }

    private int LeastRows => RowSplit.LeastTraining
        + (_settings.ValidationFraction > 0 ? 1 : 0) + (_settings.CalibrationFraction > 0 ? 1 : 0);

    private void CheckRows(long count, LeftOut leftOut)
    {
        if (leftOut.NotFinite > 0)
        {
            if (_settings.RefusesNonFinite)
            {
                throw new ArgumentException($"Column '{Column}' has {leftOut.NotFinite} rows with a NaN or infinite "
                    + $"{_design.ValueName}, expected none{leftOut.ExplainFeatures()}. Replace missing values before, or set NonFiniteRows "
                    + "to Skip.", "input");
            }
            _warn($"{leftOut.NotFinite} rows with a NaN or infinite {_design.ValueName} in column '{Column}' are left out of "
                + $"training{leftOut.ExplainFeatures()}.");
        }
        int least = LeastRows;
        if (count < least)
        {
            throw new ArgumentException($"Column '{Column}' has {count} usable rows, expected at least {least}: "
                + $"{RowSplit.LeastTraining} to train on and 1 for each held-out slice{leftOut.Explain()}.", "input");
        }
    }
}
