using Orleans;

namespace RealNvp.ML.Orleans;

/// <summary>So many rows wait in a silo that further ones would be answered late: come again in a moment.</summary>
[GenerateSerializer]
[Alias("RealNvp.ML.Orleans.FlowBusyException")]
public sealed class FlowBusyException : Exception
{
    /// <summary>Says that the silo is busy.</summary>
    public FlowBusyException() : this("Too many rows wait: come again in a moment.") { }

    /// <summary>Says how many wait.</summary>
    public FlowBusyException(string message) : base(message) { }

    /// <summary>Says how many wait, and what told it.</summary>
    public FlowBusyException(string message, Exception? innerException) : base(message, innerException) { }
}
