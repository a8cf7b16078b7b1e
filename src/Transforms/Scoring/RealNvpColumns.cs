using RealNvp.ML.Export;
using RealNvp.ML.Transforms.Scoring;

namespace RealNvp.ML.Transforms;

/// <summary>
/// The names of the columns that a flow adds; ML.NET's own by default. Rename the added ones where several flows stand in one
/// pipeline: a later column hides an earlier one of the same name.
/// </summary>
public sealed record RealNvpColumns
{
    /// <summary>ML.NET's names.</summary>
    public static RealNvpColumns Default { get; } = new();

    /// <summary>The input, which goes by a name of its own where columns are given.</summary>
    internal string Features { get; init; } = "Features";

    /// <summary>The condition, which goes by a name of its own too; null where the flow has none.</summary>
    internal string? Condition { get; init; }

    /// <summary>
    /// -LogLikelihood, <see cref="float"/>: higher is more anomalous, unbounded, may be negative; finite for every finite row.
    /// </summary>
    public string Score { get; init; } = "Score";

    /// <summary>Whether the score is above the threshold, <see cref="bool"/>.</summary>
    public string PredictedLabel { get; init; } = "PredictedLabel";

    /// <summary>The natural logarithm of the density in the units of the input column, <see cref="float"/>.</summary>
    public string LogLikelihood { get; init; } = "LogLikelihood";

    /// <summary>The share of held-out rows (this one counted) that score as high or higher, <see cref="float"/>.</summary>
    public string PValue { get; init; } = "PValue";

    /// <summary>
    /// |Score - mean of the held-out scores|, <see cref="float"/>: how far the row is from the typical set, on either side.
    /// </summary>
    public string Typicality { get; init; } = "Typicality";

    /// <summary>The share of held-out rows (this one counted) whose typicality is as high or higher, <see cref="float"/>.</summary>
    public string TypicalityPValue { get; init; } = "TypicalityPValue";

    /// <summary>
    /// What each feature adds to the score beside the medians of the training rows, vector of <see cref="float"/> in nats with the
    /// features' slot names; sums to Score(x) - Score(medians). A category, "colour.red" and "colour.blue", counts as one: what it adds
    /// stands at the feature of the row's category. Null, the default, adds no such column: a row then takes one score, with it 2 D - 1. A
    /// name is refused for a flow of continuous maps, and for one that does not know the medians.
    /// </summary>
    public string? Contributions { get; init; }

    /// <summary>
    /// Bits per dimension of the row as it is, the centre of its bin, without noise, <see cref="float"/>: a function of the row, for
    /// ranking and plots. The figure to compare with published ones averages over noise: <see cref="RealNvpTransformer.BitsPerDimension"/>.
    /// Null, the default, adds no such column; a name is refused for a model that is not discrete
    /// (<see cref="Export.FlowModel.IsDiscrete"/>).
    /// </summary>
    public string? BitsPerDimension { get; init; }

    /// <summary>
    /// Each position's share of the score, vector of <see cref="float"/> of height x width: of a flow over images or continuous maps, in
    /// nats, adding up to <see cref="Score"/>. Every term of the log-likelihood has its place; after squeezes a position stands for a block
    /// of pixels, over which its terms are spread evenly. Null, the default, adds no such column.
    /// </summary>
    public string? ScoreMap { get; init; }

    /// <summary>
    /// The largest value of the score map, <see cref="float"/>: what finds a small defect in a picture whose other positions are as usual,
    /// where the score, their sum, may not. (The map's mean is the score divided by the number of positions, and has the score's p-value
    /// and label.) Null, the default, adds no such column.
    /// </summary>
    public string? MapMaximum { get; init; }

    /// <summary>
    /// The share of held-out maps (this one counted) whose maximum is as high or higher, <see cref="float"/>, by
    /// <see cref="Export.FlowModel.ScoreMapCalibration"/>; 1 where there is none. Null, the default, adds no such column.
    /// </summary>
    public string? MapMaximumPValue { get; init; }

    /// <summary>
    /// Whether the map's maximum is above its own threshold, <see cref="bool"/>: never where the map is not calibrated. Null, the default,
    /// adds no such column.
    /// </summary>
    public string? MapMaximumLabel { get; init; }

    /// <summary>Whether any column of the score map is named.</summary>
    internal bool NamesMap => (ScoreMap ?? MapMaximum ?? MapMaximumPValue ?? MapMaximumLabel) is not null;

    /// <summary>
    /// The row in the flow's latent space, vector of <see cref="float"/> of the size of the input. A mixture of flows has no latent, and
    /// adds no such column.
    /// </summary>
    public string Latent { get; init; } = "Latent";

    /// <summary>Requires names, and different ones for the added columns.</summary>
    /// <exception cref="ArgumentException">A name is missing or there twice.</exception>
    internal RealNvpColumns Checked()
    {
        string[] added = [.. DensityColumn.Of(this, hasLatent: true).Select(column => column.Name)];
        if (added.Append(Features).Append(Condition ?? Features).Any(string.IsNullOrWhiteSpace))
            throw new ArgumentException("Every column needs a name.");
        if (Condition == Features)
            throw new ArgumentException($"The column '{Features}' cannot be features and condition at once.");
        if (added.GroupBy(name => name).FirstOrDefault(group => group.Count() > 1) is { } twice)
            throw new ArgumentException($"Two of the added columns are named '{twice.Key}'.");
        return this;
    }

    /// <summary>Requires that no added column is named as the features or the condition are, which it would hide.</summary>
    /// <exception cref="ArgumentException">One is.</exception>
    internal void RequireInputsSeen()
    {
        string[] added = [.. DensityColumn.Of(this, hasLatent: true).Select(column => column.Name)];
        if (added.FirstOrDefault(name => name == Features || name == Condition) is { } hidden)
        {
            throw new ArgumentException($"An added column is named '{hidden}', as the column of {(hidden == Features ? "features" : "the "
                + "condition")} is, which it would hide. Give it another name by Columns.");
        }
    }

    /// <summary>
    /// Also requires that the model has what the columns need, and names the condition column of one that has a condition "Condition"
    /// where it has no name.
    /// </summary>
    /// <exception cref="ArgumentException">
    /// A name is missing or there twice, or one is there of a column or a condition that the model does not have.
    /// </exception>
    internal RealNvpColumns CheckedFor(FlowModel model)
    {
        if (Condition is not null && model.Condition is null)
            throw new ArgumentException($"The condition column '{Condition}' is named, and the flow has no condition. Leave the name out.");
        Require(output => DensityColumn.WhyNot(model, output), hasLatent: !model.IsMixture);
        return (model.Condition is null ? this : this with { Condition = Condition ?? "Condition" }).Checked();
    }

    /// <summary>Requires that a flow gives what is named.</summary>
    /// <param name="whyNot">Why it has no values of a kind, as a sentence; null where it has them.</param>
    /// <param name="hasLatent">Whether the flow has a latent: a mixture has none.</param>
    /// <exception cref="ArgumentException">A column is named that it does not give.</exception>
    internal void Require(Func<DensityOutput, string?> whyNot, bool hasLatent)
    {
        foreach (DensityColumn column in DensityColumn.Of(this, hasLatent))
        {
            if (whyNot(column.Output) is { } why)
                throw new ArgumentException($"The column '{column.Name}' cannot be added: {why}");
        }
    }
}
