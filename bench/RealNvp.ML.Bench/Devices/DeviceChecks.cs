using System.Globalization;
using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Bench.Engine;
using RealNvp.ML.Bench.Running;
using RealNvp.ML.Samples;
using RealNvp.ML.Trainers;
using RealNvp.ML.Transforms;

namespace RealNvp.ML.Bench.Devices;

/// <summary>The checks of one device. Each says what it found, and throws where that is not what is promised.</summary>
internal sealed class DeviceChecks
{
    private const int TrainingRows = 8192, HeldOutRows = 2048, Steps = 200, ImageSteps = 60;

    private readonly string _device;
    private readonly WarpedGaussian _truth = new();

    public DeviceChecks(string device)
    {
        _device = device;
        var differences = new DeviceDifferences(device);
        All =
        [
            ("a table flow computes what it computes on a CPU", differences.Table),
            ("an image flow computes what it computes on a CPU", differences.Image),
            ("an image flow with learned dequantisation and a condition does", differences.GivenImage),
            ("a table trains there, and scores the same on a CPU after it was saved", () => Table("table", new())),
            ("an image flow trains there, and scores on a CPU after it was saved", () => Image(TrainingPrecision.Float32)),
            ("resumed from a checkpoint", Resumed),
            ("TF32", () => Table("tf32", new() { Precision = TrainingPrecision.TensorFloat32 })),
            ("bfloat16", () => Table("bf16", new() { Precision = TrainingPrecision.BFloat16 })),
            ("bfloat16 images", () => Image(TrainingPrecision.BFloat16)),
            ("a mixture, batch norm, averaged weights",
                () => Table("mixture", new() { Members = 2, Table = new() { BatchNorm = true },
                Optimizer = new() { AveragedWeights = 0.99 } })),
            ("learned linear maps, tails, weight norm, trimming", () => Table("density", Density())),
            ("streamed rows", () => Table("streamed", new() { Memory = new() { ResidentLimit = 1 << 16, ShufflePool = 2048 } })),
            ("the GPU of the MLContext", OfTheContext),
            ("a device that is missing", Missing),
            .. new DevicePipelines(device).All,
            ("memory", Memory),
        ];
    }

    /// <summary>All checks, the most telling first.</summary>
    public IReadOnlyList<(string Name, Func<string> Check)> All { get; }

    private bool IsGpu => _device != "cpu";

    private static RealNvpTrainer.Options Density()
    {
        RealNvpTrainer.Options options = RealNvpTrainer.Options.ForDensity();
        options.Trim = 0.05;
        options.Table = options.Table with { WeightNorm = true };
        options.Optimizer = options.Optimizer with { GainPenalty = 1e-4 };
        return options;
    }

    /// <summary>
    /// The trainer computes the likelihood of held-out rows with torch on the device; ONNX Runtime computes it on the CPU from the saved
    /// model. The truth says what could be reached.
    /// </summary>
    private string Table(string name, RealNvpTrainer.Options options)
    {
        var ml = new MLContext(1);
        IDataView heldOut = _truth.View(ml, TrainingRows, HeldOutRows);
        options.Steps = Steps;
        using RealNvpTransformer flow = Fit(ml, options, heldOut);
        double there = Number(flow, "validation_log_likelihood");
        double[] scored = ScoredByTheSavedModel(name, flow, heldOut);
        double here = scored.Average(), truth = Enumerable.Range(TrainingRows, HeldOutRows).Average(row => _truth.LogLikelihood(row));
        // batch norm takes its last statistics from more rows after the last validation, and a mixture is more than the mean of its members
        bool comparable = options.Members == 1 && !options.Table.BatchNorm;
        Require(Math.Abs(there - here) <= 1e-4 * Math.Max(Math.Abs(here), WarpedGaussian.Features) || !comparable,
            $"{there:F5} nats on the device, {here:F5} by the saved model");
        Require(here > WarpedGaussian.GaussianLogLikelihood, $"{here:F3} nats, a Gaussian has {WarpedGaussian.GaussianLogLikelihood:F3}");
        Require(flow.Model.Metadata.Training["device"].StartsWith(_device, StringComparison.Ordinal),
            $"trained on {flow.Model.Metadata.Training["device"]}");
        return string.Create(CultureInfo.InvariantCulture,
            $"held out {there:F4} nats on the device, {here:F4} by the saved model on a CPU (possible {truth:F3})");
    }

    private string Image(TrainingPrecision precision)
    {
        var ml = new MLContext(1);
        (Digit[] train, Digit[] test) = Digits.Load(Digits.Path);
        RealNvpTrainer.Options options =
            RealNvpTrainer.Options.ForImages(new ImageFlowOptions { Scales = 2, BaseWidth = 16, Blocks = 2, Levels = Digits.Levels });
        (options.Device, options.Seed, options.Steps, options.Precision) = (_device, 1, ImageSteps, precision);
        using RealNvpTransformer flow = ml.AnomalyDetection.Trainers.RealNvp(options).Fit(Digits.View(ml, train));
        IDataView images = Digits.View(ml, test);
        double[] scores = ScoredByTheSavedModel("image", flow, images);
        BitsPerDimensionEstimate bits = flow.BitsPerDimension(images, draws: 1, seed: 1);
        Require(scores.All(double.IsFinite), "a score is not finite");
        Require(bits.Mean < 3.5, $"{bits.Mean:F3} bits per dimension after {ImageSteps} steps"); // equal levels have log2(17) = 4.09
        return string.Create(CultureInfo.InvariantCulture, $"held out {bits.Mean:F3} bits per dimension after {ImageSteps} steps");
    }

    /// <summary>
    /// A run that is stopped in the middle and goes on ends where one does that was not; to the last bit only where the device sums in a
    /// fixed order.
    /// </summary>
    private string Resumed()
    {
        string folder = Directory.CreateTempSubdirectory("realnvp-device-").FullName;
        try
        {
            RealNvpTrainer.Options Options(string name)
                => new() { Steps = Steps, Checkpoints = new(Path.Combine(folder, name)) { Interval = 50 }, Dropout = 0.1 };
            var ml = new MLContext(1);
            IDataView heldOut = _truth.View(ml, TrainingRows, HeldOutRows);
            double[] whole;
            using (RealNvpTransformer flow = Fit(ml, Options("whole"), heldOut))
                whole = LogLikelihoods(flow.Transform(heldOut));

            using var stop = new CancellationTokenSource();
            RealNvpTrainer.Options stopped = Options("stopped");
            stopped.CancellationToken = stop.Token;
            stopped.Progress = new Receiver(progress =>
            {
                if (progress.Step >= Steps / 2)
                    stop.Cancel();
            });
            try
            {
                Fit(ml, stopped, heldOut).Dispose();
                throw new InvalidOperationException("the run did not stop");
            }
            catch (OperationCanceledException)
            {
                // as it should
            }
            RealNvpTrainer.Options resumed = Options("stopped");
            resumed.Checkpoints = resumed.Checkpoints! with { Resume = true };
            using RealNvpTransformer again = Fit(ml, resumed, heldOut);
            double difference = whole.Zip(LogLikelihoods(again.Transform(heldOut)), (a, b) => Math.Abs(a - b)).Max();
            Require(difference < (IsGpu ? 0.5 : 1e-9), $"log-likelihoods differ by up to {difference:G3} nats");
            return string.Create(CultureInfo.InvariantCulture,
                $"log-likelihoods of a run in one piece and of one in two differ by at most {difference:G3} nats");
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private string OfTheContext()
    {
        if (!IsGpu)
            return "left out: the device is a CPU";
        var ml = new MLContext(1) { GpuDeviceId = 0, FallbackToCpu = true };
        using RealNvpTransformer flow = Fit(ml, new() { Steps = 20 }, null, device: null);
        string device = flow.Model.Metadata.Training["device"];
        Require(device == "cuda:0", $"trained on {device}");
        return device;
    }

    private string Missing()
    {
        string first;
        try
        {
            Fit(new MLContext(1), new() { Steps = 20 }, null, device: "cuda:63").Dispose();
            throw new NotSupportedException("a missing device was used");
        }
        catch (InvalidOperationException e)
        {
            first = e.Message;
        }
        var log = new List<string>();
        var ml = new MLContext(1) { GpuDeviceId = 63, FallbackToCpu = true };
        ml.Log += (_, e) => log.Add(e.RawMessage);
        using RealNvpTransformer flow = Fit(ml, new() { Steps = 20 }, null, device: null);
        string device = flow.Model.Metadata.Training["device"];
        Require(device == "cpu", $"trained on {device}");
        Require(log.Any(message => message.EndsWith("Training on the CPU.", StringComparison.Ordinal)), "no word of the CPU in the log");
        return first;
    }

    private string Memory()
    {
        var used = new List<double>();
        RealNvpTrainer.Options options =
            new() { Steps = 800, Optimizer = new() { AveragedWeights = 0.999 }, Table = new() { BatchNorm = true }, Patience = 0 };
        options.Progress = new Receiver(_ => used.Add(IsGpu ? GpuMemory.UsedMiB() : ProcessMemory.Resident / (1024.0 * 1024)));
        Fit(new MLContext(1), options, null).Dispose();
        (double early, double late) = (used[used.Count / 4], used[^1]);
        Require(!IsGpu || late - early < 64, $"{early:F0} MiB in use after a quarter, {late:F0} MiB at the end");
        return string.Create(CultureInfo.InvariantCulture, $"{early:F0} MiB in use after a quarter of 800 steps, {late:F0} MiB at the end");
    }

    private RealNvpTransformer Fit(MLContext ml, RealNvpTrainer.Options options, IDataView? heldOut) => Fit(ml, options, heldOut, _device);

    private RealNvpTransformer Fit(MLContext ml, RealNvpTrainer.Options options, IDataView? heldOut, string? device)
    {
        (options.Device, options.Seed) = (device, 1);
        return ml.AnomalyDetection.Trainers.RealNvp(options).Fit(_truth.View(ml, 0, TrainingRows), heldOut);
    }

    private static double[] ScoredByTheSavedModel(string name, RealNvpTransformer flow, IDataView rows)
    {
        string path = Path.Combine(Path.GetTempPath(), $"realnvp-device-{name}-{Environment.ProcessId}.zip");
        try
        {
            var cpu = new MLContext(2);
            cpu.Model.Save(flow, rows.Schema, path);
            ITransformer loaded = cpu.Model.Load(path, out _);
            using var owned = loaded as IDisposable;
            return LogLikelihoods(loaded.Transform(rows));
        }
        finally
        {
            File.Delete(path);
        }
    }

    private static double[] LogLikelihoods(IDataView scored)
        => [.. scored.GetColumn<float>("LogLikelihood").Select(value => (double)value)];

    private static double Number(RealNvpTransformer flow, string key)
        => double.Parse(flow.Model.Metadata.Training[key], CultureInfo.InvariantCulture);

    /// <summary>Fails a check where something does not hold.</summary>
    internal static void Require(bool holds, string found)
    {
        if (!holds)
            throw new NotSupportedException(found);
    }
}
