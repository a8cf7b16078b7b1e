namespace RealNvp.ML.Tool.Running;

/// <summary>What the user is told in one line: the input, the model or an option is not as it must be.</summary>
internal sealed class ToolException(string message) : Exception(message);
