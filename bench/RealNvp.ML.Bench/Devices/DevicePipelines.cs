using System.Globalization;
using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Bench.Cuda;
using RealNvp.ML.Bench.Flows;
using RealNvp.ML.Export;
using RealNvp.ML.Samples;
using RealNvp.ML.Trainers;
using RealNvp.ML.Trainers.Native;
using RealNvp.ML.Transforms;
using RealNvp.ML.Transforms.Onnx;

namespace RealNvp.ML.Bench.Devices;

/// <summary>
/// Every kind of flow, trained, calibrated, scored and drawn from on the GPU of the MLContext, beside the saved model on a CPU. Where ONNX
/// Runtime has no CUDA provider the device trains alone, and both sides run on the CPU.
/// </summary>
internal sealed class DevicePipelines
{
    private const int Steps = 100, Train = 1500, Test = 300, Drawn = 256;

    private readonly string _device;

    public DevicePipelines(string device)
    {
        _device = device;
        All =
        [
            ("pipeline: a condition that may be unknown, weights, whole numbers", Conditional),
            ("pipeline: a regression", Regression),
            ("pipeline: more columns than can be learned apart", Wide),
            ("pipeline: one feature", Single),
            ("pipeline: two members, a share of each score for each feature", Members),
            ("pipeline: learned dequantisation, averaged weights, images given their class", ModernImages),
            ("pipeline: images with every choice of the original", OriginalImages),
            ("pipeline: feature maps", FeatureMaps),
        ];
    }

    public IReadOnlyList<(string Name, Func<string> Check)> All { get; }

    private bool ScoresThere => _device != "cpu" && OnnxLibrary.HasCuda();

    private string Conditional() => Compare(Table(Train, seed: 1), Table(Test, seed: 2), 4, new()
    {
        ConditionColumnName = nameof(Row.Condition),
        ConditionDropout = 0.2,
        ExampleWeightColumnName = nameof(Row.Weight),
    });

    private string Members() => Compare(Table(Train, seed: 1), Table(Test, seed: 2), 4, new()
    {
        Members = 2,
        Columns = new() { Contributions = "Contributions" },
    });

    private string Wide() => Compare(Normals(Train, 200, seed: 1), Normals(Test, 200, seed: 2), 200, new()
    {
        Table = new() { Whitening = true },
    });

    private string Single() => Compare(Normals(Train, 1, seed: 1), Normals(Test, 1, seed: 2), 1, new());

    private string ModernImages()
    {
        RealNvpTrainer.Options options = RealNvpTrainer.Options.ForImages(SmallImages).AsModern();
        (options.ConditionColumnName, options.ConditionDropout) = (nameof(Digit.Class), 0.2);
        options.Columns = new() { BitsPerDimension = "Bits", ScoreMap = "Map" };
        return OfDigits(options);
    }

    private string OriginalImages() => OfDigits(RealNvpTrainer.Options.ForImages(SmallImages).AsOriginal());

    private string OfDigits(RealNvpTrainer.Options options)
    {
        (Digit[] train, Digit[] test) = Digits.Load(Digits.Path);
        return Compare(ml => Digits.View(ml, train), ml => Digits.View(ml, test), Digits.Pixels, options);
    }

    private static ImageFlowOptions SmallImages => new() { Scales = 2, BaseWidth = 8, Blocks = 2, Levels = Digits.Levels };

    private string FeatureMaps()
    {
        RealNvpTrainer.Options options = RealNvpTrainer.Options.ForMaps(
            new() { Shape = FlowShape.Image(12, 10, 10), PositionFrequencies = 2 });
        options.Columns = new() { ScoreMap = "Map", MapMaximum = "Maximum" };
        return Compare(Normals(300, 1200, seed: 1), Normals(100, 1200, seed: 2), 1200, options);
    }

    private string Regression()
    {
        var options = new RealNvpRegressionTrainer.Options { LabelColumnName = nameof(Row.Weight) };
        Prepare(options.Flow);
        MLContext there = Context();
        using RealNvpRegressionTransformer model = there.Regression.Trainers.RealNvp(options).Fit(Table(Train, seed: 1)(there));
        return Compare(model, model.Model, Table(Test, seed: 2), features: 1, _ => null);
    }

    private string Compare(Func<MLContext, IDataView> train, Func<MLContext, IDataView> test, int features, RealNvpTrainer.Options options)
    {
        Prepare(options);
        MLContext there = Context();
        using RealNvpTransformer flow = there.AnomalyDetection.Trainers.RealNvp(options).Fit(train(there));
        return Compare(flow, flow.Model, test, features, model => options.ConditionColumnName is null
            ? ((RealNvpTransformer)model).Sample(Drawn, seed: 1) : ((RealNvpTransformer)model).Sample(test(there), seed: 1));
    }

    private void Prepare(RealNvpTrainer.Options options)
    {
        (options.Steps, options.Seed) = (Steps, 1);
        options.Device = ScoresThere ? null : _device; // null follows the context
    }

    private MLContext Context() => new(1)
    {
        GpuDeviceId = ScoresThere ? TorchRuntime.NamedDevice(_device).index : null,
        FallbackToCpu = false,
    };

    /// <summary>All columns of numbers that a model adds, and rows drawn from it, here and by the saved model on a CPU.</summary>
    private string Compare(ITransformer model, FlowModel flow, Func<MLContext, IDataView> rows, int features,
        Func<ITransformer, IDataView?> draw)
    {
        string device = flow.Metadata.Training["device"];
        DeviceChecks.Require(device.StartsWith(_device, StringComparison.Ordinal), $"trained on {device}");
        IDataView test = rows(Context());
        string path = Path.Combine(Path.GetTempPath(), $"realnvp-pipeline-{Environment.ProcessId}.zip");
        try
        {
            var cpu = new MLContext(2);
            cpu.Model.Save(model, test.Schema, path);
            ITransformer loaded = cpu.Model.Load(path, out _);
            using var owned = loaded as IDisposable;
            string worst = Worst(Added(model.Transform(test), test.Schema), Added(loaded.Transform(test), test.Schema), features);
            if (draw(model) is { } drawn && draw(loaded) is { } expected)
                worst += $"; drawn rows: {Worst(Numbers(drawn, IsDrawn), Numbers(expected, IsDrawn), features: 1)}";
            return $"{(ScoresThere ? "CUDA" : "(no CUDA in this ONNX Runtime)")} beside a CPU, of what is allowed: {worst}";
        }
        finally
        {
            File.Delete(path);
        }
    }

    private static string Worst(Dictionary<string, float[]> there, Dictionary<string, float[]> here, int features)
    {
        DeviceChecks.Require(there.Count > 0 && there.Keys.SequenceEqual(here.Keys), "other columns");
        var found = new List<string>();
        foreach ((string name, float[] expected) in here)
        {
            DeviceChecks.Require(expected.Length > 0 && expected.All(float.IsFinite), $"{name}: a value is not finite on the CPU");
            double share = name switch
            {
                "Latent" => Parity.Between(expected, there[name], Math.Sqrt(features)).Share, // as the library: of the latent's length
                "Bits" => Parity.Between(expected, there[name], 1).Share,
                // drawn rows have passed all steps backwards, each of which may amplify: they are held to ten times as much
                "Features" => Parity.Between(expected, there[name], 1).Share / 10,
                _ => Parity.Between(expected, there[name], features).Share,
            };
            DeviceChecks.Require(share <= 1, $"{name}: {share:G3} times what is allowed");
            found.Add(string.Create(CultureInfo.InvariantCulture, $"{name} {share:F3}"));
        }
        return string.Join(", ", found);
    }

    private static bool IsDrawn(DataViewSchema.Column column) => column.Name == "Features";

    /// <summary>The columns that a schema does not have. P-values are left out: they jump where a score passes another.</summary>
    private static Dictionary<string, float[]> Added(IDataView data, DataViewSchema to) => Numbers(data, column
        => to.GetColumnOrNull(column.Name) is null && !column.Name.EndsWith("PValue", StringComparison.Ordinal));

    private static Dictionary<string, float[]> Numbers(IDataView data, Func<DataViewSchema.Column, bool> takes)
    {
        var numbers = new Dictionary<string, float[]>();
        foreach (DataViewSchema.Column column in data.Schema.Where(column => !column.IsHidden && takes(column)))
        {
            if (column.Type == NumberDataViewType.Single)
                numbers[column.Name] = [.. data.GetColumn<float>(column)];
            else if (column.Type is VectorDataViewType { ItemType: NumberDataViewType { RawType: var raw } } && raw == typeof(float))
                numbers[column.Name] = [.. data.GetColumn<VBuffer<float>>(column).SelectMany(vector => vector.DenseValues().ToArray())];
        }
        return numbers;
    }

    /// <summary>Four features that follow two conditions, of which one is missing at times; the last feature is a whole number.</summary>
    private static Func<MLContext, IDataView> Table(int count, int seed)
    {
        var random = new Random(seed);
        Row[] rows = [.. Enumerable.Range(0, count).Select(_ =>
        {
            float[] given = [(float)random.NextNormal(), (float)random.NextNormal()];
            float a = given[0] + (float)random.NextNormal(), b = a * given[1] + (float)random.NextNormal();
            var row = new Row
            {
                Features = [a, b, (float)random.NextNormal() + 0.5f * b * b, random.Next(5)],
                Weight = 1 + random.NextSingle(),
            };
            if (random.Next(4) == 0)
                given[1] = float.NaN;
            row.Condition = given;
            return row;
        })];
        SchemaDefinition schema = SchemaDefinition.Create(typeof(Row));
        schema[nameof(Row.Features)].ColumnType = new VectorDataViewType(NumberDataViewType.Single, 4);
        schema[nameof(Row.Condition)].ColumnType = new VectorDataViewType(NumberDataViewType.Single, 2);
        return ml => ml.Data.LoadFromEnumerable(rows, schema);
    }

    /// <summary>Rows of normal values that have a part in common.</summary>
    private static Func<MLContext, IDataView> Normals(int count, int features, int seed)
    {
        var random = new Random(seed);
        float[][] rows = [.. Enumerable.Range(0, count).Select(_ =>
        {
            float common = (float)random.NextNormal();
            return Enumerable.Range(0, features).Select(_ => common + (float)random.NextNormal()).ToArray();
        })];
        return ml => Tables.Cached(ml, rows);
    }

    private sealed class Row
    {
        public float[] Features { get; set; } = [];

        public float[] Condition { get; set; } = [];

        public float Weight { get; set; }
    }
}
