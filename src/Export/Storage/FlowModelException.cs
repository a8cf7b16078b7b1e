namespace RealNvp.ML.Export;

/// <summary>
/// A flow model is damaged, of an unknown version, or inconsistent in itself. The message names what was found and what was expected.
/// </summary>
public sealed class FlowModelException : Exception
{
    /// <summary>An error with its message.</summary>
    public FlowModelException(string message) : base(message) { }

    /// <summary>An error with its message and cause.</summary>
    public FlowModelException(string message, Exception innerException) : base(message, innerException) { }
}
