using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Export;
using RealNvp.ML.Trainers;
using RealNvp.ML.Transforms;

namespace RealNvp.ML.Tests.Samples;

/// <summary>The README's C#, with what it needs around it. ReadmeTests requires that every block of the README stands here.</summary>
public sealed class ReadmeSnippets : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("realnvp-readme-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Five_minutes()
    {
        IEnumerable<Reading> readings = Readings(2000, seed: 1);

        // README: load rows
        var mlContext = new MLContext(seed: 1);
        IDataView normalRows = mlContext.Data.LoadFromEnumerable(readings); // or from files, databases, ...

        IDataView newRows = mlContext.Data.LoadFromEnumerable(Readings(100, seed: 2).Append(new Reading { Temperature = 95, Pressure = 2, Flow = 3 }));

        // README: train and score
        var pipeline = mlContext.Transforms.Concatenate("Features", "Temperature", "Pressure", "Flow")
            .Append(mlContext.AnomalyDetection.Trainers.RealNvp(contamination: 0.01));
        using var model = pipeline.Fit(normalRows);

        IDataView scored = model.Transform(newRows); // adds Score, PredictedLabel, PValue and more
        foreach (ScoredReading row in mlContext.Data.CreateEnumerable<ScoredReading>(scored, reuseRowObject: false))
        {
            if (row.PredictedLabel)
                Console.WriteLine($"{row.Temperature} degrees: score {row.Score:F1}, p = {row.PValue:F3}");
        }

        ScoredReading last = mlContext.Data.CreateEnumerable<ScoredReading>(scored, reuseRowObject: false).Last();
        Assert.True(last.PredictedLabel);
        Assert.Equal(1f / 201, last.PValue); // 200 of 2000 rows calibrate

        // README: threshold
        RealNvpTransformer flow = model.LastTransformer;
        using RealNvpTransformer lenient = flow.WithContamination(0.05); // another share of false alarms, without training
        using RealNvpTransformer manual = flow.WithThreshold(12.5f);     // or a score of your own

        Assert.True(lenient.Threshold < flow.Threshold);
        Assert.Equal(12.5f, manual.Threshold);

        // README: sample
        IDataView drawn = flow.Sample(count: 10_000, seed: 1);
        float[][] rows = [.. drawn.GetColumn<float[]>("Features")];

        Assert.Equal(10_000, rows.Length);
        Assert.Equal(70, rows.Average(row => row[0]), 1.0);

        using var inFolder = new CurrentFolder(_folder);
        // README: save and export
        mlContext.Model.Save(model, normalRows.Schema, "model.zip"); // the whole pipeline
        flow.Model.Save("flow.rnvp");                                // the flow alone
        flow.ExportDensity("density.onnx");                          // features in; score, label, p-value, latent out
        flow.ExportSampler("sampler.onnx");                          // noise in, features out

        // README: load the model
        ITransformer loaded = mlContext.Model.Load("model.zip", out DataViewSchema inputSchema);
        using var engine = mlContext.Model.CreatePredictionEngine<Reading, ScoredReading>(loaded);
        ScoredReading result = engine.Predict(new Reading { Temperature = 95, Pressure = 2, Flow = 3 });

        Assert.Equal(last.Score, result.Score, 1e-3 * Math.Abs(last.Score));
        Assert.NotNull(inputSchema.GetColumnOrNull("Pressure"));

        // README: apply
        var scoring = mlContext.Transforms.Concatenate("Features", "Temperature", "Pressure", "Flow")
            .Append(mlContext.Transforms.ApplyRealNvp("flow.rnvp"));
        IDataView again = scoring.Fit(newRows).Transform(newRows);

        Assert.Equal(scored.GetColumn<float>("Score"), again.GetColumn<float>("Score"));

        // README: explain
        var explaining = mlContext.Transforms.Concatenate("Features", "Temperature", "Pressure", "Flow")
            .Append(mlContext.Transforms.ApplyRealNvp(flow.Model, new RealNvpColumns { Contributions = "Contributions" }));
        float[] shares = explaining.Fit(newRows).Transform(newRows).GetColumn<float[]>("Contributions").Last();

        Assert.Equal(3, shares.Length);
        Assert.True(shares.Sum() > 10); // far above the score of the medians

        // README: find
        using RealNvpTransformer found = loaded.FindRealNvp(); // to sample, export, or set another threshold

        Assert.Equal(flow.Threshold, found.Threshold);
    }

    [Fact]
    public void Options()
    {
        var mlContext = new MLContext(seed: 1);
        IDataView normalRows = mlContext.Data.LoadFromEnumerable(Readings(300, seed: 1));
        using var stop = new CancellationTokenSource();
        var reports = new List<TrainingProgress>();
        var showProgress = new SynchronousProgress(reports.Add);

        // README: options
        var trainer = mlContext.AnomalyDetection.Trainers.RealNvp(new RealNvpTrainer.Options
        {
            Couplings = 4,                // default 8: depth; with HiddenUnits, what the flow can express
            HiddenUnits = 32,             // default 64
            Members = 2,                  // default 1: flows whose mixture is the model; a mixture has no Latent
            Dropout = 0.3,                // default 0.1: more where rows are few
            Noise = 0.1,                  // default 0.05 standard deviations: the same
            Trim = 0.05,                  // default 0: share of each batch left out as least likely, for contaminated rows
            Epochs = 100,                 // default 0: chosen by the number of rows
            CalibrationFraction = 0.3,    // default 0.1: contamination c needs at least 1/c - 1 calibration rows
            Contamination = 0.02,         // default 0.05
            Seed = 7,                     // default: the MLContext's
            Threads = 2,                  // default 1 for nets this small: more gain little, and lose much on a busy machine
            Progress = showProgress,      // epoch, NLL, validation NLL, time left
            CancellationToken = stop.Token,
        });

        using var model = mlContext.Transforms.Concatenate("Features", "Temperature", "Pressure", "Flow").Append(trainer).Fit(normalRows);
        Assert.NotEmpty(reports);
        Assert.True(float.IsFinite(model.LastTransformer.Threshold));
    }

    private static IEnumerable<Reading> Readings(int count, int seed)
    {
        var random = new Random(seed);
        for (int i = 0; i < count; i++)
        {
            double load = random.NextDouble();
            yield return new Reading
            {
                Temperature = (float)(60 + 20 * load + random.NextDouble()),
                Pressure = (float)(2 + load * load + 0.1 * random.NextDouble()),
                Flow = (float)(5 - 2 * load + 0.2 * random.NextDouble()),
            };
        }
    }

    /// <summary>The README writes to the current folder; tests do not run side by side, so it may change for a while.</summary>
    private sealed class CurrentFolder : IDisposable
    {
        private readonly string _before = Directory.GetCurrentDirectory();

        public CurrentFolder(string folder) => Directory.SetCurrentDirectory(folder);

        public void Dispose() => Directory.SetCurrentDirectory(_before);
    }

    private sealed class SynchronousProgress(Action<TrainingProgress> report) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value) => report(value);
    }

    // README: rows
    public class Reading
    {
        public float Temperature { get; set; }
        public float Pressure { get; set; }
        public float Flow { get; set; }
    }

    public class ScoredReading : Reading
    {
        public float Score { get; set; }
        public float PValue { get; set; }
        public bool PredictedLabel { get; set; }
    }
}
