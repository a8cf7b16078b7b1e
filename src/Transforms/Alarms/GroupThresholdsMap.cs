using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Export;
using RealNvp.ML.Transforms.Columns;
using RealNvp.ML.Transforms.MlNet;
using RealNvp.ML.Transforms.Rows;

namespace RealNvp.ML.Transforms.Alarms;

/// <summary>What thresholds by group read and add.</summary>
/// <param name="Group">The groups.</param>
/// <param name="Score">The scores.</param>
/// <param name="PredictedLabel">The labels that are added.</param>
/// <param name="PValue">The p-values that are added.</param>
/// <param name="NamesAsBefore">Whether groups that are keys are called by their numbers, and dates to the second alone, as in models of
/// the first layout.</param>
internal sealed record GroupThresholdsColumns(
    string Group, string Score, string PredictedLabel, string PValue, bool NamesAsBefore = false)
{
    /// <summary>The added columns.</summary>
    public DataViewSchema.DetachedColumn[] Added(uint setId) => [
        new(PredictedLabel, BooleanDataViewType.Instance, ScoreAnnotations.Of(setId, "PredictedLabel")),
        new(PValue, NumberDataViewType.Single)];
}

/// <summary>Scores to labels and p-values, by the calibration of each row's group.</summary>
internal sealed class GroupThresholdsMap(GroupThresholdsColumns columns, GroupCalibrations calibrations) : RowMap
{
    /// <inheritdoc/>
    public override DataViewSchema.Column[] FindInputs(DataViewSchema schema)
        => [GroupCalibrations.ScoreColumn(schema, columns.Score), GroupColumn.Find(schema, columns.Group)];

    /// <inheritdoc/>
    public override DataViewSchema.DetachedColumn[] AddedColumns(DataViewSchema input) => columns.Added(ScoreAnnotations.NextSetId(input));

    /// <inheritdoc/>
    public override BatchWorker CreateWorker(int capacity, bool[] active) => new Worker(calibrations, columns.NamesAsBefore);

    private sealed class Worker(GroupCalibrations calibrations, bool namesAsBefore) : BatchWorker
    {
        private ValueGetter<float> _getScore = null!;
        private Func<string> _getGroup = null!;
        private float _score;
        private Calibration _calibration = calibrations.Common;

        public override void Open(DataViewRow source, DataViewSchema.Column[] inputs)
            => (_getScore, _getGroup) =
                (source.GetGetter<float>(inputs[0]), GroupColumn.Names(source, inputs[1], namesAsBefore));

        public override void Take(int row, in DataViewRowId id)
        {
            _getScore(ref _score);
            _calibration = calibrations.Of(_getGroup());
        }

        public override void Run(int count) { }

        public override Delegate CreateGetter(int added, IBatchPosition position) => added == 0
            ? (ValueGetter<bool>)((ref bool value) =>
            {
                position.Computed();
                value = _score > _calibration.Threshold; // false for NaN
            })
            : (ValueGetter<float>)((ref float value) =>
            {
                position.Computed();
                value = _calibration.PValue(_score);
            });
    }
}
