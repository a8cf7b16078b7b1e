// Trains the flow of one of the paper's image data sets from a folder, says how good it is on test images, and draws.
// Usage: dotnet run --project samples/TrainImages -c Release -- --data DIR [--preset cifar10] [OPTIONS]
// Interrupted by Ctrl+C or killed, the same command goes on where it was; with more steps or epochs a finished run goes on too.

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
    Console.WriteLine(Arguments.Usage);
    return 0;
}
Arguments arguments;
try
{
    arguments = new Arguments(args);
}
catch (ArgumentException e)
{
    Console.Error.WriteLine($"{e.Message}\n{Arguments.Usage}");
    return 2;
}

var mlContext = new MLContext(arguments.Seed);
mlContext.Log += (_, message) =>
{
    if (message.Kind >= ChannelMessageKind.Warning)
        Console.Error.WriteLine(message.Message);
};
using var stop = new CancellationTokenSource();
Console.CancelKeyPress += (_, e) =>
{
    e.Cancel = !stop.IsCancellationRequested; // a second one ends the process at once
    stop.Cancel();
};

try
{
    using MpiExchange? mpi = arguments.IsDistributed ? MpiExchange.Open() : null;
    ImageData data = ImageData.Read(mlContext, arguments);
    string folder = Directory.CreateDirectory(arguments.Out).FullName;
    string inFolder(string name) => Path.Combine(folder, name);

    TimeSpan? limit = arguments.Minutes is { } minutes ? TimeSpan.FromMinutes(minutes) : null;
    using var stopOrTimeOut = CancellationTokenSource.CreateLinkedTokenSource(stop.Token);
    var bar = new TrainingBar { EveryEvaluation = true, Limit = limit };
    RealNvpTrainer.Options options = RealNvpTrainer.Options.ForImages(arguments.Flow);
    if (arguments.IsOriginal)
        options = options.AsOriginal();
    else if (arguments.IsModern)
        options = options.AsModern();
    (options.Epochs, options.Steps, options.BatchSize) = (arguments.Epochs, arguments.Steps, arguments.BatchSize);
    (options.Precision, options.Device, options.Threads, options.Seed) =
        (arguments.Precision, arguments.Device, arguments.Threads, arguments.Seed);
    (options.LearningRate, options.Dropout) = (arguments.Rate ?? options.LearningRate, arguments.Dropout ?? options.Dropout);
    options.Optimizer = options.Optimizer with
    {
        Decay = arguments.Decay ?? options.Optimizer.Decay,
        WeightDecay = arguments.WeightDecay ?? options.Optimizer.WeightDecay,
        AveragedWeights = arguments.Average ?? options.Optimizer.AveragedWeights,
    };
    if (arguments.IsByClass)
        (options.ConditionColumnName, options.ConditionDropout) = (ImageData.ClassColumn, 0.1); // some without, so that it draws any too
    // few images tell a mean over thousands of values well, and evaluating many takes long
    (options.ValidationFraction, options.CalibrationFraction) = (arguments.HoldOut ?? 0.04, 0.02);
    options.Validation = data.Validation;
    options.TensorBoardFolder = arguments.TensorBoard;
    options.Exchange = mpi;
    options.Checkpoints = new(arguments.Checkpoints) { Resume = true, Interval = Math.Min(100, arguments.SampleEvery ?? 100) };
    if (arguments.SampleEvery is { } every)
    {
        options.Checkpoints = options.Checkpoints with
        {
            Saved = new CheckpointSamples(mlContext, data.Train, arguments.Checkpoints, every, folder),
        };
    }
    (options.Progress, options.CancellationToken) = (bar, stopOrTimeOut.Token);
    options.OnCancellation = limit is null ? OnCancellation.Throw : OnCancellation.ReturnBest;

    if (mpi is { Rank: > 0 })
        Console.SetOut(TextWriter.Null); // the first process tells
    Console.WriteLine($"training the flow '{arguments.Preset.Name}' on {data.Description}; checkpoints in {arguments.Checkpoints}");
    if (limit is { } time)
        stopOrTimeOut.CancelAfter(time);
    using RealNvpTransformer flow = bar.Show(() => mlContext.AnomalyDetection.Trainers.RealNvp(options).Fit(data.Train));
    stop.Token.ThrowIfCancellationRequested(); // the time being up gives the best flow; Ctrl+C means to go on later
    if (mpi is { Rank: > 0 })
        return 0; // all have the same flow, and the first one saves it
    mlContext.Model.SaveAtomically(flow, data.Train.Schema, inFolder("model.zip"));
    flow.ExportSampler(inFolder("sampler.onnx"));

    using MLImage samples = flow.SampleGrid(rows: 8, columns: 12, seed: 1, magnification: 2);
    samples.SavePng(inFolder("samples.png"));
    if (arguments.IsByClass)
    {
        using MLImage classes = flow.SampleGrid(ImageData.Classes(mlContext, data.Train.Schema), columns: 12, seed: 1, magnification: 2);
        classes.SavePng(inFolder("classes.png"));
    }
    using MLImage pairs = flow.Reconstructions(data.Test, count: 4, pairsPerRow: 2, magnification: 2);
    pairs.SavePng(inFolder("reconstructions.png"));
    using MLImage manifold = flow.Manifold(data.Test, side: 8, magnification: 2);
    manifold.SavePng(inFolder("manifold.png"));

    Report.Result(flow.BitsPerDimension(data.Test, draws: 1, seed: 1), arguments, flow.Model.Metadata.Training);
    Console.WriteLine($"\nmodel.zip, sampler.onnx, samples.png, {(arguments.IsByClass ? "classes.png, a row for each class, " : "")}"
        + $"reconstructions.png and manifold.png are in\n{folder}");
    return 0;
}
catch (OperationCanceledException)
{
    Console.WriteLine($"stopped; the same command goes on from the checkpoint in {arguments.Checkpoints}");
    return 130;
}
catch (FlowParityException e) when (e.Model is { } trained)
{
    string path = Path.Combine(arguments.Out, "flow.rnvp");
    trained.Save(path);
    Console.Error.WriteLine($"{e.Message}\nThe trained flow is saved as {path}.");
    return 1;
}
catch (Exception e) when (e is ArgumentException or InvalidOperationException or InvalidDataException or IOException
    or DllNotFoundException)
{
    Console.Error.WriteLine(e.Message);
    return 1;
}
