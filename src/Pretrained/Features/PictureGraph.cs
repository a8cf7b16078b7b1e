using System.Globalization;
using Google.Protobuf;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using RealNvp.ML.Export;
using RealNvp.ML.Export.Onnx;
using RealNvp.ML.Pretrained.Graphs;
using RealNvp.ML.Transforms;
using RealNvp.ML.Transforms.Onnx;
using RealNvp.ML.Transforms.Parity;

namespace RealNvp.ML.Pretrained.Features;

/// <summary>Net, features and flow as one graph, checked against the two graphs one after the other.</summary>
internal static class PictureGraph
{
    /// <summary>Pictures of the check, in one batch and in smaller ones.</summary>
    private static readonly int[] s_batches = [3, 1];

    /// <summary>The joined graph of a flow's whole density graph, threshold and all.</summary>
    /// <exception cref="FlowParityException">It disagrees with net and flow one after the other.</exception>
    public static byte[] Build(FeatureSettings settings, RealNvpTransformer flow)
    {
        ModelProto features = settings.BuildGraph();
        byte[] featureBytes = features.ToByteArray(), density = flow.BuildCheckedDensity();
        byte[] joined = Join(features, ModelProto.Parser.ParseFrom(density)).ToByteArray();
        double largest = Check(joined, featureBytes, density, settings.Recipe.PixelCount, flow.Model);
        return FlowGraph.WithParity(joined, new Dictionary<string, string>
        {
            ["pictures.count"] = s_batches.Sum().ToString(CultureInfo.InvariantCulture),
            ["pictures.score.max_error"] = largest.ToString("G3", CultureInfo.InvariantCulture),
        });
    }

    /// <summary>A graph to features, and behind it any graph that reads features: one that gives what that gives.</summary>
    /// <param name="features">The graph to features, which is changed.</param>
    /// <param name="behind">A graph with the input <c>Features</c>, which is changed.</param>
    public static ModelProto Join(ModelProto features, ModelProto behind)
    {
        HashSet<string> constants = [.. behind.Graph.Initializer.Select(constant => constant.Name)];
        string[] kept = [.. behind.Graph.Input.Concat(behind.Graph.Output).Select(value => value.Name)
            .Where(name => name != FeatureGraph.Features)];
        foreach (string name in kept)
            GraphMerge.Free(features.Graph, name);
        GraphMerge.Add(features, behind, new Dictionary<string, string>(kept.Append(FeatureGraph.Features)
            .Select(name => KeyValuePair.Create(name, name))));
        features.Graph.Input.Add(behind.Graph.Input.Where(input => input.Name != FeatureGraph.Features));
        features.Graph.Output.Clear();
        features.Graph.Output.Add(behind.Graph.Output);
        features.MetadataProps.Add(behind.MetadataProps);
        features.DocString = "From pixels to what a Real NVP flow says of a picture.";
        return features;
    }

    private static double Check(byte[] joined, byte[] features, byte[] density, int pixelCount, FlowModel model)
    {
        using var options = OnnxSession.CreateOptions(threads: 0);
        using var net = OnnxLibrary.Call(() => new InferenceSession(features, options));
        using var flow = new InferenceSession(density, options);
        using var both = new InferenceSession(joined, options);
        var random = new Random(1);
        double largest = 0;
        foreach (int count in s_batches)
        {
            float[] pixels = Pictures(random, count, pixelCount);
            float[] condition = [.. Enumerable.Range(0, count * (model.Condition?.Size ?? 0)).Select(_ => random.NextSingle())];
            float[] found = Run(net, count, [(FeatureGraph.Pixels, pixels)], [FeatureGraph.Features])[0];
            (string, float[])[] more = condition.Length > 0 ? [("Condition", condition)] : [];
            float[][] expected = Run(flow, count, [(FeatureGraph.Features, found), .. more], flow.OutputNames);
            float[][] actual = Run(both, count, [(FeatureGraph.Pixels, pixels), .. more], flow.OutputNames);
            int likelihood = flow.OutputNames.ToList().IndexOf("LogLikelihood");
            for (int output = 0; output < expected.Length; output++)
            {
                int width = expected[output].Length / count;
                for (int i = 0; i < expected[output].Length; i++)
                {
                    // labels, p-values and the like follow from the log-likelihood, and may jump where it lies near a cut
                    bool isCut = flow.OutputNames[output] is "PredictedLabel" or "PValue" or "TypicalityPValue"
                        or "MapMaximumPValue" or "MapMaximumLabel";
                    double tolerance = FlowParity.LogLikelihoodTolerance(expected[likelihood][i / width], model.InputShape.Size);
                    double error = Math.Abs((double)actual[output][i] - expected[output][i]);
                    if (!isCut && !(error <= tolerance))
                        throw new FlowParityException(flow.OutputNames[output], i / width, i % width, actual[output][i],
                            expected[output][i], tolerance);
                    if (output == likelihood)
                        largest = Math.Max(largest, error);
                }
            }
        }
        return largest;
    }

    /// <summary>Pictures of smooth waves and noise: unlike each other, and neither black nor mere noise.</summary>
    private static float[] Pictures(Random random, int count, int pixelCount)
    {
        var pixels = new float[count * pixelCount];
        for (int picture = 0; picture < count; picture++)
        {
            double wave = 0.001 + 0.05 * random.NextDouble(), phase = 6 * random.NextDouble();
            for (int i = 0; i < pixelCount; i++)
            {
                pixels[picture * pixelCount + i]
                    = (float)Math.Clamp(127 + 90 * Math.Sin(phase + wave * i) + 30 * (random.NextDouble() - 0.5), 0, 255);
            }
        }
        return pixels;
    }

    private static float[][] Run(InferenceSession session, int count, (string Name, float[] Values)[] inputs, IReadOnlyList<string> outputs)
    {
        OrtValue[] values = [.. inputs.Select(input
            => OrtValue.CreateTensorValueFromMemory(input.Values, [count, input.Values.Length / count]))];
        try
        {
            using var options = new RunOptions();
            using IDisposableReadOnlyCollection<OrtValue> results
                = session.Run(options, [.. inputs.Select(input => input.Name)], values, [.. outputs]);
            return [.. results.Select(result => result.GetTensorTypeAndShape().ElementDataType == TensorElementType.Bool
                ? Array.ConvertAll(result.GetTensorDataAsSpan<bool>().ToArray(), label => label ? 1f : 0)
                : result.GetTensorDataAsSpan<float>().ToArray())];
        }
        finally
        {
            Array.ForEach(values, value => value.Dispose());
        }
    }
}
