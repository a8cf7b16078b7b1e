namespace RealNvp.ML.Serving.Batching;

/// <summary>So many rows wait that further ones would be answered late: the caller is to come again.</summary>
internal sealed class ServiceBusyException(string message) : Exception(message);
