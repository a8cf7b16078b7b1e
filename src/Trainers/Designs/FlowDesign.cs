using System.Text.Json.Serialization;
using RealNvp.ML.Export;
using RealNvp.ML.Export.Steps;
using RealNvp.ML.Trainers.Data.Batches;
using RealNvp.ML.Trainers.Data.Columns;
using RealNvp.ML.Trainers.Data.Rows;
using RealNvp.ML.Trainers.Flows;
using RealNvp.ML.Trainers.Native;
using RealNvp.ML.Transforms.Columns;
using RealNvp.ML.Transforms.Scoring;
using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Trainers.Designs;

/// <summary>
/// What a flow over a column consists of, and how its rows are treated in training, with every choice made but those that only rows can
/// tell: <see cref="Facts"/> are what they tell. Whatever differs between tables and images is here.
/// </summary>
internal abstract record FlowDesign
{
    /// <summary>Evaluations after which a flow that started as a Gaussian stays one, where none was better.</summary>
    private protected const int GaussianPatience = 4;

    /// <summary>The shape of a row.</summary>
    public required FlowShape Shape { get; init; }

    /// <summary>What the nets read beside the features; null for nothing.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] // runs without one are those of before there were conditions
    public ConditionDesign? Condition { get; init; }

    /// <summary>The number of values of a row: its features, and its condition where there is one.</summary>
    [JsonIgnore]
    public int RowSize => Shape.Size + (Condition?.Size ?? 0);

    /// <summary>Whether the nets inside the couplings compute in bfloat16 in training.</summary>
    public bool BFloat16 { get; init; }

    /// <summary>What training rows say of the columns.</summary>
    /// <param name="training">Training rows, or a sample of them.</param>
    /// <param name="statistics">Of all training rows, where they are more.</param>
    /// <param name="column">What the column and its values are called.</param>
    /// <param name="warn">Receives what is odd about the rows.</param>
    /// <exception cref="ArgumentException">The rows are not what the design is for.</exception>
    public abstract ColumnFacts Facts(WeightedRows training, ColumnStatistics? statistics, ColumnNames column, Action<string> warn);

    /// <summary>What messages call a value of a row.</summary>
    [JsonIgnore]
    public virtual string ValueName => Condition is null ? "feature" : "feature or condition";

    /// <summary>Whether rows that are held out may be copies of training rows, and it is cheap to find out.</summary>
    public abstract bool LooksForCopies { get; }

    /// <summary>What a training of this many rows has by default.</summary>
    /// <param name="rows">The rows to train on.</param>
    /// <param name="different">How many of them are no copies of others, as far as that is known.</param>
    public abstract TrainingDefaults DefaultsOf(long rows, long different);

    /// <summary>Numbers that a flow holds, where they are many and known before there is one; 0 elsewhere.</summary>
    public virtual long CountNumbers() => 0;

    /// <summary>Why its flows have no values of a kind, as a sentence that says what to do; null where they have them.</summary>
    public abstract string? WhyNot(DensityOutput output);

    /// <summary>A fresh flow, on the CPU.</summary>
    /// <param name="facts">What is known of the columns.</param>
    /// <param name="dropout">The share of hidden values that training drops.</param>
    /// <param name="seed">Of the initial weights and all else that is drawn once.</param>
    /// <param name="noise">Draws what training draws; must outlive it.</param>
    public abstract Flow Build(ColumnFacts facts, double dropout, int seed, DeviceRandom noise);

    /// <summary>What is added to the rows of a batch.</summary>
    /// <param name="facts">What is known of the columns.</param>
    /// <param name="gaussian">The noise that was asked for, in scales of each feature.</param>
    /// <param name="random">Draws the noise.</param>
    /// <param name="device">Where the rows are.</param>
    public abstract TrainingNoise Noise(ColumnFacts facts, double gaussian, DeviceRandom random, Device device);

    /// <summary>Mirrors the images of a batch, where that is asked for.</summary>
    public virtual HorizontalFlips? Flips(DeviceRandom random) => null;

    /// <summary>Takes conditions from the rows of a batch, where that is asked for.</summary>
    public ConditionDropout? ConditionDropout(DeviceRandom random)
        => Condition is { Dropout: > 0 } condition ? new(Shape.Size, condition.Dropout, random) : null;

    /// <summary>The rows that a run looks at between its steps.</summary>
    /// <param name="sample">Training rows.</param>
    /// <param name="validation">Rows that choose the best model, if any.</param>
    /// <param name="facts">What is known of the columns.</param>
    /// <param name="seed">Of the noise of discrete features.</param>
    public abstract EvaluationRows Evaluation(DeviceRows sample, DeviceRows? validation, ColumnFacts facts, int seed);

    /// <summary>
    /// The distribution of a trained flow's latents, where that is not to be the standard normal's, and by how many nats it makes training
    /// and validation rows more likely.
    /// </summary>
    /// <param name="flow">In evaluation mode.</param>
    /// <param name="rows">What it was trained with.</param>
    /// <param name="facts">What is known of the columns.</param>
    /// <param name="seed">Of all that is drawn.</param>
    public virtual (LatentMixture Mixture, double TrainingGain, double ValidationGain)? FitLatents(Flow flow, EvaluationRows rows,
        ColumnFacts facts, int seed) => null;

    /// <summary>The weight of the latent's tail, which a trained flow gets; 0 for none.</summary>
    /// <param name="rows">How many different rows train.</param>
    public virtual double TailWeightOf(long rows) => 0;

    /// <summary>Bits per dimension from nats; null where they have no meaning.</summary>
    public virtual BitsPerDimension? Bits(ColumnFacts facts) => null;

    /// <summary>What is said of each feature, and zeros for the condition.</summary>
    private protected float[] WithCondition(float[] perFeature)
        => Condition is null ? perFeature : [.. perFeature, .. new float[Condition.Size]];

    /// <summary>The facts with what rows do not tell of the condition; warns of what is odd about its columns and the others.</summary>
    private protected ColumnFacts Told(ColumnFacts facts, ColumnNames column, Action<string> warn)
    {
        if (facts.Condition is { } told)
        {
            facts = facts with
            {
                Condition = new(told.Mean, told.StandardDeviation, Condition!.MayBeUnknown, column.Condition?.Names.Features ?? []),
            };
        }
        if (facts.Constant.Count > 0)
        {
            warn("These are the same in all training rows, and tell nothing: "
                + ShortList.Of([.. facts.Constant.Select(column.Call)]) + ". No other value of theirs moves anything: leave them out "
                + "of the condition, or train on rows in which they vary.");
        }
        foreach (var stretches in facts.Stretches.ToLookup(stretch => stretch.Column < Shape.Size))
        {
            warn($"{(stretches.Key ? $"In column '{column.Name}' s" : "S")}tandard deviation and quartiles disagree, as of skewed features "
                + "or where a code stands for missing values; these are scaled by quartiles: "
                + ShortList.Of([.. stretches.Select(stretch => $"{column.Call(stretch.Column)} ({stretch.Remark})")], "; ")
                + ". Replace codes by NaN or a usual value, and take logarithms of skewed features.");
        }
        int[] features = [.. facts.TooFine.Where(j => j < Shape.Size)], conditions = [.. facts.TooFine.Where(j => j >= Shape.Size)];
        if (features.Length > 0)
        {
            warn($"In column '{column.Name}' these count as constant, for they vary by less than float32 resolves: "
                + ShortList.Of([.. features.Select(column.Call)]) + ". Subtract a constant from them, or scale them up.");
        }
        if (conditions.Length > 0)
        {
            warn("These vary by little more than float32 resolves at their size, so that nearby values are one: "
                + ShortList.Of([.. conditions.Select(column.Call)]) + ". Subtract a constant from them, or scale tiny ones up, "
                + "before they become floats.");
        }
        return facts;
    }

    /// <summary>Rows with one draw of the noise of discrete features.</summary>
    private protected DeviceRows Dequantized(DeviceRows rows, ColumnFacts facts, int seed)
    {
        using DisposeScope scope = NewDisposeScope();
        using var random = new DeviceRandom(seed, rows.Rows.device);
        return Dequantized(rows.Rows, rows.Weights, facts, random);
    }

    /// <summary>The same of tensors that are the caller's.</summary>
    private protected DeviceRows Dequantized(Tensor rows, Tensor? weights, ColumnFacts facts, DeviceRandom random)
    {
        using DisposeScope scope = NewDisposeScope();
        using TrainingNoise noise = Noise(facts, gaussian: 0, random, rows.device);
        return new(noise.Dequantized(rows).DetachFromDisposeScope(), weights?.clone().DetachFromDisposeScope());
    }
}

/// <summary>The condition of a flow.</summary>
/// <param name="Size">The number of its values, C.</param>
/// <param name="Dropout">The share of training rows that lose their condition, from 0 to below 1.</param>
internal sealed record ConditionDesign(int Size, double Dropout)
{
    /// <summary>Whether NaN stands for what is not known.</summary>
    [JsonIgnore]
    public bool MayBeUnknown => Dropout > 0;
}

/// <summary>Bits per dimension are the NLL in nats times <paramref name="PerNat"/>, plus <paramref name="Offset"/>.</summary>
internal sealed record BitsPerDimension(double PerNat, double Offset)
{
    /// <summary>Of an NLL in nats.</summary>
    public double Of(double nll) => nll * PerNat + Offset;
}
