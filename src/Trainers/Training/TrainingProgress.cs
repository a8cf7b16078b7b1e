namespace RealNvp.ML.Trainers;

/// <summary>A look at a running training, reported after each evaluation.</summary>
/// <param name="Epoch">Passes over the training rows so far, from 0.</param>
/// <param name="Epochs">Passes planned.</param>
/// <param name="Step">Optimizer steps so far.</param>
/// <param name="Steps">Optimizer steps planned.</param>
/// <param name="TrainingNll">Mean negative log-likelihood of the batches since the last report, nats per row, in the units of the feature
/// column.</param>
/// <param name="ValidationNll">The same of the validation rows, with evaluation statistics; NaN where there are none.</param>
/// <param name="BestValidationNll">The lowest <paramref name="ValidationNll"/> so far.</param>
/// <param name="LearningRate">The learning rate of the last step.</param>
/// <param name="RowsPerSecond">Training rows per second since the last report.</param>
/// <param name="Elapsed">Time since the start.</param>
/// <param name="Remaining">Estimated time to the end.</param>
public sealed record TrainingProgress(
    double Epoch, double Epochs, long Step, long Steps, double TrainingNll, double ValidationNll, double BestValidationNll,
    double LearningRate, double RowsPerSecond, TimeSpan Elapsed, TimeSpan Remaining)
{
    /// <summary><see cref="TrainingNll"/> in bits per dimension; NaN where not all features are discrete.</summary>
    public double TrainingBitsPerDimension { get; init; } = double.NaN;

    /// <summary>
    /// <see cref="ValidationNll"/> in bits per dimension, averaged over one draw of dequantisation noise per row; NaN where not all
    /// features are discrete.
    /// </summary>
    public double ValidationBitsPerDimension { get; init; } = double.NaN;
}
