using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Transforms;
using RealNvp.ML.Tool.Running;
using RealNvp.ML.Tool.Tables;
using RealNvp.ML.Trainers;
using RealNvp.ML.Transforms;

namespace RealNvp.ML.Tool.Models;

/// <summary>
/// The pipeline of a table, which is saved whole: numbers that stand for missing ones made so, missing cells filled, categories one-hot,
/// features side by side, the flow. The columns that it reads leave it as they came, so that an application finds in them what it put
/// there.
/// </summary>
internal static class TablePipeline
{
    /// <summary>Behind the name of a column: the feature that says whether its cell was missing.</summary>
    public const string Flag = FeatureGroup.MissingSuffix;

    /// <summary>The pipeline, to be fitted to the columns of a choice.</summary>
    /// <param name="context">Where it is made.</param>
    /// <param name="choice">The columns.</param>
    /// <param name="missing">What becomes of rows with missing numbers.</param>
    /// <param name="codes">Numbers that stand for missing ones, in all columns of numbers.</param>
    /// <param name="options">How the flow is trained.</param>
    public static IEstimator<ITransformer> Of(MLContext context, ColumnChoice choice, MissingCells missing, IReadOnlyList<float> codes,
        RealNvpTrainer.Options options)
    {
        ModelInput[] inputs = [.. choice.Inputs];
        ModelInput[] numbers = [.. inputs.Where(input => input.Kind == CellKind.Number)];
        ModelInput[] filled = missing == MissingCells.Skip ? [] : numbers, coded = codes.Count == 0 ? [] : numbers;
        ModelInput[] kept = coded.Length > 0 ? coded : filled; // which leave as they came
        ModelInput[] flagged = [.. filled.Where(input => input.HasMissing && missing == MissingCells.Flag)];
        // what is made beside them has other names; the groups of the training stand among them too
        string[] taken = [.. inputs.Select(input => input.Name).Append(options.SamplingKeyColumnName).OfType<string>()];
        if (flagged.FirstOrDefault(input => taken.Contains(input.Name + Flag)) is { } flag)
        {
            throw new ToolException($"The column '{flag.Name + Flag}' bears the name of the feature that says whether '{flag.Name}' is "
                + "missing: rename it, leave it out with --ignore, or give another --missing.");
        }
        string given = "given:"; // before the names of copies
        while (taken.Any(name => name.StartsWith(given, StringComparison.Ordinal)))
            given = "_" + given;
        ModelInput[] categories = [.. inputs.Where(input => input.Kind == CellKind.Text)];
        string[] changed = [.. kept.Concat(categories).Select(input => input.Name)];

        IEstimator<ITransformer> pipeline = Copies(new EstimatorChain<ITransformer>(), context, kept, categories, name => given + name,
            name => name);
        if (coded.Length > 0)
            pipeline = pipeline.Append(context.Transforms.TreatAsMissing([.. codes], [.. coded.Select(input => input.Name)]));
        if (flagged.Length > 0)
        {
            string[] names = [.. flagged.Select(input => input.Name)];
            pipeline = pipeline.Append(context.Transforms.IndicateMissingValues(Pairs(names, name => name + Flag, name => name)))
                .Append(context.Transforms.Conversion.ConvertType(
                    Pairs(names, name => name + Flag, name => name + Flag), DataKind.Single));
        }
        if (filled.Length > 0)
        {
            pipeline = pipeline.Append(context.Transforms.ReplaceMissingValues(
                Pairs([.. filled.Select(input => input.Name)], name => name, name => name),
                MissingValueReplacingEstimator.ReplacementMode.Mean));
        }
        if (categories.Length > 0)
        {
            pipeline = pipeline.Append(context.Transforms.Categorical.OneHotEncoding(
                Pairs([.. categories.Select(input => input.Name)], name => name, name => name)));
        }
        options.FeatureColumnName = Free("Features", taken);
        pipeline = pipeline.Append(context.Transforms.Concatenate(options.FeatureColumnName, Columns(choice.Features, flagged)));
        if (choice.Condition.Count > 0)
        {
            options.ConditionColumnName = Free("Condition", taken);
            pipeline = pipeline.Append(context.Transforms.Concatenate(options.ConditionColumnName, Columns(choice.Condition, flagged)));
        }
        pipeline = pipeline.Append(context.AnomalyDetection.Trainers.RealNvp(options));
        return changed.Length == 0 ? pipeline
            : Copies(pipeline, context, kept, categories, name => name, name => given + name)
                .Append(context.Transforms.DropColumns(
                    [.. changed.Select(name => given + name), .. flagged.Select(input => input.Name + Flag)]));
    }

    /// <summary>Copies columns. Only conversions, here from Single to Single, copy many of them in one step.</summary>
    private static IEstimator<ITransformer> Copies(IEstimator<ITransformer> pipeline, MLContext context, ModelInput[] numbers,
        ModelInput[] texts, Func<string, string> output, Func<string, string> input)
    {
        if (numbers.Length > 0)
        {
            pipeline = pipeline.Append(context.Transforms.Conversion.ConvertType(
                Pairs([.. numbers.Select(column => column.Name)], output, input), DataKind.Single));
        }
        return texts.Aggregate(pipeline,
            (all, column) => all.Append(context.Transforms.CopyColumns(output(column.Name), input(column.Name))));
    }

    private static string[] Columns(IEnumerable<ModelInput> inputs, ModelInput[] flagged)
        => [.. inputs.SelectMany(input => flagged.Contains(input) ? (string[])[input.Name, input.Name + Flag] : [input.Name])];

    private static string Free(string name, string[] taken) => taken.Contains(name) ? Free(name + ":all", taken) : name;

    private static InputOutputColumnPair[] Pairs(string[] names, Func<string, string> output, Func<string, string> input)
        => [.. names.Select(name => new InputOutputColumnPair(output(name), input(name)))];
}
