using System.Collections.Immutable;
using System.Globalization;
using RealNvp.ML.Export;
using RealNvp.ML.Trainers.Data;
using RealNvp.ML.Trainers.Data.Columns;
using RealNvp.ML.Trainers.Designs;
using RealNvp.ML.Trainers.Training;

namespace RealNvp.ML.Trainers.Freezing;

/// <summary>Writes down how a flow was trained, for the model's metadata.</summary>
internal static class TrainingSummary
{
    /// <summary>What there is to say before the training.</summary>
    public static FlowMetadata Before(ImmutableArray<string> names, TrainingData data, RunSettings settings, TrainingPlan plan) => new()
        {
            FeatureNames = names,
            FeatureMedians = [.. TypicalRow.Of(data.Facts, names)],
            FeatureLevels = [.. data.Facts.Levels.Select(levels => levels.ToImmutableArray())],
            OneHotGroups = [.. data.Facts.OneHotGroups.Select(group => group.ToImmutableArray())],
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
                ["seed"] = settings.Seed,
            }.ToImmutableSortedDictionary(pair => pair.Key, pair => InText(pair.Value), StringComparer.Ordinal)
             .Add("device", settings.Device.ToString())
             .AddRange(data.Facts.Whitening is not { } whitening ? [] : [
                 KeyValuePair.Create("whitening_shrinkage", whitening.Shrinkage.ToString(CultureInfo.InvariantCulture)),
                 KeyValuePair.Create("whitening_power", whitening.Power.ToString(CultureInfo.InvariantCulture)),
                 KeyValuePair.Create("couplings", ((TableDesign)settings.Design).CouplingsFor(data.Facts)
                     .ToString(CultureInfo.InvariantCulture))])
             .AddRange(data.Facts.Gaussian is not { } gaussian ? [] : [
                 KeyValuePair.Create("whitening_shrinkage", gaussian.Shrinkage.ToString(CultureInfo.InvariantCulture)),
                 KeyValuePair.Create("whitening_power", gaussian.Power.ToString(CultureInfo.InvariantCulture)),
                 .. gaussian.KnowsPositions ? new[] {
                     KeyValuePair.Create("position_mean_maps", gaussian.MeanMaps.ToString(CultureInfo.InvariantCulture)),
                     KeyValuePair.Create("position_variance_maps", gaussian.VarianceMaps.ToString(CultureInfo.InvariantCulture)) } : []])
             .AddRange(settings.Design.Condition is not { } condition ? [] : [KeyValuePair.Create("condition_dropout",
                 condition.Dropout.ToString(CultureInfo.InvariantCulture))]),
        };

    /// <summary>That with what came of it.</summary>
    /// <param name="before">What was said before.</param>
    /// <param name="outcomes">Of each member that learns.</param>
    /// <param name="threads">Of libtorch.</param>
    /// <param name="elapsed">How long it took; null where that is not known.</param>
    public static FlowMetadata After(FlowMetadata before, IReadOnlyList<TrainingOutcome> outcomes, long threads, TimeSpan? elapsed)
    {
        var facts = new Dictionary<string, IFormattable>
        {
            ["steps"] = outcomes.Sum(outcome => outcome.Steps),
            ["rollbacks"] = outcomes.Sum(outcome => outcome.Rollbacks),
            ["training_log_likelihood"] = Mean(outcomes, outcome => outcome.TrainingLogLikelihood),
            ["validation_log_likelihood"] = Mean(outcomes, outcome => outcome.ValidationLogLikelihood),
            ["threads"] = threads,
        };
        if (outcomes.Sum(outcome => outcome.Components) is > 0 and var components)
            facts["latent_components"] = components;
        double used = outcomes.Select(outcome => outcome.LogScaleUse).DefaultIfEmpty(double.NaN).Max();
        if (!double.IsNaN(used))
            facts["log_scale_use"] = Math.Round(used, 3);
        if (elapsed is { } time)
            facts["seconds"] = Math.Round(time.TotalSeconds, 1);
        return new()
        {
            FeatureNames = before.FeatureNames,
            FeatureMedians = before.FeatureMedians,
            FeatureLevels = before.FeatureLevels,
            OneHotGroups = before.OneHotGroups,
            Training = before.Training.SetItems(facts.Select(pair => KeyValuePair.Create(pair.Key, InText(pair.Value))))
                .SetItems(outcomes.Count == 0 ? [] : [KeyValuePair.Create("kept_step", string.Join(' ', outcomes.Select(outcome
                    => InText(outcome.Kept))))]),
        };
    }

    private static string InText(IFormattable value) => value.ToString(null, CultureInfo.InvariantCulture);

    // of the members, each by itself; NaN where there was nothing to learn
    private static double Mean(IReadOnlyList<TrainingOutcome> outcomes, Func<TrainingOutcome, double> select)
        => outcomes.Count == 0 ? double.NaN : outcomes.Average(select);
}
