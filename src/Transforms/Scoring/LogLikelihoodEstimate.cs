using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Transforms.Scoring;

namespace RealNvp.ML.Transforms;

/// <summary>The mean log-likelihood of rows that training has not seen; from <c>Evaluate</c> of a flow's transformer.</summary>
/// <param name="Mean">Nats per row, in the units of the feature column.</param>
/// <param name="StandardError">Of the mean, from the spread of the rows; NaN for a single row.</param>
/// <param name="Rows">How many rows.</param>
public sealed record LogLikelihoodEstimate(double Mean, double StandardError, long Rows)
{
    /// <summary>The mean of a column of log-likelihoods, read once.</summary>
    internal static LogLikelihoodEstimate Of(IDataView scored, string column, string features)
    {
        var rows = new RunningMean();
        long notFinite = 0;
        foreach (float logLikelihood in scored.GetColumn<float>(column))
        {
            if (float.IsFinite(logLikelihood))
                rows.Add(logLikelihood);
            else
                notFinite++;
        }
        rows.RequireOfAll(notFinite, features, "likelihood");
        return new(rows.Mean, rows.StandardError, rows.Count);
    }
}
