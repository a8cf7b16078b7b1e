// Finds small defects in pictures of a texture and shows where they are: maps of a pretrained net, a flow that learns them from good
// pictures, an exact map of the score. Beside it, in the same run, two published methods on maps of the same net.
// Usage: dotnet run --project samples/Defects -c Release [-- OUTPUT_FOLDER --texture weave|grain --steps N --train N --test N --seed N]

using System.Diagnostics;
using System.Globalization;
using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Runtime;
using RealNvp.ML.Baselines;
using RealNvp.ML.Samples;
using RealNvp.ML.Trainers;
using RealNvp.ML.Transforms;

CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
const string Usage = "Usage: Defects [OUTPUT_FOLDER] [--texture weave|grain] [--steps N] [--train N] [--test N] [--seed N], with steps and "
    + "seeds from 1 on and 8 pictures or more.";
if (args is ["--help" or "-h" or "-?"])
{
    Console.WriteLine(Usage);
    return 0;
}
if (Arguments.Read(args) is not { } arguments)
{
    Console.Error.WriteLine(Usage);
    return 2;
}
string folder = Directory.CreateDirectory(arguments.Folder).FullName;

var mlContext = new MLContext(seed: 1);
mlContext.Log += (_, message) =>
{
    if (message.Kind >= ChannelMessageKind.Warning)
        Console.Error.WriteLine(message.Message);
};

(TexturePicture[] good, TexturePicture[] tested) = Textures.Load(arguments.Texture, arguments.Train, arguments.Test,
    arguments.Seed);
Console.WriteLine($"training on {good.Length} good pictures of a {arguments.Texture.ToString().ToLowerInvariant()}");

var bar = new TrainingBar();
RealNvpTrainer.Options options = RealNvpTrainer.Options.ForMaps();
options.Columns = new() { ScoreMap = "ScoreMap", MapMaximum = "MapMaximum" };
options.CalibrationFraction = 0.2; // 20 of 100 pictures: fewer say nothing of one in twenty
options.Steps = arguments.Steps;
options.Progress = bar;
var pipeline = mlContext.Transforms.PretrainedFeatures(maps: ["layer1", "layer2"], grid: (28, 28)) // of 192 channels
    .Append(mlContext.AnomalyDetection.Trainers.RealNvp(options))
    .Append(mlContext.Transforms.ScoreMapImage());
long start = Stopwatch.GetTimestamp();
using var model = bar.Show(() => pipeline.Fit(View(good)));
double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;

var maps = new float[tested.Length][];
var heat = new byte[tested.Length][];
float[] scores = new float[tested.Length], maxima = new float[tested.Length];
int row = 0;
foreach (Judged picture in mlContext.Data.CreateEnumerable<Judged>(model.Transform(View(tested)), reuseRowObject: false))
{
    (maps[row], scores[row], maxima[row]) = (picture.ScoreMap, picture.Score, picture.MapMaximum);
    MLImage painted = picture.ScoreMapImage!; // until the next row is read
    heat[row] = painted.Pixels.ToArray();
    painted.SavePng(Path.Combine(folder, tested[row].Name["test/".Length..].Replace('/', '-') + ".png"));
    row++;
}

bool[] isDefect = Array.ConvertAll(tested, picture => picture.IsDefective);
bool[][] masks = Array.ConvertAll(tested, picture => picture.Mask);
var reader = new PretrainedMaps(mlContext, View(good), View(tested));
Console.WriteLine($"""

    {tested.Length} other pictures, half of them with a small defect; AUROC   pictures   pixels
    """);
Report("Real NVP, its map of the score", maps);
Console.WriteLine($"  {"  by MapMaximum alone",-48} {RankMetrics.Auroc(maxima, isDefect),10:F3}");
Console.WriteLine($"  {"  by Score, the sum",-48} {RankMetrics.Auroc(scores, isDefect),10:F3}");
Report("PaDiM, a Gaussian per position", DefectMethods.PositionGaussians(reader.Read));
Report("PatchCore's core, the nearest known patch", DefectMethods.PatchMemory(reader.Read));
Console.WriteLine($"\nthe flow took {seconds:F0} s, features of the net included");

int[] shown = [.. tested.Index().Where(picture => picture.Item.IsDefective).DistinctBy(picture => picture.Item.Defect)
    .Select(picture => picture.Index)];
using MLImage sheet = Sheet.Of([[.. shown.Select(i => tested[i].Rgba)], [.. shown.Select(i => heat[i])]]);
sheet.SavePng(Path.Combine(folder, "defects.png"));
Console.WriteLine($"defects.png and a heat map of each picture are in\n{folder}");
return 0;

IDataView View(TexturePicture[] pictures)
    => mlContext.Data.LoadFromEnumerable(pictures.Select(picture => new Shown { Picture = picture }));

void Report(string name, float[][] positions)
{
    (double image, double? pixel) = DefectMaps.Auroc(positions, isDefect, masks);
    Console.WriteLine($"  {name,-48} {image,10:F3} {pixel,8:F3}");
}
