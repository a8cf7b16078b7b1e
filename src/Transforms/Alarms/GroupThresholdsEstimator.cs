using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Runtime;
using RealNvp.ML.Export;
using RealNvp.ML.Transforms.Alarms;
using RealNvp.ML.Transforms.Columns;
using RealNvp.ML.Transforms.MlNet;

namespace RealNvp.ML.Transforms;

/// <summary>
/// Learns a threshold on the score for each group of rows; made by <see cref="AlarmCatalog.CalibrateByGroup"/>. Fit it on rows that the
/// scorer was not trained on.
/// </summary>
public sealed class GroupThresholdsEstimator : IEstimator<GroupThresholdsTransformer>
{
    private readonly IHost _host;
    private readonly GroupThresholdsColumns _columns;
    private readonly double _contamination;

    internal GroupThresholdsEstimator(IHostEnvironment environment, GroupThresholdsColumns columns, double contamination)
        => (_host, _columns, _contamination) = (environment.Register(nameof(GroupThresholdsEstimator)), columns, contamination);

    /// <summary>Reads the scores and groups of rows once. A warning names groups with too few rows.</summary>
    /// <exception cref="ArgumentException">A column is missing or of another type, or no score is finite.</exception>
    public GroupThresholdsTransformer Fit(IDataView input)
    {
        ArgumentNullException.ThrowIfNull(input);
        GroupCalibrations calibrations = GroupCalibrations.Of(input, _columns.Score, _columns.Group, _contamination, few =>
        {
            using IChannel channel = _host.Start("Calibration");
            channel.Warning(MessageSensitivity.None, $"{few.Count} groups of column '{_columns.Group}' have fewer rows than a "
                + $"contamination of {_contamination} needs, {Calibration.RowsFor(_contamination)}, and take the common threshold: "
                + ShortList.Of([.. few.Select(group => $"'{group.Group}' ({group.Rows})")]) + ".");
        });
        if (calibrations.Common.WhyNothing is { } why)
        {
            using IChannel channel = _host.Start("Calibration");
            channel.Warning(MessageSensitivity.None, $"{why}, and those of all groups are counted. Take a larger one, or more rows.");
        }
        return new GroupThresholdsTransformer(_host, _columns, calibrations);
    }

    /// <inheritdoc/>
    public SchemaShape GetOutputSchema(SchemaShape inputSchema)
    {
        GroupCalibrations.ScoreColumn(inputSchema, _columns.Score);
        GroupColumn.Find(inputSchema, _columns.Group);
        return MlNetInternals.ShapeWith(inputSchema, _columns.Added(setId: 1));
    }
}
