using RealNvp.ML.Export;

namespace RealNvp.ML.Transforms;

/// <summary>
/// A graph disagrees with what the trained flow computed for its own probe rows, or with what the pipeline gives for rows of the data; it
/// is not to be used or exported.
/// </summary>
public sealed class FlowParityException : Exception
{
    internal FlowParityException(string output, int row, int element, double found, double expected, double tolerance)
        : base($"{output} of probe row {row}, element {element}, is {found:R} in ONNX Runtime where the trained flow computed "
            + $"{expected:R}: they differ by {Math.Abs(found - expected):G3}, allowed are {tolerance:G3}. The worst of all rows is named.")
    {
        Output = output;
        Row = row;
        Found = found;
        Expected = expected;
        Tolerance = tolerance;
    }

    internal FlowParityException(int row, double rootMeanSquare, double tolerance)
        : base($"Latent {row} comes back from its own sample with a root mean square error of {rootMeanSquare:G3}, allowed are "
                + $"{tolerance:G3}: the sampling graph and the density graph are not each other's inverse.")
    {
        Output = "Latent";
        Row = row;
        Found = rootMeanSquare;
        Tolerance = tolerance;
    }

    internal FlowParityException(string column, int row, int element, double found, double expected, double tolerance, string cause)
        : base($"Column '{column}' of row {row} of the data, element {element}, is {found:R} in the graph where the pipeline gives "
            + $"{expected:R}: they differ by {Math.Abs(found - expected):G3}, allowed are {tolerance:G3}. The worst of all rows "
            + $"is named. {cause}")
    {
        Output = column;
        Row = row;
        Found = found;
        Expected = expected;
        Tolerance = tolerance;
    }

    /// <summary>What <paramref name="found"/> says of a flow that took long to train, with the flow itself.</summary>
    internal FlowParityException(FlowParityException found, FlowModel model, string advice) : base($"{found.Message} {advice}", found)
    {
        (Output, Row, Found, Expected, Tolerance) = (found.Output, found.Row, found.Found, found.Expected, found.Tolerance);
        Model = model;
    }

    /// <summary>
    /// The trained and calibrated flow, where training ended in this exception: to be saved and looked into. Null where an export did.
    /// </summary>
    public FlowModel? Model { get; }

    /// <summary>The graph's output, or the pipeline's column, that disagrees.</summary>
    public string Output { get; }

    /// <summary>
    /// The row with the worst disagreement, relative to what is allowed: of the probes or the data, or of a round trip the latent.
    /// </summary>
    public int Row { get; }

    /// <summary>What the graph gives there; of a round trip, the root mean square error.</summary>
    public double Found { get; }

    /// <summary>What the trained flow or the pipeline computed; of a round trip, 0.</summary>
    public double Expected { get; }

    /// <summary>The difference that is allowed there.</summary>
    public double Tolerance { get; }
}
