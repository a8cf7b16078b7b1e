// Finds malignant tumours with a flow that has seen benign ones only: trains, evaluates, exports, saves, reloads, samples and draws two
// charts. Usage: dotnet run --project samples/AnomalyDetection -c Release [-- OUTPUT_FOLDER]

using System.Globalization;
using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Runtime;
using RealNvp.ML.Samples;
using RealNvp.ML.Trainers;
using RealNvp.ML.Transforms;

CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
if (args is ["--help" or "-h" or "-?"])
{
    Console.WriteLine("Usage: AnomalyDetection [OUTPUT_FOLDER]; by default artifacts/samples/AnomalyDetection.");
    return;
}
string folder = Directory.CreateDirectory(args.Length > 0 ? args[0] : Path.Combine("artifacts", "samples", "AnomalyDetection")).FullName;
string inFolder(string name) => Path.Combine(folder, name);

var mlContext = new MLContext(seed: 1);
mlContext.Log += (_, message) =>
{
    if (message.Kind >= ChannelMessageKind.Warning)
        Console.Error.WriteLine(message.Message);
};

// About half of the benign rows are fitted. The other half and all malignant rows are new to the flow.
IDataView rows = BreastCancer.Load(mlContext);
DataOperationsCatalog.TrainTestData benign =
    mlContext.Data.TrainTestSplit(BreastCancer.Benign(mlContext, rows), testFraction: 0.5, seed: 1);
IDataView malignant = BreastCancer.Malignant(mlContext, rows);

var bar = new TrainingBar();
var pipeline = mlContext.Transforms.Concatenate("Features", BreastCancer.Features)
    .Append(mlContext.AnomalyDetection.Trainers.RealNvp(new RealNvpTrainer.Options
    {
        // a small net, dropout and noise: a hundred rows of 30 features are few
        Table = new() { Couplings = 4, HiddenUnits = 32 },
        Dropout = 0.3,
        Noise = 0.1,
        // a threshold at 5 % needs at least 19 calibration rows, and is steadier with more
        Contamination = 0.05,
        CalibrationFraction = 0.3,
        ValidationFraction = 0.15,
        // nets this small gain nothing from more threads, which only wait for each other on a busy machine
        Threads = 1,
        Progress = bar,
    }));
Console.WriteLine($"training on benign rows of {Path.GetFileName(BreastCancer.Path)}; NLL in nats per row, lower is better");
using TransformerChain<RealNvpTransformer> model = bar.Show(() => pipeline.Fit(benign.TrainSet));
RealNvpTransformer flow = model.LastTransformer;

ScoredRow[] scored = ScoredRow.Test(mlContext, model, benign.TestSet, malignant);
AnomalyDetectionMetrics metrics = mlContext.AnomalyDetection.Evaluate(mlContext.Data.LoadFromEnumerable(scored));
AnomalyDetectionMetrics pca = PcaBaseline.Best(mlContext, benign.TrainSet, benign.TestSet, malignant);
Report.Detection(flow, scored, metrics, pca);

// The whole pipeline as ML.NET saves it, the flow alone, and two graphs for any ONNX runtime.
mlContext.Model.SaveAtomically(model, rows.Schema, inFolder("model.zip"));
flow.Model.Save(inFolder("flow.rnvp"));
flow.ExportDensity(inFolder("density.onnx"));
flow.ExportSampler(inFolder("sampler.onnx"));

ITransformer reloaded = mlContext.Model.Load(inFolder("model.zip"), out _);
Report.Reload(scored, ScoredRow.Test(mlContext, reloaded, benign.TestSet, malignant));
(reloaded as IDisposable)?.Dispose();

float[][] real = [.. model.Transform(benign.TestSet).GetColumn<float[]>("Features")];
float[][] drawn = [.. flow.Sample(count: 1000, seed: 1).GetColumn<float[]>("Features")];
Report.Samples(real, drawn);

Charts.TrainingCurve(bar.History, inFolder("training.png"));
Charts.ScoreHistogram(scored, flow.Threshold, inFolder("scores.png"));
Console.WriteLine($"\nmodel.zip, flow.rnvp, density.onnx, sampler.onnx, training.png and scores.png are in\n{folder}");
