using System.Reflection;
using RealNvp.ML.Tests.Eng;

namespace RealNvp.ML.Tests.Samples;

/// <summary>A built sample. The build says where it is: RealNvp.ML.Tests.csproj references the samples for nothing else.</summary>
internal sealed class Sample
{
    private readonly string _assembly;

    private Sample(string name) => _assembly = typeof(Sample).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>()
        .Single(a => a.Key == $"{name}Sample").Value!;

    public static Sample AnomalyDetection { get; } = new("AnomalyDetection");

    public static Sample Cluster { get; } = new("Cluster");

    public static Sample Defects { get; } = new("Defects");

    public static Sample Digits { get; } = new("Digits");

    public static Sample Scoring { get; } = new("Scoring");

    public static Sample TrainImages { get; } = new("TrainImages");

    public static Sample Machines { get; } = new("Machines");

    /// <summary>The folder that a user would copy.</summary>
    public string Folder => Path.GetDirectoryName(_assembly)!;

    /// <summary>Runs it as a process of its own.</summary>
    public (int ExitCode, string Output, string Error) Run(params string[] arguments)
        => Repository.Dotnet(["exec", _assembly, .. arguments]);
}
