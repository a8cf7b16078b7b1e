using Orleans;

namespace RealNvp.ML.Orleans;

/// <summary>
/// A model in a cluster; its key is the model's name. Each silo that is asked loads the model for itself, so that every silo adds
/// throughput for callers of its own, and lets go of it when nobody has asked for a while.
/// </summary>
/// <remarks>
/// Who calls retries: a silo may go at any time, and scoring a row or drawing it twice gives the same. A name that no model has is a
/// <see cref="KeyNotFoundException"/>, a file that cannot be loaded an <see cref="InvalidDataException"/>, rows that the model cannot read
/// an <see cref="ArgumentException"/>, too many that wait a <see cref="FlowBusyException"/>.
/// </remarks>
/// <example>
/// <code>
/// var flow = client.GetGrain&lt;IFlowGrain&gt;("pumps");
/// FlowTable scored = await flow.Score(FlowTable.Of(rows));
/// float[] scores = scored.Numbers("Score");
/// </code>
/// </example>
[Alias("RealNvp.ML.Orleans.IFlowGrain")]
public interface IFlowGrain : IGrainWithStringKey
{
    /// <summary>Scores rows, in batches with those of other callers.</summary>
    /// <param name="rows">The columns that the model reads, as <see cref="Describe"/> names them.</param>
    /// <param name="outputs">
    /// The columns that are wanted; null for the usual ones: Score, PValue, PredictedLabel, LogLikelihood, or all of a regression.
    /// </param>
    /// <param name="cancellation">Rows that no batch has taken yet will not be computed.</param>
    /// <exception cref="ArgumentException">A column is missing, or has too few or too many values, or there are too many rows.</exception>
    [Alias("Score")]
    Task<FlowTable> Score(FlowTable rows, string[]? outputs = null, CancellationToken cancellation = default);

    /// <summary>
    /// Draws rows: a column Features. Row i depends on the seed and i alone, whatever silo draws it.
    /// </summary>
    /// <param name="count">How many; of a flow with a condition for each of the conditions.</param>
    /// <param name="seed">Which.</param>
    /// <param name="temperature">Multiplies the noise; 0 or more.</param>
    /// <param name="conditions">What rows are drawn given, one after the other; null where the flow has no condition.</param>
    /// <param name="cancellation">Ends it between two rows.</param>
    /// <exception cref="ArgumentException">There are too many rows, or the conditions are not as the flow needs them.</exception>
    [Alias("Sample")]
    Task<FlowTable> Sample(int count, int seed = 0, float temperature = 1, float[][]? conditions = null,
        CancellationToken cancellation = default);

    /// <summary>What there is to know of the model in the silo that answers.</summary>
    [Alias("Describe")]
    Task<FlowDescription> Describe();
}
