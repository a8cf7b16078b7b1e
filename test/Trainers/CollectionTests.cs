using System.Diagnostics;
using RealNvp.ML.Tests.Transforms.Images;

namespace RealNvp.ML.Tests.Trainers;

/// <summary>Whenever garbage is collected, training holds what native code still reads.</summary>
public sealed class CollectionTests
{
    [Fact]
    public void Trainings_survive_a_garbage_collector_that_never_rests()
    {
        using var folder = new TemporaryFolder();
        using Process process = TrainingProcess.Start(CollectedTrainings.Kind, folder.Root);
        Assert.Contains("1: image", TrainingProcess.Written(process), StringComparison.Ordinal);
    }
}
