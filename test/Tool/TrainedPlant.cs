using RealNvp.ML.Tests.Transforms.Images;

namespace RealNvp.ML.Tests.Tool;

/// <summary>A model of the plant that the tool has trained in a moment.</summary>
public sealed class TrainedPlant : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public TrainedPlant()
    {
        File.WriteAllText(Path("train.csv"), Plant.Csv(Plant.Rows(400, seed: 1)));
        File.WriteAllText(Path("new.csv"), Plant.Csv(Plant.Rows(300, seed: 2)));
        Notes = ToolRun.Good(["train", Path("train.csv"), "-o", Model, "--label", "broken", .. Quick]).Error;
    }

    /// <summary>Options of a short training.</summary>
    internal static string[] Quick { get; } = ["--steps", "60", "--couplings", "2", "--hidden", "8", "--threads", "1"];

    internal string Model => Path("model.zip");

    internal string Notes { get; }

    internal string Path(string name) => _folder.File(name);

    public void Dispose() => _folder.Dispose();
}
