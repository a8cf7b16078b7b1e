using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Export;
using RealNvp.ML.Tests.Eng;
using RealNvp.ML.Transforms;

namespace RealNvp.ML.Tests.Service;

/// <summary>
/// One service of several models: a flow with named features, a pipeline of texts with a threshold for each group behind the flow, and
/// models that the repository keeps: a pipeline, a regression, a flow with a condition, a mixture.
/// </summary>
public sealed class ServedFlows : IAsyncLifetime
{
    internal FlowModel Flow { get; } = Flows.Random(features: 4, named: true);

    internal RunningService Service { get; private set; } = null!;

    public async ValueTask InitializeAsync() => Service = await RunningService.Start(folder =>
    {
        Flow.Save(folder.File("plain.rnvp"));
        foreach (string name in new[] { "pipeline-2.zip", "regression-1.zip", "condition-3.zip", "mixture-1.rnvp" })
            File.Copy(Path.Combine(Repository.Root, "test", "SavedModels", name), folder.File(name));
        Categories(folder.File("categories.zip"));
        OneCategory(folder.File("alone.zip"));
        File.WriteAllText(folder.File("broken.zip"), "PK, but no model");
    }, options => (options.MaxRows, options.MaxBodyBytes, options.MaxDrawnRows) = (4_000, 1 << 20, 5_000));

    public ValueTask DisposeAsync() => Service.DisposeAsync();

    /// <summary>A pipeline of text, whole numbers and numbers, some missing, with a second step behind the flow.</summary>
    internal static void Categories(string path)
    {
        var ml = new MLContext(seed: 1);
        IDataView rows = ml.Data.LoadFromEnumerable(Machine.Rows(50, seed: 1));
        FlowModel flow = Flows.Random(features: 5, seed: 3, names: ["Pressure", "Age", "Kind.press", "Kind.fan", "Kind.pump"]);
        var pipeline = ml.Transforms.ReplaceMissingValues("Pressure")
            .Append(ml.Transforms.CopyColumns("Machine", "Kind"))
            .Append(ml.Transforms.Categorical.OneHotEncoding("Kind"))
            .Append(ml.Transforms.Conversion.ConvertType("Age", outputKind: DataKind.Single))
            .Append(ml.Transforms.Concatenate("Features", "Pressure", "Age", "Kind"))
            .Append(ml.Transforms.ApplyRealNvp(flow))
            .Append(ml.AnomalyDetection.CalibrateByGroup("Machine", contamination: 0.2));
        using var model = pipeline.Fit(rows);
        ml.Model.Save(model, rows.Schema, path);
    }

    /// <summary>A pipeline whose only feature column is one category, encoded under a name of its own.</summary>
    private static void OneCategory(string path)
    {
        var ml = new MLContext(seed: 1);
        IDataView rows = ml.Data.LoadFromEnumerable(Machine.Rows(50, seed: 1));
        var pipeline = ml.Transforms.Categorical.OneHotEncoding("KindEncoded", "Kind")
            .Append(ml.Transforms.Concatenate("Features", "KindEncoded"))
            .Append(ml.Transforms.ApplyRealNvp(Flows.Random(features: 3, seed: 3, names: ["press", "fan", "pump"])));
        using var model = pipeline.Fit(rows);
        ml.Model.Save(model, rows.Schema, path);
    }

    /// <summary>A row of that pipeline; nothing reads the last column.</summary>
    internal sealed class Machine
    {
        public string Kind { get; set; } = "";

        public float Pressure { get; set; }

        public int Age { get; set; }

        public string Remark { get; set; } = "";

        public static Machine[] Rows(int count, int seed)
        {
            var random = new Random(seed);
            return [.. Enumerable.Range(0, count).Select(i => new Machine
            {
                Kind = new[] { "press", "fan", "pump" }[i % 3],
                Pressure = random.Next(10) == 0 ? float.NaN : 2 * random.NextSingle(),
                Age = random.Next(20),
                Remark = $"{i}",
            })];
        }
    }

    /// <summary>A column that ML.NET gives for rows through a saved pipeline.</summary>
    internal static TValue[] Column<TValue>(string path, IEnumerable<Machine> rows, string column)
    {
        var ml = new MLContext();
        ITransformer model = ml.Model.Load(path, out _);
        using var owned = (IDisposable)model;
        return [.. model.Transform(ml.Data.LoadFromEnumerable(rows)).GetColumn<TValue>(column)];
    }

    /// <summary>What the library gives for rows.</summary>
    internal (float[] Scores, float[] PValues, bool[] Flags) Expected(float[][] rows)
    {
        var ml = new MLContext();
        using RealNvpTransformer flow = ml.Transforms.ApplyRealNvp(Flow).Fit(Tables.Load(ml, rows));
        IDataView scored = flow.Transform(Tables.Load(ml, rows));
        return ([.. scored.GetColumn<float>("Score")], [.. scored.GetColumn<float>("PValue")],
            [.. scored.GetColumn<bool>("PredictedLabel")]);
    }
}
