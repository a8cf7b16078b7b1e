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
    /// <summary>The mean of log-likelihoods that are at hand, as those of the rows that a label tells.</summary>
    /// <param name="logLikelihoods">In nats, one a row; read once.</param>
    /// <exception cref="ArgumentException">There are none, or one is NaN or infinite.</exception>
    public static LogLikelihoodEstimate Of(IEnumerable<float> logLikelihoods)
    {
        ArgumentNullException.ThrowIfNull(logLikelihoods);
        var rows = new RunningMean();
        foreach (float logLikelihood in logLikelihoods)
        {
            if (!float.IsFinite(logLikelihood))
                throw new ArgumentException($"Log-likelihood {rows.Count} is {logLikelihood}. Leave such out.", nameof(logLikelihoods));
            rows.Add(logLikelihood);
        }
        return rows.Count > 0 ? new(rows.Mean, rows.StandardError, rows.Count)
            : throw new ArgumentException("There are no log-likelihoods.", nameof(logLikelihoods));
    }

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
