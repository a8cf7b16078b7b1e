using System.Collections.Immutable;
using System.Globalization;
using RealNvp.ML.Export;
using RealNvp.ML.Trainers.Data;
using RealNvp.ML.Trainers.Data.Rows;
using RealNvp.ML.Trainers.Designs;
using RealNvp.ML.Trainers.Training;
using static TorchSharp.torch;

namespace RealNvp.ML.Trainers.Freezing;

/// <summary>Writes down how a flow was trained, for the model's metadata.</summary>
internal static class TrainingSummary
{
    public static FlowMetadata Metadata(Microsoft.ML.DataViewSchema.Column column, TrainingData data, RunSettings settings,
        TrainingPlan plan,
        IReadOnlyList<TrainingOutcome> outcomes, TimeSpan elapsed) => new()
        {
            FeatureNames = ColumnNames.Of(column, data.Facts.Mean.Length).Features,
            FeatureMedians = [.. data.Facts.Median],
            Training = new Dictionary<string, IFormattable>
            {
                ["rows"] = data.TrainingCount,
                ["validation_rows"] = data.Validation?.Count ?? 0,
                ["calibration_rows"] = data.Calibration.Length / settings.Design.RowSize,
                ["skipped_rows"] = data.Skipped,
                ["batch_size"] = plan.BatchSize,
                ["noise"] = plan.Noise,
                ["dropout"] = plan.Dropout,
                ["trim"] = plan.Trim,
                ["steps"] = outcomes.Sum(outcome => outcome.Steps),
                ["rollbacks"] = outcomes.Sum(outcome => outcome.Rollbacks),
                ["training_log_likelihood"] = Mean(outcomes, outcome => outcome.TrainingLogLikelihood),
                ["validation_log_likelihood"] = Mean(outcomes, outcome => outcome.ValidationLogLikelihood),
                ["seed"] = settings.Seed,
                ["threads"] = get_num_threads(),
                ["seconds"] = Math.Round(elapsed.TotalSeconds, 1),
            }.ToImmutableSortedDictionary(pair => pair.Key, pair
                => pair.Value.ToString(null, CultureInfo.InvariantCulture), StringComparer.Ordinal)
             .Add("device", settings.Device.ToString())
             .AddRange(data.Facts.Whitening is not { } whitening ? [] : [
                 KeyValuePair.Create("whitening_shrinkage", whitening.Shrinkage.ToString(CultureInfo.InvariantCulture)),
                 KeyValuePair.Create("whitening_power", whitening.Power.ToString(CultureInfo.InvariantCulture)),
                 KeyValuePair.Create("couplings", ((TableDesign)settings.Design).CouplingsFor(data.Facts)
                     .ToString(CultureInfo.InvariantCulture))])
             .AddRange(settings.Design.Condition is not { } condition ? [] : [KeyValuePair.Create("condition_dropout",
                 condition.Dropout.ToString(CultureInfo.InvariantCulture))]),
        };

    // of the members, each by itself; NaN where there was nothing to learn
    private static double Mean(IReadOnlyList<TrainingOutcome> outcomes, Func<TrainingOutcome, double> select)
        => outcomes.Count == 0 ? double.NaN : outcomes.Average(select);
}
