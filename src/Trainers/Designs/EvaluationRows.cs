using RealNvp.ML.Trainers.Data.Rows;

namespace RealNvp.ML.Trainers.Designs;

/// <summary>
/// The rows that a run looks at between its steps. They may be those of the data or stand on their own: <see cref="Own"/> are disposed
/// here.
/// </summary>
/// <param name="Sample">Training rows, for running statistics and the final likelihood.</param>
/// <param name="Validation">Rows that choose the best model, if any.</param>
/// <param name="EarlyValidation">The rows by which the start and the first steps are compared. With one draw of the noise of discrete
/// features, where there are any: on the bins' centres alone a narrow start would look better than what has learned the noise.</param>
internal sealed record EvaluationRows(DeviceRows Sample, DeviceRows? Validation, DeviceRows? EarlyValidation) : IDisposable
{
    /// <summary>Those that are not the data's.</summary>
    public IReadOnlyList<DeviceRows?> Own { get; init; } = [];

    public void Dispose()
    {
        foreach (DeviceRows? rows in Own)
            rows?.Dispose();
    }
}
