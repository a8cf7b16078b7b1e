using System.Diagnostics;
using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Runtime;
using RealNvp.ML.Export;
using RealNvp.ML.Export.Steps;
using RealNvp.ML.Trainers.Checkpoints;
using RealNvp.ML.Trainers.Data;
using RealNvp.ML.Trainers.Data.Rows;
using RealNvp.ML.Trainers.Designs;
using RealNvp.ML.Trainers.Flows;
using RealNvp.ML.Trainers.Freezing;
using RealNvp.ML.Trainers.Native;
using RealNvp.ML.Trainers.Training;
using RealNvp.ML.Transforms;
using RealNvp.ML.Transforms.Columns;
using RealNvp.ML.Transforms.MlNet;
using RealNvp.ML.Transforms.Onnx;
using RealNvp.ML.Transforms.Parity;
using RealNvp.ML.Transforms.Rows;
using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Trainers;

/// <summary>
/// Fits a Real NVP normalizing flow (Dinh, Sohl-Dickstein, Bengio, ICLR 2017) to a feature column by maximum likelihood: an exact density,
/// scores for anomaly detection, and a sampler. Create it by <c>mlContext.AnomalyDetection.Trainers.RealNvp(...)</c>.
/// </summary>
/// <remarks>
/// <format type="text/markdown"><![CDATA[
/// ### Input and Output Columns
/// The input is a known-size vector of <xref:System.Single>: a table's features, or an image of channels x height x width as
/// `ExtractPixels` gives it, which gets the paper's multi-scale flow. No label is read: fit on normal
/// rows, or on all rows where anomalies are rare. There may be a condition column too, a vector such as those of tables: the flow then is
/// p(features | condition), and all that follows is said given the row's condition.
///
/// | Output column | Type | Meaning |
/// | -- | -- | -- |
/// | `Score` | Single | -LogLikelihood: higher is more anomalous, unbounded, may be negative, finite for every finite row. |
/// | `PredictedLabel` | Boolean | Whether the score is above the threshold, which flags `Contamination` of rows like the training rows. |
/// | `LogLikelihood` | Single | Natural logarithm of the density, in the units of the feature column. |
/// | `PValue` | Single | Share of held-out rows (this one counted) that score as high or higher. |
/// | `Typicality`, `TypicalityPValue` | Single | \|Score - mean held-out score\| and its p-value: far from typical on either side. |
/// | `Contributions` | Vector of Single | Where named in the columns option: what each feature adds to the score. |
/// | `Latent` | Vector of Single | The row in the flow's latent space, standard normal where the flow fits. Only with one member. |
///
/// ### Trainer Characteristics
/// | | |
/// | -- | -- |
/// | Machine learning task | Anomaly detection, density estimation |
/// | Is normalization required? | No: standardisation is the flow's first step |
/// | Is caching required? | No: rows are read once, or once an epoch where they exceed `ResidentLimit` |
/// | Required NuGet in addition to Microsoft.ML | RealNvp.ML.Trainers, TorchSharp-cpu or -cuda-linux, Microsoft.ML.OnnxRuntime or .Gpu |
/// | Exportable to ONNX | Yes: `ExportDensity` and `ExportSampler` of the fitted transformer, `ConvertToOnnx` of a whole pipeline |
/// ]]></format>
/// </remarks>
public sealed partial class RealNvpTrainer : IEstimator<RealNvpTransformer>
{
    private readonly IHost _host;
    private readonly Options _options;

    internal RealNvpTrainer(IHostEnvironment environment, Options options)
    {
        ArgumentNullException.ThrowIfNull(environment);
        ArgumentNullException.ThrowIfNull(options);
        _host = environment.Register(nameof(RealNvpTrainer));
        _options = options.Checked();
    }

    /// <summary>Trains a flow on the feature column of <paramref name="input"/>.</summary>
    /// <returns>A transformer that scores and samples through ONNX Runtime; dispose it when done.</returns>
    /// <exception cref="ArgumentException">A column is missing or of another type, or there are too few rows, or non-finite ones where
    /// they are to fail.</exception>
    /// <exception cref="InvalidOperationException">The loss did not stay finite, a device asked for is missing, or a checkpoint is of
    /// another run.</exception>
    /// <exception cref="DllNotFoundException">A native package is missing.</exception>
    /// <exception cref="IOException">The checkpoint folder cannot be written, or another run has it.</exception>
    /// <exception cref="CheckpointException">The last checkpoint could not be written; the exception holds the flow.</exception>
    /// <exception cref="OperationCanceledException">Training was cancelled.</exception>
    /// <exception cref="FlowParityException">ONNX Runtime does not give what the trained flow computes; the exception holds the
    /// flow.</exception>
    public RealNvpTransformer Fit(IDataView input) => Fit(input, null);

    /// <summary>
    /// As the other overload, with rows of their own to choose the best model by; no share of the training rows is held back for that.
    /// </summary>
    /// <param name="input">The rows to train on, and to calibrate with.</param>
    /// <param name="validation">A view with the same columns, or null.</param>
    public RealNvpTransformer Fit(IDataView input, IDataView? validation)
    {
        using TrainedFlow trained = Train(input, validation);
        FlowModel model = trained.Model;
        if (model.Calibration.WhyNothing is { } why)
        {
            using IChannel channel = _host.Start("Calibration");
            channel.Warning(MessageSensitivity.None, $"{why}. Raise CalibrationFraction or Contamination, or set a threshold with "
                + "WithThreshold.");
        }
        return new RealNvpTransformer(_host, model, trained.Runtime, _options.Columns);
    }

    /// <summary>Trains, freezes, calibrates and checks a flow: all but what is made of it.</summary>
    internal TrainedFlow Train(IDataView input, IDataView? validation)
    {
        ArgumentNullException.ThrowIfNull(input);
        using IChannel channel = _host.Start("Training");
        void Warn(string message) => channel.Warning(MessageSensitivity.None, message);
        void Tell(string message) => channel.Info(MessageSensitivity.None, message);
        var clock = Stopwatch.StartNew();
        DataViewSchema.Column column = FeatureColumn.Find(input.Schema, _options.Columns.Features);
        DataViewSchema.Column? condition = _options.ConditionColumnName is { } name ? FeatureColumn.Find(input.Schema, name) : null;
        OnnxLibrary.Require(); // needed at the end, and better missed before the training than after it
        RunSettings settings = _options.Resolve(column, condition, validation, _host, Warn);
        FlowShape shape = settings.Design.Shape;
        using CheckpointFolder? folder = settings.CheckpointFolder is { } path
            ? new CheckpointFolder(path, settings.Members, settings.Writes)
            : null;
        if (!settings.Resumes)
            folder?.RequireEmpty();
        WarnOfSize(settings, Warn);
        using var threads = new TorchThreads(settings.Threads);
        using NativeHeap? heap = settings.KeepsNativeMemory ? new NativeHeap() : null;
        using var gradients = new GradientMode();

        using TrainingData data = new TrainingDataReader(settings.Rows, settings.Design, Warn).Read(input);
        TrainingPlan plan = settings.Plan(data);
        int calibrationRows = data.Calibration.Length / settings.Design.RowSize;
        string given = settings.Design.Condition is { } known ? $" given {known.Size}" : "";
        Tell($"Training on {data.TrainingCount} rows of {shape} values{given}{(data.IsStreamed ? ", streamed" : "")}, "
            + $"{data.Validation?.Count ?? 0} for validation, {calibrationRows} for calibration; {settings.Members} x {plan.Steps} steps "
            + $"of {plan.BatchSize} rows on {settings.Device}.");
        if (data.Facts.Whitening is { } whitening && settings.Design is TableDesign table)
        {
            Tell($"The flow starts as a Gaussian of all {shape} features, whose correlations are shrunk by {whitening.Shrinkage}, as "
                + $"held-out training rows are most likely; {table.CouplingsFor(data.Facts)} couplings may improve on it.");
        }
        if (data.Facts.Gaussian is { } gaussian)
        {
            Tell($"The flow starts as a Gaussian of the channels, whose correlations are shrunk by {gaussian.Shrinkage}, "
                + (gaussian.KnowsPositions ? "with means and variances of each position, in which those of all count for "
                    + $"{gaussian.MeanMaps} and {gaussian.VarianceMaps} maps" : "the same at all positions")
                + ", as held-out training maps are most likely; couplings may improve on it.");
        }
        FlowMetadata about = TrainingSummary.Before(
            ColumnNames.Of(input.Schema, column.Name, data.Facts.Mean.Length).Features, data, settings, plan);
        using var run = new TrainingRun(settings, plan, data, about, folder, channel);
        run.Run(threads);

        Tell($"Trained in {clock.Elapsed.TotalSeconds:F1} s; freezing the flow, scoring the calibration rows and checking the graphs.");
        FlowMetadata metadata = TrainingSummary.After(about, run.Outcomes, get_num_threads(), clock.Elapsed);
        TrainedFlow trained = Finish(_host, run.Flows, run.Recipe, metadata, settings.CheckpointFolder, Warn, Tell,
            settings.CancellationOfTheEnd);
        if (run.Unsaved is { } e)
        {
            trained.Dispose();
            throw new CheckpointException($"The last checkpoint could not be written to '{settings.CheckpointFolder}': {e.Message} The "
                + "training is not lost: this exception's Model is the trained flow; its Save keeps it, and ApplyRealNvp scores with it.",
                trained.Model, e);
        }
        Tell($"Ready after {clock.Elapsed.TotalSeconds:F1} s: threshold {trained.Model.Calibration.Threshold:G6}.");
        return trained;
    }

    /// <summary>Freezes, calibrates and checks flows that are trained.</summary>
    private static TrainedFlow Finish(IHost host, IReadOnlyList<Flow> flows, FlowRecipe recipe, FlowMetadata metadata, string? checkpoints,
        Action<string> warn, Action<string> tell, CancellationToken cancellation)
    {
        FlowModel model = FlowFreezer.Freeze(flows, recipe.Design.Shape, metadata, recipe.Seed, warn, tell, cancellation);
        tell($"Scoring {recipe.Calibration.Length / recipe.Design.RowSize} calibration rows.");
        var runtime = new FlowRuntime(host, model, typeof(RealNvpTransformer)); // its sessions are the transformer's too
        try
        {
            model = Calibrator.Calibrate(runtime, model, recipe.Calibration, recipe.Contamination, cancellation);
            if (recipe.CalibratesScoreMap)
                model = Calibrator.CalibrateMap(runtime, model, recipe.Calibration, recipe.Contamination, recipe.Seed, cancellation);
            tell("Checking the graphs against the probe rows.");
            RequireParity(model, checkpoints, () =>
            {
                FlowParity.CheckDensity(runtime, model, cancellation);
                FlowParity.CheckSampling(runtime, model, cancellation);
            });
            cancellation.ThrowIfCancellationRequested();
        }
        catch
        {
            runtime.Dispose();
            throw;
        }
        return new(model, runtime, recipe.Calibration);
    }

    /// <summary>A flow out of the newest whole checkpoint of a folder.</summary>
    /// <param name="environment">Takes messages, and says where graphs run.</param>
    /// <param name="folder">The folder.</param>
    /// <param name="latest">Whether the last weights are wanted, not the best ones so far.</param>
    internal static FlowModel FromCheckpoint(IHostEnvironment environment, string folder, bool latest)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        TorchRuntime.Require();
        OnnxLibrary.Require();
        IHost host = environment.Register(nameof(RealNvpTrainer));
        using IChannel channel = host.Start("Checkpoint");
        using var gradients = new GradientMode();
        var parts = new List<IDisposable>();
        try
        {
            var members = new List<(Flow Flow, FlowRecipe Recipe, TrainingOutcome Outcome, long Threads)>();
            foreach ((string file, Checkpoint checkpoint) in CheckpointFolder.Newest(folder))
            {
                try
                {
                    FlowRecipe recipe = FlowRecipe.Load(checkpoint);
                    int member = (int)checkpoint.Integer("member", 0, recipe.Members - 1);
                    var random = new DeviceRandom(recipe.SeedOf(member), CPU);
                    parts.Add(random);
                    Flow flow = recipe.Build(member, random);
                    parts.Add(flow);
                    TrainingOutcome outcome = TrainingLoop.Copy(checkpoint, flow, latest);
                    var fit = latest ? null : SavedLatents.Load(checkpoint);
                    flow.EndIn(LatentMixture.WithTail(fit?.Mixture, recipe.Design.Shape.Size, recipe.TailWeight));
                    if (fit is var (mixture, training, validation))
                        outcome = outcome.With(mixture.Weights.Length, training, validation);
                    members.Add((flow, recipe, outcome, checkpoint.Integer("threads", 1, int.MaxValue)));
                }
                catch (DamagedCheckpointException e)
                {
                    throw new InvalidDataException($"The checkpoint {file} cannot be used: {e.Message}.", e);
                }
            }
            FlowMetadata metadata = TrainingSummary.After(members[0].Recipe.About, [.. members.Select(member => member.Outcome)],
                members[0].Threads, elapsed: null);
            using TrainedFlow trained = Finish(host, [.. members.Select(member => member.Flow)], members[0].Recipe, metadata, null,
                message => channel.Warning(MessageSensitivity.None, message), message => channel.Info(MessageSensitivity.None, message),
                CancellationToken.None);
            return trained.Model;
        }
        finally
        {
            parts.ForEach(part => part.Dispose());
        }
    }

    /// <summary>What a training ends with.</summary>
    /// <param name="Model">The flow, calibrated.</param>
    /// <param name="Runtime">A hold on its sessions.</param>
    /// <param name="CalibrationRows">The rows of the calibration slice, row-major, each with its condition after its features.</param>
    internal sealed record TrainedFlow(FlowModel Model, FlowRuntime Runtime, float[] CalibrationRows) : IDisposable
    {
        public void Dispose() => Runtime.Dispose();
    }

    /// <summary>Says what a wide table takes, before it takes it.</summary>
    private static void WarnOfSize(RunSettings settings, Action<string> warn)
    {
        const double MB = 1e6, Noteworthy = 250 * MB;
        double bytes = sizeof(float) * (double)settings.Members * settings.Design.CountNumbers();
        if (bytes < Noteworthy)
            return;
        warn($"Column '{settings.Rows.FeatureColumn}' has {settings.Design.Shape} values: the trained flow takes {bytes / MB:N0} MB, most "
            + "of it in maps of all features between the couplings, and its training and freezing several times as much memory, and "
            + "minutes. Table.Mixing = Permutation or fewer Couplings take less, and so do fewer features, as ProjectToPrincipalComponents "
            + "makes them.");
    }

    /// <summary>Checks the graphs, and hands the flow over where they fail: a training may have taken days.</summary>
    internal static void RequireParity(FlowModel model, string? checkpoints, Action check)
    {
        try
        {
            check();
        }
        catch (FlowParityException e)
        {
            throw new FlowParityException(e, model,
                "The training is not lost: this exception's Model is the trained flow; its Save keeps it, and ApplyRealNvp scores with "
                    + "it, but no graph of it is exported. "
                + (checkpoints is null ? "" : $"The end of the run is also in the checkpoint folder '{checkpoints}'. ")
                + "As a rule the density is sharper than float32 can follow, as of rows that hardly differ: train less, with a lower "
                + $"LearningRate, with more Dropout, or with {(model.InputShape.IsImage ? "fewer Levels" : "more Noise")}.");
        }
    }

    /// <inheritdoc/>
    public SchemaShape GetOutputSchema(SchemaShape inputSchema)
        => RealNvpScoringEstimator.OutputShape(inputSchema, _options.Columns, hasLatent: _options.Members == 1);
}
