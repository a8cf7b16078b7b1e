using Microsoft.ML;

namespace RealNvp.ML.Serving.Rows;

/// <summary>What is said of a step that looks at several rows at once, by all that take rows that stand alone.</summary>
internal static class StandaloneRows
{
    /// <summary>The refusal of a step.</summary>
    /// <param name="step">Is no mapper of rows to rows.</param>
    /// <param name="why">Why it must be one, as the end of a sentence.</param>
    public static InvalidOperationException Refusal(ITransformer step, string why)
        => new($"The step {step.GetType().Name} of the model looks at several rows at once, as lags do, and {why}.");
}
