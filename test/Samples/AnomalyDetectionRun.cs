namespace RealNvp.ML.Tests.Samples;

/// <summary>One run of samples/AnomalyDetection, from end to end, for all tests that look at what it leaves.</summary>
public sealed class AnomalyDetectionRun : IDisposable
{
    public AnomalyDetectionRun() => (ExitCode, Output, Error) = Sample.AnomalyDetection.Run(Folder);

    public string Folder { get; } = Directory.CreateTempSubdirectory("realnvp-sample-").FullName;

    public int ExitCode { get; }

    public string Output { get; }

    public string Error { get; }

    public string File(string name) => Path.Combine(Folder, name);

    public void Dispose() => Directory.Delete(Folder, recursive: true);
}
