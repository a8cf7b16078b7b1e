using System.Collections.Immutable;
using System.Text.Json;
using RealNvp.ML.Export;
using RealNvp.ML.Trainers.Checkpoints;
using RealNvp.ML.Trainers.Data;
using RealNvp.ML.Trainers.Data.Columns;
using RealNvp.ML.Trainers.Designs;
using RealNvp.ML.Trainers.Flows;
using RealNvp.ML.Trainers.Native;

namespace RealNvp.ML.Trainers.Training;

/// <summary>
/// All that a trained flow is made of beside its weights. Every checkpoint has it, so that a flow comes out of one without the rows and the
/// options of its run.
/// </summary>
internal sealed record FlowRecipe
{
    private const string Name = "recipe";

    /// <summary>What the flow consists of.</summary>
    public required FlowDesign Design { get; init; }

    /// <summary>What is known of the columns; of what only training needs, nothing.</summary>
    public required ColumnFacts Facts { get; init; }

    /// <summary>The number of flows in the mixture.</summary>
    public required int Members { get; init; }

    /// <summary>Of the run.</summary>
    public required int Seed { get; init; }

    /// <summary>The share of hidden values that training drops.</summary>
    public required double Dropout { get; init; }

    /// <summary>What is said of the flow before it is trained.</summary>
    public required FlowMetadata About { get; init; }

    /// <summary>The rows that calibrate, row-major, each with its condition after its features.</summary>
    public required float[] Calibration { get; init; }

    /// <summary>The share of rows to flag.</summary>
    public required double Contamination { get; init; }

    /// <summary>Whether the score map is calibrated too.</summary>
    public required bool CalibratesScoreMap { get; init; }

    /// <summary>The weight of the latent's tail; 0 for none.</summary>
    public required double TailWeight { get; init; }

    /// <summary>The recipe of a run.</summary>
    public static FlowRecipe Of(RunSettings settings, TrainingPlan plan, TrainingData data, FlowMetadata about) => new()
    {
        Design = settings.Design,
        Facts = data.Facts,
        Members = settings.Members,
        Seed = settings.Seed,
        Dropout = plan.Dropout,
        About = about,
        Calibration = data.Calibration,
        Contamination = settings.Contamination,
        CalibratesScoreMap = settings.CalibratesScoreMap,
        TailWeight = settings.Design.TailWeightOf(data.DifferentRows),
    };

    /// <summary>The seed of all that a member draws.</summary>
    public int SeedOf(int member) => unchecked(Seed + member * 1_000_003);

    /// <summary>A member before it is trained, on the CPU.</summary>
    /// <param name="member">Which.</param>
    /// <param name="random">Draws what training draws; must outlive it.</param>
    public Flow Build(int member, DeviceRandom random)
    {
        Flow flow = Design.Build(Facts, Dropout, SeedOf(member), random);
        flow.Tail = TailWeight > 0 ? new(Design.Shape.Size, TailWeight) : null;
        return flow;
    }

    /// <summary>Records it.</summary>
    public void Save(Checkpoint checkpoint)
    {
        SavedDesign design = SavedDesign.Of(Design);
        checkpoint.Add(Name, JsonSerializer.Serialize(new SavedRecipe(design.Kind, design.Values, Members, Seed, Dropout, Contamination,
            CalibratesScoreMap, [.. About.FeatureNames], About.Training.ToDictionary(),
            Facts.Whitening is { } found ? new(found.Shrinkage, found.Power, found.Rows) : null,
            Facts.Gaussian is { } of ? new(of.Shrinkage, of.Power, of.MeanMaps, of.VarianceMaps) : null,
            Facts.Condition is { } given ? new(given.MayBeUnknown, [.. given.Names]) : null, TailWeight,
            [.. About.OneHotGroups.Select(group => group.ToArray())]), SavedJson.Default.SavedRecipe));
        Add("medians", About.FeatureMedians.AsSpan());
        Add("levels", [.. About.FeatureLevels.SelectMany(levels => levels)]);
        Add("level_counts", [.. About.FeatureLevels.Select(levels => (float)levels.Length)]);
        Add("calibration", Calibration);
        Add("mean", Facts.Mean);
        Add("deviation", Facts.StandardDeviation);
        Add("widths", Facts.BinWidths);
        Add("map_noise", Facts.MapNoise);
        if (Facts.Whitening is { } whitening)
        {
            Add("axes", whitening.Axes);
            Add("axis_means", whitening.Mean);
            Add("axis_scales", whitening.Scales);
        }
        if (Facts.Gaussian is { } gaussian)
        {
            Add("map_whitening", gaussian.Whitening);
            Add("map_means", gaussian.Mean);
            Add("map_deviations", gaussian.Deviation);
        }
        if (Facts.Condition is { } condition)
        {
            Add("condition_mean", condition.Mean.AsSpan());
            Add("condition_deviation", condition.StandardDeviation.AsSpan());
        }

        void Add(string what, ReadOnlySpan<float> values) => checkpoint.AddFloats($"{Name}.{what}", values);
    }

    /// <summary>What a checkpoint has recorded.</summary>
    /// <exception cref="DamagedCheckpointException">Nothing, or what no run writes.</exception>
    public static FlowRecipe Load(Checkpoint checkpoint)
    {
        if (!checkpoint.Has(Name))
        {
            throw new DamagedCheckpointException("it is of a version that did not keep there what a flow is made of; the next one that "
                + "its run writes has it");
        }
        try
        {
            SavedRecipe saved = JsonSerializer.Deserialize(checkpoint.Text(Name), SavedJson.Default.SavedRecipe)
                ?? throw new JsonException("it is null");
            FlowDesign design = new SavedDesign(saved.Kind, saved.Design).Read();
            int size = design.Shape.Size, conditions = design.Condition?.Size ?? 0;
            int positions = checkpoint.Has($"{Name}.map_means") && checkpoint.Floats($"{Name}.map_means").Length > 0 ? size : 0;
            return new()
            {
                Design = design,
                Facts = new(Floats("mean", size), Floats("deviation", size), [], Floats("widths", size))
                {
                    MapNoise = checkpoint.Floats($"{Name}.map_noise"),
                    Gaussian = saved.Gaussian is { } gaussian
                        ? new(Floats("map_whitening", (long)design.Shape.Dimensions[0] * design.Shape.Dimensions[0]),
                            Floats("map_means", positions), Floats("map_deviations", positions))
                        {
                            Shrinkage = gaussian.Shrinkage,
                            Power = gaussian.Power,
                            MeanMaps = gaussian.MeanMaps,
                            VarianceMaps = gaussian.VarianceMaps,
                        }
                        : null,
                    Whitening = saved.Whitening is { } whitening
                        ? new(Floats("axes", (long)size * size), Floats("axis_means", size), Floats("axis_scales", size),
                            whitening.Shrinkage, whitening.Power, whitening.Rows)
                        : null,
                    Condition = saved.Condition is { } condition
                        ? new([.. Floats("condition_mean", conditions)], [.. Floats("condition_deviation", conditions)],
                            condition.MayBeUnknown, [.. condition.Names])
                        : null,
                },
                Members = saved.Members,
                Seed = saved.Seed,
                Dropout = saved.Dropout,
                About = new()
                {
                    FeatureNames = [.. saved.Names],
                    FeatureMedians = [.. checkpoint.Floats($"{Name}.medians")],
                    FeatureLevels = Levels(),
                    OneHotGroups = [.. (saved.OneHotGroups ?? []).Select(group => group.ToImmutableArray())],
                    Training = saved.Training.ToImmutableSortedDictionary(StringComparer.Ordinal),
                },
                Calibration = checkpoint.Floats($"{Name}.calibration"),
                Contamination = saved.Contamination,
                CalibratesScoreMap = saved.CalibratesScoreMap,
                TailWeight = saved.TailWeight,
            };
        }
        catch (Exception e) when (e is JsonException or ArgumentException or FlowModelException)
        {
            throw new DamagedCheckpointException($"'{Name}' is not what this version writes ({e.Message})");
        }

        ImmutableArray<ImmutableArray<float>> Levels()
        {
            if (!checkpoint.Has($"{Name}.levels")) // checkpoints of before they were told have none
                return [];
            float[] levels = checkpoint.Floats($"{Name}.levels");
            int[] counts = Array.ConvertAll(checkpoint.Floats($"{Name}.level_counts"), count => (int)count);
            Checkpoint.Require(counts.All(count => count >= 0) && counts.Sum(count => (long)count) == levels.Length,
                $"{Name}.levels: length", levels.Length);
            int first = 0;
            return [.. counts.Select(count => levels[first..(first += count)].ToImmutableArray())];
        }

        float[] Floats(string what, long count)
        {
            float[] values = checkpoint.Floats($"{Name}.{what}");
            Checkpoint.Require(values.Length == count, $"{Name}.{what}: length", values.Length);
            return values;
        }
    }
}
