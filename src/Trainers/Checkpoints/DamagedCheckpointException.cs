namespace RealNvp.ML.Trainers.Checkpoints;

/// <summary>
/// A checkpoint is not what a run wrote: the file is damaged or truncated, or its content does not fit the run, whatever its checksum
/// says. The one before it may be good.
/// </summary>
internal sealed class DamagedCheckpointException(string message) : Exception(message);
