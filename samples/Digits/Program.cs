// Learns the density of small images of handwritten digits, given which digit they are and without: trains, measures bits per dimension,
// tells the digits apart, finds what is none, and draws each digit on request.
// Usage: dotnet run --project samples/Digits -c Release [-- OUTPUT_FOLDER --steps N --class N]

using System.Globalization;
using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Runtime;
using RealNvp.ML.Baselines;
using RealNvp.ML.Samples;
using RealNvp.ML.Trainers;
using RealNvp.ML.Transforms;

CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
const string Usage = "Usage: Digits [OUTPUT_FOLDER] [--steps N] [--class N], with steps from 1 on and a class from 0 to 9.";
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

(Digit[] train, Digit[] test) = Digits.Load(Digits.Path);
Digit[] unknown = [.. test.Select(image => image.Given(null))]; // the same images, of which nobody says what they are

// The column says that rows are images of 1 x 8 x 8. Only the number of levels must be said: 17, where 8-bit images have 256.
var bar = new TrainingBar();
RealNvpTrainer.Options options = RealNvpTrainer.Options.ForImages(ImageFlowOptions.Small with { Levels = Digits.Levels });
// The class of an image is a condition, and a fifth of the images of each step lose it: one flow then gives p(image | class) and p(image).
(options.ConditionColumnName, options.ConditionDropout) = (nameof(Digit.Class), 0.2);
options.Steps = arguments.Steps;
options.Progress = bar;
Console.WriteLine($"training on {train.Length} digits");
using RealNvpTransformer flow = bar.Show(() => mlContext.AnomalyDetection.Trainers.RealNvp(options).Fit(Digits.View(mlContext, train)));

const int draws = 8; // of the noise that makes levels continuous
SimpleModels simple = SimpleModels.Measure(
    [.. train.Select(image => image.Features)], [.. test.Select(image => image.Features)], Digits.Levels, draws, seed: 1);
Report.BitsPerDimension(flow.BitsPerDimension(Digits.View(mlContext, test), draws, seed: 1),
    flow.BitsPerDimension(Digits.View(mlContext, unknown), draws, seed: 1), simple);

// Bayes: with classes of equal shares the class given which an image is the likeliest is the likeliest class
float[][] given = [.. Enumerable.Range(0, Digits.Classes)
    .Select(digit => Scores.Of(mlContext, flow, [.. test.Select(image => image.Given(digit))]).Score)];
Report.Classes(test.Where((image, i) => image.Label == given.Index().MinBy(scores => scores.Item[i]).Index).Count(), test.Length);

Report.Detection(Scores.Of(mlContext, flow, unknown),
    ("the digits upside down", Scores.Of(mlContext, flow, Oddities.UpsideDown(test))),
    ("uniform noise", Scores.Of(mlContext, flow, Oddities.Noise(test.Length, seed: 1))),
    ("a blank image", Scores.Of(mlContext, flow, Oddities.Blank())));

// a row of samples for each digit, or eight of the one that is asked for
int[] drawn = arguments.Class is { } only ? [.. Enumerable.Repeat(only, 8)] : [.. Enumerable.Range(0, Digits.Classes)];
IDataView wanted = Digits.View(mlContext, drawn.Select(digit => new Digit { Class = Digits.OneHot(digit) }));
using MLImage samples = flow.SampleGrid(wanted, columns: 12, seed: 1, magnification: 6, margin: 4);
samples.SavePng(Path.Combine(folder, "samples.png"));
// the corners are the first four different digits of the test images
using MLImage manifold = flow.Manifold(Digits.View(mlContext, test.DistinctBy(image => image.Label).Take(4)), side: 8, magnification: 6,
    margin: 4);
manifold.SavePng(Path.Combine(folder, "manifold.png"));
Console.WriteLine($"\nsamples.png and manifold.png are in\n{folder}");
return 0;
