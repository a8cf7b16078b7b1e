using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Transforms;
using RealNvp.ML.Trainers;

namespace RealNvp.ML.Tests.Transforms.Pipelines;

/// <summary>
/// ML.NET's steps before and after a flow: those that have an ONNX form, and those that a conversion refuses with a name.
/// </summary>
[Trait("Area", "Pipelines")]
public sealed class PipelineStepsTests
{
    private static readonly MLContext s_ml = new(seed: 1);
    private static readonly TransformsCatalog s_of = s_ml.Transforms;

    /// <summary>Steps that convert, each with the flow in it.</summary>
    private static readonly Dictionary<string, Func<IEstimator<ITransformer>>> s_converts = new()
    {
        ["ReplaceMissingValues by default"] = () => s_of.ReplaceMissingValues("Pressure").Append(Numbers()).Append(Flow()),
        ["IndicateMissingValues"] = () => s_of.IndicateMissingValues("Missing", "Pressure")
            .Append(s_of.Conversion.ConvertType("Missing", outputKind: DataKind.Single)).Append(Replaced())
            .Append(s_of.Concatenate("Features", "Temperature", "Pressure", "Missing")).Append(Flow()),
        ["NormalizeMinMax"] = () => Two().Append(s_of.NormalizeMinMax("Features")).Append(Flow()),
        ["NormalizeMeanVariance"] = () => Two().Append(s_of.NormalizeMeanVariance("Features")).Append(Flow()),
        ["NormalizeRobustScaling"] = () => Two().Append(s_of.NormalizeRobustScaling("Features")).Append(Flow()),
        ["OneHotEncoding alone"] = () => s_of.Categorical.OneHotEncoding("Features", "Kind").Append(Flow()),
        ["OneHotEncoding as a bag"] = () => s_of.Categorical.OneHotEncoding("Kind", outputKind: OneHotEncodingEstimator.OutputKind.Bag)
            .Append(s_of.Concatenate("Features", "Temperature", "Kind")).Append(Flow()),
        ["OneHotEncoding of numbers"] = () => s_of.Categorical.OneHotEncoding("Hour")
            .Append(s_of.Concatenate("Features", "Temperature", "Hour")).Append(Flow()),
        ["OneHotHashEncoding"] = () => s_of.Categorical.OneHotHashEncoding("Kind", numberOfBits: 4)
            .Append(s_of.Concatenate("Features", "Temperature", "Kind")).Append(Flow()),
        ["MapValueToKey, MapKeyToVector"] = () => s_of.Conversion.MapValueToKey("Kind").Append(s_of.Conversion.MapKeyToVector("Kind"))
            .Append(s_of.Concatenate("Features", "Temperature", "Kind")).Append(Flow()),
        ["MapValue"] = () => s_of.Conversion.MapValue("Rank",
            new Dictionary<string, float> { ["pump"] = 1, ["fan"] = 2, ["press"] = 3 }, "Kind")
            .Append(s_of.Concatenate("Features", "Temperature", "Rank")).Append(Flow()),
        ["ConvertType"] = () => s_of.Conversion.ConvertType([new("Hour"), new("IsNew")], DataKind.Single)
            .Append(s_of.Concatenate("Features", "Temperature", "Hour", "IsNew")).Append(Flow()),
        ["CopyColumns, DropColumns, SelectColumns"] = () => Two().Append(s_of.CopyColumns("Copy", "Features"))
            .Append(s_of.DropColumns("Temperature")).Append(Flow("Copy")).Append(s_of.SelectColumns("Score", "PValue", "PredictedLabel")),
        ["ProjectToPrincipalComponents"] = () => Two().Append(s_of.NormalizeMeanVariance("Features"))
            .Append(s_of.ProjectToPrincipalComponents("Components", "Features", rank: 2)).Append(Flow("Components")),
        ["SelectFeaturesBasedOnCount"] = () => s_of.Categorical.OneHotEncoding("Kind")
            .Append(s_of.Concatenate("Features", "Temperature", "Kind"))
            .Append(s_of.FeatureSelection.SelectFeaturesBasedOnCount("Features", count: 50)).Append(Flow()),
        ["MapKeyToValue behind"] = () => Two().Append(s_of.Conversion.MapValueToKey("Key", "Kind")).Append(Flow())
            .Append(s_of.Conversion.MapKeyToValue("Back", "Key")),
        ["Concatenate and NormalizeMinMax behind"] = () => Two().Append(Flow()).Append(s_of.Concatenate("Both", "Score", "Latent"))
            .Append(s_of.NormalizeMinMax("Both")),
        ["a second trainer behind"] = () => Two().Append(Flow())
            .Append(s_ml.BinaryClassification.Trainers.LbfgsLogisticRegression("IsNew", "Latent")),
    };

    /// <summary>Steps that a conversion refuses: the step, the column that the flow reads, and the one that is named with it.</summary>
    private static readonly Dictionary<string, (Func<IEstimator<ITransformer>> Steps, string[] Named)> s_refused = new()
    {
        ["NormalizeMeanVariance by CDF"] = (() => Two().Append(s_of.NormalizeMeanVariance("Features", useCdf: true)).Append(Flow()),
            ["'Features'", "NormalizingTransformer"]),
        ["NormalizeLogMeanVariance"] = (() => Two().Append(s_of.NormalizeLogMeanVariance("Features")).Append(Flow()),
            ["'Features'", "NormalizingTransformer"]),
        ["NormalizeBinning"] = (() => Two().Append(s_of.NormalizeBinning("Features", maximumBinCount: 20)).Append(Flow()),
            ["'Features'", "NormalizingTransformer"]),
        ["one of two inputs"] = (() => s_of.NormalizeBinning("Temperature", maximumBinCount: 20).Append(Two()).Append(Flow()),
            ["'Features'", "'Temperature'", "NormalizingTransformer"]),
        ["CustomMapping"] = (() => s_of.CustomMapping<Machine, Twice>((row, result) => result.Doubled = 2 * row.Temperature, null)
            .Append(s_of.Concatenate("Features", "Temperature", "Doubled")).Append(Flow()), ["'Features'", "'Doubled'", "CustomMapping"]),
        ["Expression"] = (() => s_of.Expression("Doubled", "(x) => 2 * x", "Temperature")
            .Append(s_of.Concatenate("Features", "Temperature", "Doubled")).Append(Flow()), ["'Features'", "'Doubled'", "Expression"]),
        // the column has the name of a raw one, which a conversion would take in its place
        ["OneHotEncoding in binary digits"] = (() => s_of.Categorical.OneHotEncoding("Kind",
            outputKind: OneHotEncodingEstimator.OutputKind.Binary)
                .Append(s_of.Concatenate("Features", "Temperature", "Kind")).Append(Flow()),
            ["'Features'", "'Kind'", "KeyToBinaryVector"]),
        ["FeaturizeText"] = (() => s_of.Text.FeaturizeText("Text", "Kind").Append(s_of.Concatenate("Features", "Temperature", "Text"))
            .Append(Flow()), ["'Features'", "'Kind_TextNormalizer'", "TextNormalizing"]),
        ["ProduceWordBags"] = (() => s_of.Text.ProduceWordBags("Features", "Kind", ngramLength: 1).Append(Flow()),
            ["'Features'", "one row per call"]),
        ["ApproximatedKernelMap"] = (() => Two().Append(s_of.ApproximatedKernelMap("Features", rank: 4)).Append(Flow()),
            ["'Features'", "ApproximatedKernel"]),
        ["images of files"] = (() => s_of.LoadImages("Image", imageFolder: ".", "Kind").Append(s_of.ResizeImages("Image", 4, 4))
            .Append(s_of.ExtractPixels("Pixels", "Image")).Append(s_of.ApplyRealNvp(ImageFlows.Random(3), "Pixels")),
            ["'Pixels'", "ImagePixelExtracting"]),
        ["crops of images"] = (() => s_of.LoadImages("Image", imageFolder: ".", "Kind")
            .Append(s_of.CropImages("Image", 4, 4)).Append(s_of.ExtractPixels("Pixels", "Image"))
            .Append(s_of.DropColumns("Image")).Append(s_of.ApplyRealNvp(ImageFlows.Random(3), "Pixels")),
            ["'Pixels'", "ImagePixelExtracting"]),
        // ML.NET writes a graph that runs in circles
        ["ProjectToPrincipalComponents in place"] = (
            () => Two().Append(s_of.ProjectToPrincipalComponents("Features", rank: 2)).Append(Flow()),
            ["'Features'", "ONNX Runtime cannot load"]),
        ["the first of two flows"] = (() => Two().Append(s_of.ApproximatedKernelMap("Mapped", "Features", rank: 4)).Append(Flow("Mapped"))
            .Append(s_of.CopyColumns("Second", "Latent")).Append(Flow("Second")), ["'Mapped'", "RealNvpTransformer", "ApproximatedKernel"]),
    };

    public static TheoryData<string> Converts => [.. s_converts.Keys];

    public static TheoryData<string> Refused => [.. s_refused.Keys];

    [Theory]
    [MemberData(nameof(Converts))]
    public void Steps_with_an_ONNX_form(string name)
    {
        IDataView data = Machine.Load(s_ml, 400, 1), fresh = Machine.Load(s_ml, 100, 2);
        ITransformer model = s_converts[name]().Fit(data);
        using var converted = new ConvertedPipeline(s_ml, model, data);
        // rows with missing pressures are ML.NET's to convert where they reach a later trainer
        Dictionary<string, double> differences = converted.AssertSame(fresh);
        if (name != "ProjectToPrincipalComponents") // sums in another order
            Assert.All(differences, difference => Assert.InRange(difference.Value, 0, 1e-6));
        converted.AssertSameByMlNet(fresh,
            [.. converted.Columns.Where(column => column is "Score" or "PredictedLabel" or "PValue" or "Back")]);
        (model as IDisposable)?.Dispose();
    }

    [Theory]
    [MemberData(nameof(Refused))]
    public void Steps_without_one_are_an_error_that_names_the_column(string name)
    {
        IDataView data = Machine.Load(s_ml, 400, 1);
        (Func<IEstimator<ITransformer>> steps, string[] named) = s_refused[name];
        ITransformer model = steps().Fit(data);
        using var stream = new MemoryStream();
        string message = Assert.Throws<InvalidOperationException>(() => s_ml.Model.ConvertToOnnx(model, data, stream)).Message;
        Assert.All(named.Append("mlContext.Data.Cache"), part => Assert.Contains(part, message, StringComparison.Ordinal));
        Assert.Equal(0, stream.Length);
        (model as IDisposable)?.Dispose();
    }

    [Fact]
    public void What_the_error_advises_works()
    {
        IDataView data = Machine.Load(s_ml, 400, 1);
        ITransformer prepared = Two().Append(s_of.NormalizeBinning("Features", maximumBinCount: 20)).Fit(data);
        IDataView view = prepared.Transform(data);
        ITransformer flow = Flow().Fit(view);
        IDataView behind = s_ml.Data.Cache(s_of.SelectColumns("Features").Fit(view).Transform(view));
        using var converted = new ConvertedPipeline(s_ml, flow, behind);
        Assert.All(converted.AssertSame(behind), difference => Assert.Equal(0, difference.Value));
    }

    private static IEstimator<ITransformer> Replaced() => s_of.ReplaceMissingValues("Pressure",
        replacementMode: MissingValueReplacingEstimator.ReplacementMode.Mean);

    private static IEstimator<ITransformer> Numbers() => s_of.Concatenate("Features", "Temperature", "Pressure");

    private static IEstimator<ITransformer> Two() => Replaced().Append(Numbers());

    private static RealNvpTrainer Flow(string features = "Features")
        => s_ml.AnomalyDetection.Trainers.RealNvp(new RealNvpTrainer.Options { Steps = 5, FeatureColumnName = features });

    private sealed class Twice
    {
        public float Doubled { get; set; }
    }
}
