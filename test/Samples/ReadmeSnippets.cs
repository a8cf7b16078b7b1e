using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using Microsoft.ML.Transforms;
using Microsoft.ML.Transforms.Image;
using Orleans;
using Orleans.Hosting;
using RealNvp.ML.Export;
using RealNvp.ML.Orleans;
using RealNvp.ML.Pretrained;
using RealNvp.ML.Tests.Transforms.Images;
using RealNvp.ML.Trainers;
using RealNvp.ML.Transforms;
using static RealNvp.ML.Tests.Samples.ReadmeSnippets;

namespace RealNvp.ML.Tests.Samples;

/// <summary>
/// The C# of README and docs, with what it needs around it. DocumentTests requires that every block of theirs stands here.
/// </summary>
public sealed class ReadmeSnippets
{
    [Fact]
    public void Alarms()
    {
        var mlContext = new MLContext(seed: 1);
        IDataView rows = mlContext.Data.LoadFromEnumerable(Readings(600, seed: 1));
        IDataView todaysRows = mlContext.Data.LoadFromEnumerable(Readings(600, seed: 2)
            .Select((row, i) => new Reading
            {
                Temperature = row.Temperature + (i < 60 ? 500 : 0), Pressure = row.Pressure, Flow = row.Flow,
            }));
        using var model = mlContext.Transforms.Concatenate("Features", "Temperature", "Pressure", "Flow")
            .Append(mlContext.AnomalyDetection.Trainers.RealNvp(new() { CalibrationFraction = 0.3 })).Fit(rows);

        // docs/alarms.md
        IDataView flagged = mlContext.AnomalyDetection.ControlFalseDiscoveries(model.Transform(todaysRows), rate: 0.1);

        IDataView withMachines(IDataView view) => mlContext.Transforms.CustomMapping<Reading, Owner>(
            (reading, owner) => owner.Machine = reading.Pressure > 2 ? "a" : "b", null).Fit(view).Transform(view);
        IDataView heldOutRows = withMachines(mlContext.Data.LoadFromEnumerable(Readings(600, seed: 3)));
        todaysRows = withMachines(todaysRows);
        // docs/alarms.md: groups
        var byMachine = mlContext.AnomalyDetection.CalibrateByGroup("Machine", contamination: 0.01).Fit(model.Transform(heldOutRows));
        IDataView flaggedByMachine = byMachine.Transform(model.Transform(todaysRows));

        Assert.True(flaggedByMachine.GetColumn<bool>("PredictedLabel").Take(60).All(label => label));
        // docs/alarms.md: the stream
        DriftMonitor monitor = model.LastTransformer.CreateDriftMonitor(falseAlarmRate: 0.01, window: 500);
        monitor.Add(model.Transform(todaysRows)); // or monitor.Add(pValue), row by row
        if (monitor.HasDrifted) Console.WriteLine($"unlike the calibration rows since row {monitor.Row}");

        bool[] labels = [.. flagged.GetColumn<bool>("PredictedLabel")];
        Assert.True(labels[..60].All(label => label));
        Assert.InRange(labels[60..].Count(label => label), 0, 30);
        Assert.Equal(600, monitor.Rows);
    }

    [Fact]
    public void Series()
    {
        var mlContext = new MLContext(seed: 1);
        var random = new Random(1);
        var load = new double[2];
        IDataView readings = mlContext.Data.LoadFromEnumerable(Enumerable.Range(0, 1200).Select(i =>
        {
            int machine = i % 2;
            load[machine] = 0.9 * load[machine] + random.NextDouble() - 0.5;
            return new MachineReading
            {
                Machine = $"machine {machine}", Temperature = (float)(60 + 5 * load[machine]), Pressure = (float)(2 + load[machine]),
            };
        }).ToArray());

        // docs/series.md
        var pipeline = mlContext.Transforms.Lags("Before", ["Temperature", "Pressure"], lags: [1, 2, 3], groupColumnName: "Machine")
            .Append(mlContext.Transforms.Concatenate("Features", "Temperature", "Pressure", "Before"))
            .Append(mlContext.AnomalyDetection.Trainers.RealNvp(new() { Steps = 200 }));
        using var model = pipeline.Fit(readings);
        IDataView scored = model.Transform(readings); // without the first three rows of each machine

        MachineReading[] sensor = [.. mlContext.Data.CreateEnumerable<MachineReading>(readings, reuseRowObject: false).Take(20)];
        // docs/series.md: the stream
        using var engine = mlContext.CreateSeriesEngine<MachineReading, ScoredMachineReading>(model);
        foreach (MachineReading reading in sensor)
        {
            if (engine.Score(reading) is { PredictedLabel: true } alarm)
                Console.WriteLine($"{reading.Machine} is odd after its last readings: p = {alarm.PValue:F3}");
        }

        Assert.Equal(1200 - 2 * 3, scored.GetColumn<float>("Score").Count());
        Assert.Equal("Before.Temperature-1", model.LastTransformer.Model.Metadata.FeatureNames[2]);
    }

    [Fact]
    public void Regression()
    {
        var mlContext = new MLContext(seed: 1);
        IDataView Houses(int count, int seed)
        {
            var random = new Random(seed);
            return mlContext.Data.LoadFromEnumerable(Enumerable.Range(0, count).Select(_ =>
            {
                double area = 40 + 160 * random.NextDouble(), rooms = 1 + Math.Round(area / 40);
                return new House { Area = (float)area, Rooms = (float)rooms, Price = (float)(2 * area + 0.3 * area * random.NextDouble()) };
            }).ToArray());
        }
        IDataView houses = Houses(1000, seed: 1), newHouses = Houses(200, seed: 2);

        // docs/regression.md
        var prices = mlContext.Transforms.Concatenate("Features", "Area", "Rooms")
            .Append(mlContext.Regression.Trainers.RealNvp(labelColumnName: "Price", intervalMass: 0.9));
        using var priceModel = prices.Fit(houses);
        IDataView priced = priceModel.Transform(newHouses); // adds Score, Median, Lower, Upper and LogLikelihood
        RegressionMetrics metrics = mlContext.Regression.Evaluate(priced, labelColumnName: "Price");

        // docs/regression.md: the transformer
        RealNvpRegressionTransformer distribution = priceModel.LastTransformer;
        using RealNvpRegressionTransformer half = distribution.WithIntervalMass(0.5);       // the same held-out rows, another interval
        IDataView drawnPrices = distribution.Flow.Sample(priced, perRow: 100, seed: 1);     // 100 prices for each house
        distribution.Flow.ExportDensity("price-density.onnx");

        File.Delete("price-density.onnx");
        Assert.InRange(metrics.RSquared, 0.9, 1);
        Assert.Equal(20_000, drawnPrices.GetColumn<float[]>("Price").Count());
        Assert.Equal(0.5, half.IntervalMass);
    }

    [Fact]
    public void Conditions()
    {
        var mlContext = new MLContext(seed: 1);
        IDataView Hours(int count, int seed) => mlContext.Data.LoadFromEnumerable(Readings(count, seed).Select((reading, i)
            => new HourlyReading { Temperature = reading.Temperature + 2 * (i % 24), Pressure = reading.Pressure, Flow = reading.Flow,
                Hour = i % 24 }));
        IDataView hourlyRows = Hours(1000, seed: 1), newHourlyRows = Hours(48, seed: 2);

        // README: conditions
        var byHour = mlContext.Transforms.Concatenate("Features", "Temperature", "Pressure", "Flow")
            .Append(mlContext.Transforms.Concatenate("Condition", "Hour"))
            .Append(mlContext.AnomalyDetection.Trainers.RealNvp(conditionColumnName: "Condition"));
        using var hourly = byHour.Fit(hourlyRows);

        IDataView oddAtItsHour = hourly.Transform(newHourlyRows);
        IDataView usual = hourly.LastTransformer.Sample(conditions: oddAtItsHour, perRow: 100, seed: 1); // 100 rows for each hour

        float[][] drawn = [.. usual.GetColumn<float[]>("Features")];
        Assert.Equal(4800, drawn.Length);
        Assert.Equal(44, drawn[2200..2300].Average(row => row[0]) - drawn[..100].Average(row => row[0]), 6.0); // 22 hours later
    }

    /// <summary>Not run here: MPI begins once in a process. test/Trainers/Distributed runs the like in processes of its own.</summary>
    internal static void Several_processes(MLContext mlContext, IDataView rows)
    {
        // docs/parallel.md
        using var mpi = MpiExchange.Open();   // of a program that mpirun starts
        var options = new RealNvpTrainer.Options
        {
            Exchange = mpi,
            Seed = 1,                         // the same in all processes, as everything else
            Checkpoints = new("checkpoints") { Resume = true }, // written by the first, read by all
        };
        using var flow = mlContext.AnomalyDetection.Trainers.RealNvp(options).Fit(rows);
        if (mpi.Rank == 0)
            flow.Model.Save("flow.rnvp");     // all have it
    }

    [Fact]
    public void From_randomized_pca()
    {
        var mlContext = new MLContext(seed: 1);
        IDataView normalRows = mlContext.Data.LoadFromEnumerable(Readings(600, seed: 1));
        IDataView labelledRows = mlContext.Data.LoadFromEnumerable(Readings(100, seed: 2).Select((row, i) => new LabelledReading
        {
            Temperature = row.Temperature + (i < 10 ? 50 : 0), Pressure = row.Pressure, Flow = row.Flow, Label = i < 10 ? 1 : 0,
        }));

        // docs/from-randomizedpca.md
        // before: NormalizeMeanVariance("Features") and RandomizedPca(rank: 5)
        var detector = mlContext.Transforms.Concatenate("Features", "Temperature", "Pressure", "Flow")
            .Append(mlContext.AnomalyDetection.Trainers.RealNvp(contamination: 0.01));
        using var detecting = detector.Fit(normalRows);
        AnomalyDetectionMetrics metrics = mlContext.AnomalyDetection.Evaluate(detecting.Transform(labelledRows));

        Assert.Equal(1, metrics.AreaUnderRocCurve);
    }

    internal static IEnumerable<Reading> Readings(int count, int seed)
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

    private sealed class LabelledReading : Reading
    {
        public float Label { get; set; }
    }

    internal sealed class MachineReading
    {
        public string Machine { get; set; } = "";
        public float Temperature { get; set; }
        public float Pressure { get; set; }
    }

    private sealed class ScoredMachineReading
    {
        public bool PredictedLabel { get; set; }
        public float PValue { get; set; }
    }

    private sealed class Owner
    {
        public string Machine { get; set; } = "";
    }

    private sealed class House
    {
        public float Area { get; set; }
        public float Rooms { get; set; }
        public float Price { get; set; }
    }

    private sealed class HourlyReading : Reading
    {
        public float Hour { get; set; }
    }
}

/// <summary>
/// Those that train with the defaults, beside other tests: their files lie in the folder that all tests run in, and no others have these
/// names.
/// </summary>
public sealed class ReadmeFirstSnippets : IDisposable
{
    public void Dispose()
    {
        foreach (string file in new[] { "model.zip", "flow.rnvp", "density.onnx", "sampler.onnx" })
            File.Delete(file);
        if (Directory.Exists("models"))
            Directory.Delete("models", recursive: true);
    }

    [Fact]
    public void Five_minutes()
    {
        IEnumerable<Reading> readings = Readings(2000, seed: 1);

        // README: load rows
        var mlContext = new MLContext(seed: 1);
        IDataView normalRows = mlContext.Data.LoadFromEnumerable(readings); // or from files, databases, ...

        IDataView newRows = mlContext.Data.LoadFromEnumerable(Readings(100, seed: 2)
            .Append(new Reading { Temperature = 95, Pressure = 2, Flow = 3 }));

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

        // docs/sampling.md
        foreach (Reading reading in flow.SampleRows<Reading>(count: 5, seed: 1))
            Console.WriteLine($"{reading.Temperature:F1} degrees");

        Assert.Equal(rows[..5].Select(row => row[0]), flow.SampleRows<Reading>(5, seed: 1).Select(reading => reading.Temperature));

        float[][] incomplete = [[70.5f, float.NaN, 4.1f]];
        float[][] filled = flow.ImputeRows(incomplete, seed: 1);                       // a draw from p(missing | known)
        float[][] best = flow.ImputeRows(incomplete, ImputationKind.MostLikely);       // the most likely values

        Assert.All([.. filled, .. best], row => Assert.True(row[0] == 70.5f && float.IsFinite(row[1]) && row[2] == 4.1f));

        // docs/getting-started.md: without views
        float[] logLikelihoods = flow.LogLikelihoods([[70.5f, 2.3f, 4.1f], [95f, 2f, 3f]]); // PValues likewise
        LogLikelihoodEstimate fit = flow.Evaluate(model.Transform(newRows));
        Console.WriteLine($"{fit.Mean:F2} +- {fit.StandardError:F2} nats a row");

        Assert.Equal(-last.Score, logLikelihoods[1], 1e-3 * Math.Abs(last.Score));
        Assert.Equal(101, fit.Rows);

        // README: save and export
        mlContext.Model.SaveAtomically(model, normalRows.Schema, "model.zip"); // the whole pipeline
        flow.Model.Save("flow.rnvp");                                          // the flow alone
        flow.ExportDensity("density.onnx");                                    // features in; score, label, p-value, latent out
        flow.ExportSampler("sampler.onnx");                                    // noise in, features out

        // README: load the model
        ITransformer loaded = mlContext.Model.Load("model.zip", out DataViewSchema inputSchema);
        using var engine = mlContext.Model.CreatePredictionEngine<Reading, ScoredReading>(loaded);
        ScoredReading result = engine.Predict(new Reading { Temperature = 95, Pressure = 2, Flow = 3 });

        Assert.Equal(last.Score, result.Score, 1e-3 * Math.Abs(last.Score));
        Assert.NotNull(inputSchema.GetColumnOrNull("Pressure"));

        // README: other runtimes
        using var session = new InferenceSession("density.onnx");
        using var input = OrtValue.CreateTensorValueFromMemory(new float[] { 95, 2, 3 }, [1, 3]); // rows x features
        using var outputs = session.Run(new RunOptions(), ["Features"], [input], ["Score", "PValue"]);
        float score = outputs[0].GetTensorDataAsSpan<float>()[0];

        Assert.Equal(last.Score, score, 1e-3 * Math.Abs(last.Score));

        // docs/deployment.md: Triton
        flow.ExportTriton("models", "pumps");

        Assert.True(File.Exists(Path.Combine("models", "pumps", "1", "model.onnx")));

        // README: apply
        var scoring = mlContext.Transforms.Concatenate("Features", "Temperature", "Pressure", "Flow")
            .Append(mlContext.Transforms.ApplyRealNvp("flow.rnvp"));
        IDataView again = scoring.Fit(newRows).Transform(newRows);

        Assert.Equal(scored.GetColumn<float>("Score"), again.GetColumn<float>("Score"));

        // README: explain
        var explaining = mlContext.Transforms.Concatenate("Features", "Temperature", "Pressure", "Flow")
            .Append(mlContext.Transforms.ApplyRealNvp(flow.Model, columns: new() { Contributions = "Contributions" }));
        float[] shares = explaining.Fit(newRows).Transform(newRows).GetColumn<float[]>("Contributions").Last();

        Assert.Equal(3, shares.Length);
        Assert.True(shares.Sum() > 10); // far above the score of the medians

        // README: find
        RealNvpTransformer found = loaded.FindRealNvp(); // to sample, export, or set another threshold; good until the model is disposed

        Assert.Equal(flow.Threshold, found.Threshold);
    }

    [Fact]
    public void Package()
    {
        var mlContext = new MLContext(seed: 1);
        IDataView normalRows = mlContext.Data.LoadFromEnumerable(Readings(400, seed: 1));
        IDataView newRows = mlContext.Data.LoadFromEnumerable(Readings(10, seed: 2));

        // src/PACKAGE.md
        var pipeline = mlContext.Transforms.Concatenate("Features", "Temperature", "Pressure", "Flow")
            .Append(mlContext.AnomalyDetection.Trainers.RealNvp(contamination: 0.01));
        using var model = pipeline.Fit(normalRows);

        IDataView scored = model.Transform(newRows); // adds Score, PredictedLabel, PValue and more
        mlContext.Model.SaveAtomically(model, normalRows.Schema, "model.zip");

        Assert.Equal(10, scored.GetColumn<float>("Score").Count());
        Assert.True(File.Exists("model.zip"));
    }
}

/// <summary>Those that write to the current folder or train with more threads, which both belong to the process.</summary>
[Collection<Alone>]
public sealed class ReadmeFileSnippets : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("realnvp-readme-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Pretrained_features()
    {
        var mlContext = new MLContext(seed: 1);
        using var inFolder = new CurrentFolder(_folder);
        IDataView goodPictures = mlContext.Data.LoadFromEnumerable(Enumerable.Range(0, 24).Select(i =>
        {
            byte[] pixels = [.. Enumerable.Range(0, 16 * 16 * 4)
                .Select(j => j % 4 == 3 ? (byte)255 : (byte)TemporaryFolder.Noise(j % 4, i, j))];
            using MLImage image = MLImage.CreateFromPixels(16, 16, MLPixelFormat.Rgba32, pixels);
            image.Save($"good{i}.png");
            return new Picture { ImagePath = Path.Combine(_folder, $"good{i}.png") };
        }).ToArray());
        var pictureOptions = new RealNvpTrainer.Options { Steps = 3, Threads = 1, Contamination = 0.4 };

        // docs/pretrained-features.md
        var oddPictures = mlContext.Transforms.LoadImages("Image", imageFolder: null, "ImagePath")
            .Append(mlContext.Transforms.PretrainedFeatures("Features", "Image", pathColumnName: "ImagePath")) // 512 values, of length 1
            .Append(mlContext.AnomalyDetection.Trainers.RealNvp(pictureOptions));
        using var pictureModel = oddPictures.Fit(goodPictures);

        // one file from pixels to score, for ONNX Runtime alone
        var net = (PretrainedFeaturesTransformer)pictureModel.ElementAt(1);
        net.ExportDensity("odd-pictures.onnx", pictureModel.LastTransformer);

        using var session = new InferenceSession("odd-pictures.onnx");
        Assert.Equal(["Pixels", "Threshold"], session.InputNames.Concat(session.OverridableInitializerMetadata.Keys).Distinct().Order());
        Assert.Contains("Score", session.OutputNames);

        File.WriteAllText("broken.png", "no picture");
        byte[] whole = File.ReadAllBytes("good1.png");
        File.WriteAllBytes("half.png", whole[..(whole.Length / 2)]);
        foreach (string name in new[] { "broken.png", "half.png", "missing.png" })
        {
            IDataView broken = mlContext.Data.LoadFromEnumerable([new Picture { ImagePath = Path.Combine(_folder, name) }]);
            Exception error = Assert.ThrowsAny<Exception>(() => pictureModel.Transform(broken).GetColumn<float>("Score").ToArray());
            Assert.Contains(name, error.GetBaseException().Message + error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void PicturesOfAClass()
    {
        var mlContext = new MLContext(seed: 1);
        using var inFolder = new CurrentFolder(_folder);
        var random = new Random(1);
        File.WriteAllBytes("train-images-idx3-ubyte", [0, 0, 8, 3, 0, 0, 0, 60, 0, 0, 0, 8, 0, 0, 0, 8,
            .. Enumerable.Range(0, 60 * 64).Select(_ => (byte)random.Next(256))]);
        File.WriteAllBytes("train-labels-idx1-ubyte", [0, 0, 8, 1, 0, 0, 0, 60, .. Enumerable.Range(0, 60).Select(i => (byte)(i % 10))]);
        RealNvpTrainer.Options imageOptions = RealNvpTrainer.Options.ForImages(ImageFlowOptions.Small with { BaseWidth = 4, Blocks = 1 });
        imageOptions.Steps = 5;
        SchemaDefinition classes = SchemaDefinition.Create(typeof(OneClass));
        classes["Class"].ColumnType = new VectorDataViewType(NumberDataViewType.Single, 10);
        IDataView eachClass = mlContext.Data.LoadFromEnumerable(Enumerable.Range(0, 10)
            .Select(i => new OneClass { Class = [.. new float[i], 1, .. new float[9 - i]] }), classes);

        // docs: pictures of a class
        imageOptions.ConditionColumnName = "Class";
        imageOptions.ConditionDropout = 0.1; // so that the flow also draws without
        var byClass = mlContext.Transforms.Conversion.MapKeyToVector("Class", "Label")
            .Append(mlContext.AnomalyDetection.Trainers.RealNvp(imageOptions));
        using var classModel = byClass.Fit(mlContext.Data.LoadIdx("train-images-idx3-ubyte", "train-labels-idx1-ubyte"));

        RealNvpTransformer classFlow = classModel.LastTransformer;
        using MLImage oneRowPerClass = classFlow.SampleGrid(conditions: eachClass, columns: 12, magnification: 4);
        IDataView drawnOfEach = classFlow.SampleImages(conditions: eachClass, perRow: 100, seed: 1); // each class a hundred times

        Assert.Equal(10 * (32 + 1) + 1, oneRowPerClass.Height);
        Assert.Equal(1000, drawnOfEach.GetColumn<MLImage>("Image").Count());
    }

    [Fact]
    public void FeatureMaps()
    {
        var mlContext = new MLContext(seed: 1);
        using var inFolder = new CurrentFolder(_folder);
        IEnumerable<Loaded> Pictures(int count, int seed) => Enumerable.Range(0, count).Select(i => new Loaded([.. Enumerable
            .Range(0, 8 * 8 * 4).Select(j => j % 4 == 3 ? (byte)255 : (byte)(60 + TemporaryFolder.Noise(j % 4, i + seed, j) / 4))]));
        IDataView goodPictures = mlContext.Data.LoadFromEnumerable(Pictures(60, 0).ToArray()),
            testedPictures = mlContext.Data.LoadFromEnumerable(Pictures(5, 100).ToArray());
        int testedCount = 0;

        RealNvpTrainer.Options mapOptions = RealNvpTrainer.Options.ForMaps();
        mapOptions.Steps = 5;

        // docs: feature maps
        mapOptions.Columns = new()
        {
            ScoreMap = "ScoreMap",               // height x width, adds up to Score
            MapMaximum = "MapMaximum",           // its largest value, and what that says of the picture
            MapMaximumPValue = "MapMaximumPValue",
            MapMaximumLabel = "MapMaximumLabel",
        };
        var defects = mlContext.Transforms.ExtractPixels("Features", "Image", scaleImage: 1 / 255f) // or maps of a pretrained net
            .Append(mlContext.AnomalyDetection.Trainers.RealNvp(mapOptions))
            .Append(mlContext.Transforms.ScoreMapImage());
        var defectModel = defects.Fit(goodPictures);
        foreach (MLImage image in defectModel.Transform(testedPictures).GetColumn<MLImage>("ScoreMapImage"))
            image.SavePng($"map{testedCount++}.png");

        Assert.Equal(5, Directory.GetFiles(_folder, "map*.png").Length);
        defectModel.Dispose();
    }

    [Fact]
    public void Images()
    {
        var mlContext = new MLContext(seed: 1);
        using var inFolder = new CurrentFolder(_folder);
        Picture[] files = [.. Enumerable.Range(0, 40).Select(i =>
        {
            byte[] pixels = [.. Enumerable.Range(0, 20 * 20 * 4)
                .Select(j => j % 4 == 3 ? (byte)255 : (byte)TemporaryFolder.Noise(j % 4, i, j))];
            using MLImage image = MLImage.CreateFromPixels(20, 20, MLPixelFormat.Rgba32, pixels);
            image.Save($"{i}.png");
            return new Picture { ImagePath = Path.Combine(_folder, $"{i}.png") };
        })];
        IDataView pictures = mlContext.Data.LoadFromEnumerable(files[8..]), otherPictures = mlContext.Data.LoadFromEnumerable(files[..8]);
        RealNvpTrainer.Options imageOptions = RealNvpTrainer.Options.ForImages(ImageFlowOptions.Small with { BaseWidth = 4, Blocks = 1 });
        imageOptions.Steps = 20;

        // README: images
        var images = mlContext.Transforms.LoadImageFeatures(new ImagePreset(Channels: 3, Height: 16, Width: 16)) // from ImagePath
            .Append(mlContext.AnomalyDetection.Trainers.RealNvp(imageOptions));
        using var imageModel = images.Fit(pictures);

        RealNvpTransformer imageFlow = imageModel.LastTransformer;
        BitsPerDimensionEstimate bits = imageFlow.BitsPerDimension(imageModel.Transform(otherPictures)); // the figure that papers print
        IDataView drawnImages = imageFlow.SampleImages(count: 100, seed: 1, temperature: 0.8f);           // a column of MLImage
        using MLImage grid = imageFlow.SampleGrid(rows: 4, columns: 8, magnification: 4);
        grid.SavePng("samples.png");
        // the flow is convolutional throughout
        imageFlow.ExportSampler("larger.onnx", height: 32, width: 32);

        Assert.InRange(bits.Mean, 0, 20);
        Assert.Equal(100, drawnImages.GetColumn<MLImage>("Image").Count());
        Assert.True(File.Exists("samples.png") && File.Exists("larger.onnx"));

        // a file that is broken is named, in training and in scoring
        byte[] half = File.ReadAllBytes("3.png");
        File.WriteAllBytes("3.png", half[..(half.Length / 2)]);
        IDataView broken = mlContext.Data.LoadFromEnumerable(files);
        Assert.Contains("3.png' in row 3 cannot be read", Assert.Throws<InvalidDataException>(() => images.Fit(broken)).Message,
            StringComparison.Ordinal);
        Assert.Contains("3.png' in row 3 cannot be read", Assert.Throws<InvalidDataException>(()
            => imageModel.Transform(broken).GetColumn<float>("Score").ToArray()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Whole_pipeline_as_one_graph()
    {
        using var inFolder = new CurrentFolder(_folder);
        var mlContext = new MLContext(seed: 1);
        var random = new Random(1);
        IDataView rows = mlContext.Data.LoadFromEnumerable(Enumerable.Range(0, 600).Select(i =>
        {
            double load = random.NextDouble();
            return new MachineReading
            {
                Machine = ((string[])["press", "fan"])[i % 2], Temperature = (float)(60 + 5 * load + random.NextDouble()),
                Pressure = i % 10 == 3 ? float.NaN : (float)(2 + load),
            };
        }).ToArray());

        // docs/deployment.md: the whole pipeline
        var pipeline = mlContext.Transforms
            .ReplaceMissingValues("Pressure", replacementMode: MissingValueReplacingEstimator.ReplacementMode.Mean)
            .Append(mlContext.Transforms.Categorical.OneHotEncoding("Kind", "Machine"))
            .Append(mlContext.Transforms.Concatenate("Features", "Temperature", "Pressure", "Kind"))
            .Append(mlContext.AnomalyDetection.Trainers.RealNvp(new() { Steps = 200 }));
        using var model = pipeline.Fit(rows);

        using var graph = new MemoryStream();
        mlContext.Model.ConvertToOnnx(model, rows, graph, "Score", "PredictedLabel", "PValue"); // without names: every column
        File.WriteAllBytes("pipeline.onnx", graph.ToArray());

        // docs/deployment.md: run
        using var session = new InferenceSession("pipeline.onnx");
        NamedOnnxValue[] columns =
        [
            NamedOnnxValue.CreateFromTensor("Machine", new DenseTensor<string>(new[] { "press", "fan" }, [2, 1])),
            NamedOnnxValue.CreateFromTensor("Temperature", new DenseTensor<float>(new[] { 62f, 95f }, [2, 1])),
            NamedOnnxValue.CreateFromTensor("Pressure", new DenseTensor<float>(new[] { 2.3f, float.NaN }, [2, 1])),
        ];
        using var results = session.Run(columns);
        float[] scores = [.. results.Single(result => result.Name == "Score.output").AsEnumerable<float>()];

        IDataView same = mlContext.Data.LoadFromEnumerable(new[]
        {
            new MachineReading { Machine = "press", Temperature = 62, Pressure = 2.3f },
            new MachineReading { Machine = "fan", Temperature = 95, Pressure = float.NaN },
        });
        Assert.Equal(model.Transform(same).GetColumn<float>("Score"), scores);
        Assert.Equal([false, true], results.Single(result => result.Name == "PredictedLabel.output").AsEnumerable<bool>());
    }

    [Fact]
    public void Long_runs()
    {
        using var inFolder = new CurrentFolder(_folder);
        using var stop = new CancellationTokenSource();
        // README: long runs
        var longRun = new RealNvpTrainer.Options
        {
            Checkpoints = new("checkpoints")  // every 500 steps; a run that was killed goes on to the same weights
            {
                Resume = true,                // from the newest whole checkpoint, or from the start
            },
            TensorBoardFolder = "events",     // for tensorboard --logdir
            ExampleWeightColumnName = "Weight", // rows of weight 2 count twice
            Memory = new() { ResidentLimit = 100 << 20 }, // larger data stream in every epoch; default 640 MiB
            Optimizer = new() { AveragedWeights = 0.999 }, // an average of the last weights is validated and kept
            OnCancellation = OnCancellation.ReturnBest,
            CancellationToken = stop.Token,
        };

        longRun.Memory = new() { ResidentLimit = 0 }; // so few rows stream too
        longRun.Steps = 1000; // as many as two checkpoints need
        var mlContext = new MLContext(seed: 1);
        IDataView rows = mlContext.Data.LoadFromEnumerable(Readings(300, seed: 1));
        var pipeline = mlContext.Transforms.Concatenate("Features", "Temperature", "Pressure", "Flow")
            .Append(mlContext.Transforms.CopyColumns("Weight", "Pressure"))
            .Append(mlContext.AnomalyDetection.Trainers.RealNvp(longRun));
        using var model = pipeline.Fit(rows);
        Assert.Equal(2, Directory.GetFiles("checkpoints").Length);
        Assert.NotEmpty(Directory.GetFiles("events", "*", SearchOption.AllDirectories));

        IDataView features = model.Transform(rows);
        // docs/long-runs.md: a flow of a run that goes on
        FlowModel soFar = FlowModel.FromCheckpoint("checkpoints"); // the best so far; with latest: true the last weights
        using RealNvpTransformer preview = mlContext.Transforms.ApplyRealNvp(soFar).Fit(features);

        Assert.Equal(model.LastTransformer.Model.Calibration.Threshold, soFar.Calibration.Threshold);
        Assert.Equal(3, preview.SampleRows(1)[0].Length);
    }

    [Fact]
    public async Task Service()
    {
        using var inFolder = new CurrentFolder(_folder);
        Directory.CreateDirectory("models");
        Flows.Random(features: 3).Save("models/pumps.rnvp");

        // docs/service.md
        WebApplicationBuilder builder = WebApplication.CreateBuilder();
        builder.Services.AddRealNvp(options =>
        {
            options.Models.Add("models");           // a folder; or files, or name=file
            options.MaxRows = 10_000;               // of a request
        });
        WebApplication app = builder.Build();
        app.MapRealNvp();                           // or app.MapRealNvp("/flows").RequireAuthorization()

        app.Urls.Add("http://127.0.0.1:0");
        await app.StartAsync(TestContext.Current.CancellationToken);
        using var client = new HttpClient { BaseAddress = new Uri(app.Urls.Single()) };
        Assert.Contains("pumps", await client.GetStringAsync(new Uri("models", UriKind.Relative), TestContext.Current.CancellationToken),
            StringComparison.Ordinal);
        await app.DisposeAsync();
    }

    [Fact]
    public async Task Cluster()
    {
        using var inFolder = new CurrentFolder(_folder);
        Directory.CreateDirectory("models");
        FlowModel flow = Flows.Random(features: 3);
        flow.Save("models/pumps.rnvp");
        int port = FreePort(), gateway = FreePort();
#pragma warning disable xUnit1051 // the document's calls are shorter

        // docs/cluster.md
        HostApplicationBuilder builder = Host.CreateApplicationBuilder();
        builder.UseOrleans(silo => silo.UseLocalhostClustering(port, gateway)
            .AddRealNvp("models"));                                         // a folder that all silos read
        using IHost host = builder.Build();
        await host.StartAsync();

        IClusterClient client = host.Services.GetRequiredService<IClusterClient>();
        float[][] rows = Flows.Rows(flow, 4, seed: 1);

        // docs/cluster.md: a caller
        IFlowGrain pumps = client.GetGrain<IFlowGrain>("pumps");            // models/pumps.zip or .rnvp
        FlowTable scored = await pumps.Score(FlowTable.Of(rows));           // float[][]
        float[] scores = scored.Numbers("Score");
        bool[] flags = scored.Flags("PredictedLabel");

        FlowTable drawn = await pumps.Sample(count: 10, seed: 1);
        FlowDescription description = await pumps.Describe();               // columns, version, threshold, share flagged, drift

#pragma warning restore xUnit1051
        Assert.Equal(4, scores.Length);
        Assert.Equal(scores.Select(score => score > description.Threshold), flags);
        Assert.Equal(10, drawn.Rows);
        await host.StopAsync(TestContext.Current.CancellationToken);
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
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
            Table = new() { Couplings = 4, HiddenUnits = 32 }, // default 8 and 64: what the flow can express
            Members = 2,                  // default 1: flows whose mixture is the model; a mixture has no Latent
            Dropout = 0.3,                // default 0.1 for tables: more where rows are few
            Noise = 0.1,                  // default 0.05 standard deviations: the same
            Trim = 0.05,                  // default 0: share of each batch left out as least likely, for contaminated rows
            Epochs = 100,                 // default: chosen by the number of rows
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

    /// <summary>The README writes to the current folder.</summary>
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

    private sealed class OneClass
    {
        public float[] Class { get; set; } = [];
    }

    private sealed class Loaded(byte[] pixels)
    {
        /// <summary>Another one for each reader: ExtractPixels disposes what it has read.</summary>
        [ImageType(8, 8)]
        public MLImage Image => MLImage.CreateFromPixels(8, 8, MLPixelFormat.Rgba32, pixels);
    }

    private sealed class Picture
    {
        public string ImagePath { get; set; } = "";
    }
}
