using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Runtime;
using RealNvp.ML.Transforms;
using RealNvp.ML.Transforms.Alarms;
using RealNvp.ML.Transforms.MlNet;

[assembly: LoadableClass(typeof(GroupThresholdsTransformer), null, typeof(SignatureLoadModel),
    "Thresholds by group", GroupThresholdsTransformer.LoaderSignature)]

namespace RealNvp.ML.Transforms;

/// <summary>
/// Labels and p-values by the threshold of each row's group, as of a machine. Groups that have too few rows, or were never seen, take the
/// common one. Saved with <c>mlContext.Model.Save</c>, alone or after the scorer.
/// </summary>
/// <remarks>
/// <format type="text/markdown"><![CDATA[
/// ### Input and output columns
/// | Column | Type | Description |
/// | -- | -- | -- |
/// | `Score` (input) | Single | Higher is more anomalous: of a flow, or of any other scorer. |
/// | group (input) | Text, key, whole number, Boolean or date | The row's group, of a key its value. A missing value is one too. |
/// | `PredictedLabel` | Boolean | Whether the score is above the group's threshold. Hides the scorer's own. |
/// | `PValue` | Single | The share of the group's held-out rows, this one counted, that score as high or higher. Hides the scorer's own. |
/// ]]></format>
/// </remarks>
public sealed class GroupThresholdsTransformer : ITransformer
{
    /// <summary>The name under which ML.NET finds the loader of a saved model.</summary>
    internal const string LoaderSignature = "RealNvpGroupThresholds";

    // before layout 2 groups that are keys are called by their numbers, and dates to the second alone
    private const uint NamesLayout = 0x00010002;

    private static readonly SavedLayout s_layout = new("RNVPGRTH", LoaderSignature, NamesLayout, Oldest: 0x00010001, Sealed: 0x00010001);

    private readonly GroupThresholdsColumns _columns;
    private readonly GroupCalibrations _calibrations;
    private readonly GroupThresholdsMap _map;

    internal GroupThresholdsTransformer(IHostEnvironment environment, GroupThresholdsColumns columns, GroupCalibrations calibrations)
    {
        environment.Register(LoaderSignature);
        (_columns, _calibrations, _map) = (columns, calibrations, new GroupThresholdsMap(columns, calibrations));
    }

    /// <summary>The column of groups.</summary>
    public string GroupColumnName => _columns.Group;

    /// <summary>The share of each group's rows that is flagged, of rows like those that were held out.</summary>
    public double Contamination => _calibrations.Common.Contamination;

    /// <summary>The threshold of groups without one of their own.</summary>
    public float CommonThreshold => _calibrations.Common.Threshold;

    /// <summary>The thresholds of groups that have one of their own, by name.</summary>
    public IReadOnlyDictionary<string, float> Thresholds
        => new SortedDictionary<string, float>(_calibrations.Groups.ToDictionary(group => group.Key, group => group.Value.Threshold),
            StringComparer.Ordinal);

    /// <inheritdoc/>
    bool ITransformer.IsRowToRowMapper => true;

    /// <summary>One line per group with its rows and threshold, and one for all others.</summary>
    public string Summary()
    {
        string[] groups = [.. _calibrations.Groups.Select(group
            => $"\n  '{group.Key}': {group.Value.Count} scores, threshold {group.Value.Threshold}")];
        return $"Thresholds by '{GroupColumnName}' at a contamination of {Contamination}" + string.Concat(groups)
            + $"\n  others: {_calibrations.Common.Count} scores, threshold {CommonThreshold}";
    }

    /// <inheritdoc/>
    public DataViewSchema GetOutputSchema(DataViewSchema inputSchema) => _map.OutputSchema(inputSchema);

    /// <summary>Adds the columns. Nothing is read until the result is.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A column is missing or of another type.</exception>
    public IDataView Transform(IDataView input)
    {
        ArgumentNullException.ThrowIfNull(input);
        return ConvertibleView.Of(_map.Transform(input), input, new RefusedPart(nameof(GroupThresholdsTransformer),
            $"ConvertToOnnx cannot convert the columns '{_columns.PredictedLabel}' and '{_columns.PValue}' of thresholds by group. Convert "
            + "the pipeline before them, and compare its scores with Thresholds."));
    }

    /// <inheritdoc/>
    IRowToRowMapper ITransformer.GetRowToRowMapper(DataViewSchema inputSchema) => _map.RowMapper(inputSchema);

    /// <inheritdoc/>
    void ICanSaveModel.Save(ModelSaveContext ctx) => SavedSettings.Save(ctx, s_layout, writer =>
    {
        foreach (string name in (string[])[_columns.Group, _columns.Score, _columns.PredictedLabel, _columns.PValue])
            writer.Write(name);
        writer.Write(_columns.NamesAsBefore);
        _calibrations.Save(writer);
    });

    /// <summary>The loader: ML.NET finds it by its name and parameters. <paramref name="context"/> is a ModelLoadContext.</summary>
    private static GroupThresholdsTransformer Create(IHostEnvironment environment, object context)
        => SavedSettings.Load(context, s_layout, (reader, layout) => new GroupThresholdsTransformer(environment,
            new(reader.ReadString(), reader.ReadString(), reader.ReadString(), reader.ReadString(),
                layout < NamesLayout || reader.ReadBoolean()), GroupCalibrations.Load(reader)));
}
