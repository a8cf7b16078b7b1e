using System.Collections.Immutable;
using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Export;
using RealNvp.ML.Transforms.MlNet;

namespace RealNvp.ML.Transforms.Scoring;

/// <summary>What an added column holds.</summary>
internal enum DensityOutput
{
    Score,
    PredictedLabel,
    LogLikelihood,
    PValue,
    Typicality,
    TypicalityPValue,
    BitsPerDimension,
    Contributions,
    Latent,
    ScoreMap,
    MapMaximum,
    MapMaximumPValue,
    MapMaximumLabel,
}

/// <summary>A column that a flow adds: its name, its meaning, and from both its type and annotations.</summary>
internal sealed record DensityColumn(DensityOutput Output, string Name)
{
    /// <summary>The columns that a flow adds, in their order.</summary>
    /// <param name="columns">Their names; bits per dimension, contributions and those of the map are added where they have one.</param>
    /// <param name="hasLatent">Whether the flow has a latent: a mixture has none.</param>
    public static IEnumerable<DensityColumn> Of(RealNvpColumns columns, bool hasLatent)
    {
        yield return new(DensityOutput.Score, columns.Score);
        yield return new(DensityOutput.PredictedLabel, columns.PredictedLabel);
        yield return new(DensityOutput.LogLikelihood, columns.LogLikelihood);
        yield return new(DensityOutput.PValue, columns.PValue);
        yield return new(DensityOutput.Typicality, columns.Typicality);
        yield return new(DensityOutput.TypicalityPValue, columns.TypicalityPValue);
        if (columns.BitsPerDimension is { } bitsPerDimension)
            yield return new(DensityOutput.BitsPerDimension, bitsPerDimension);
        if (columns.Contributions is { } contributions)
            yield return new(DensityOutput.Contributions, contributions);
        if (columns.ScoreMap is { } map)
            yield return new(DensityOutput.ScoreMap, map);
        if (columns.MapMaximum is { } maximum)
            yield return new(DensityOutput.MapMaximum, maximum);
        if (columns.MapMaximumPValue is { } pValue)
            yield return new(DensityOutput.MapMaximumPValue, pValue);
        if (columns.MapMaximumLabel is { } label)
            yield return new(DensityOutput.MapMaximumLabel, label);
        if (hasLatent)
            yield return new(DensityOutput.Latent, columns.Latent);
    }

    /// <summary>Whether the column is told from the score map.</summary>
    public static bool NeedsMap(DensityOutput output)
        => output is DensityOutput.ScoreMap or DensityOutput.MapMaximum or DensityOutput.MapMaximumPValue or DensityOutput.MapMaximumLabel;

    /// <summary>What a model lacks to give a column, as a sentence; null where it gives it.</summary>
    public static string? WhyNot(FlowModel model, DensityOutput output) => output switch
    {
        DensityOutput.BitsPerDimension => model.WhyNotDiscrete,
        DensityOutput.Contributions => model.WhyNoContributions,
        _ when NeedsMap(output) => model.WhyNoScoreMap,
        _ => null,
    };

    /// <summary>The column for a schema.</summary>
    /// <param name="shape">That of a row.</param>
    /// <param name="setId">The score set; from <see cref="ScoreAnnotations.NextSetId"/>.</param>
    /// <param name="featureNames">Names of the features, or empty: slot names of the contributions.</param>
    public DataViewSchema.DetachedColumn Detach(FlowShape shape, uint setId, ImmutableArray<string> featureNames) => Output switch
    {
        DensityOutput.Score => new(Name, NumberDataViewType.Single, ScoreAnnotations.Of(setId, Output.ToString())),
        DensityOutput.PredictedLabel => new(Name, BooleanDataViewType.Instance, ScoreAnnotations.Of(setId, Output.ToString())),
        DensityOutput.Latent => new(Name, new VectorDataViewType(NumberDataViewType.Single, shape.Size)),
        DensityOutput.Contributions => new(Name, new VectorDataViewType(NumberDataViewType.Single, shape.Size), SlotNames.Of(featureNames)),
        DensityOutput.ScoreMap => new(Name, new VectorDataViewType(NumberDataViewType.Single,
            shape.IsImage ? shape.Dimensions.RemoveAt(0) : shape.Dimensions)), // vectors have none but in the shapes of schemas
        DensityOutput.MapMaximumLabel => new(Name, BooleanDataViewType.Instance),
        _ => new(Name, NumberDataViewType.Single),
    };
}
