using System.Collections.Immutable;
using System.Runtime.InteropServices;
using Google.Protobuf;
using Microsoft.ML.OnnxRuntime;
using RealNvp.ML.Export.Onnx;
using RealNvp.ML.Transforms.Onnx;

namespace RealNvp.ML.Pretrained.Graphs;

/// <summary>What becomes of a picture on its way to features.</summary>
/// <param name="File">The net's ONNX file as it was named.</param>
/// <param name="MeanFile">The file with a mean image, or null.</param>
/// <param name="Input">The net's input.</param>
/// <param name="Height">Of pictures, in pixels.</param>
/// <param name="Width">Of pictures, in pixels.</param>
/// <param name="IsBgr">Whether blue comes first.</param>
/// <param name="Scale">What levels are multiplied by.</param>
/// <param name="Mean">What is taken off, of red, green and blue.</param>
/// <param name="Deviation">What is divided by, of red, green and blue.</param>
/// <param name="Tensors">The tensors that are features.</param>
/// <param name="IsPooled">Whether they are one vector of each picture, and not maps.</param>
/// <param name="Grid">The height and width that maps are brought to; null takes those of the largest.</param>
/// <param name="Normalize">Whether each vector, of the picture or of a position, gets the length 1.</param>
internal sealed record FeatureRecipe(string File, string? MeanFile, string Input, int Height, int Width, bool IsBgr, float Scale,
    ImmutableArray<float> Mean, ImmutableArray<float> Deviation, ImmutableArray<string> Tensors, bool IsPooled,
    (int Height, int Width)? Grid, bool Normalize)
{
    /// <summary>The levels of a picture.</summary>
    public int PixelCount => 3 * Height * Width;
}

/// <summary>
/// The graph from the levels of pixels, [N, 3 * height * width], planar, red first, 0 to 255, to features, [N, values]: scaling, the net,
/// pooling or maps on one grid, normalisation.
/// </summary>
internal static class FeatureGraph
{
    /// <summary>The graph's input and output.</summary>
    public const string Pixels = "Pixels", Features = "Features";

    private const string Batch = "N", Picture = "Picture";

    /// <summary>The dimensions of a net's tensors for one picture, without that of the batch, by running it on a black one.</summary>
    /// <exception cref="ArgumentException">A tensor is no map or vector of Single.</exception>
    public static ImmutableArray<ImmutableArray<int>> Dimensions(FeatureRecipe recipe, byte[] net)
    {
        ModelProto model = NetFile.Parse(net, recipe.File);
        Net.Open(model, recipe.File, recipe.Input, recipe.Tensors);
        byte[] graph = model.ToByteArray();
        return OnnxLibrary.Call(() =>
        {
            using SessionOptions options = OnnxSession.CreateOptions(threads: 0);
            using var session = new InferenceSession(graph, options);
            using OrtValue black = OrtValue.CreateTensorValueFromMemory(new float[recipe.PixelCount], [1, 3, recipe.Height, recipe.Width]);
            using var run = new RunOptions();
            using IDisposableReadOnlyCollection<OrtValue> values = session.Run(run, [recipe.Input], [black], [.. recipe.Tensors]);
            return values.Select((value, i) => Dimensions(value.GetTensorTypeAndShape(), recipe, i)).ToImmutableArray();
        });
    }

    /// <summary>The size of the features: values of a vector, or channels, height and width.</summary>
    public static ImmutableArray<int> Shape(FeatureRecipe recipe, ImmutableArray<ImmutableArray<int>> dimensions)
    {
        if (recipe.IsPooled)
            return [dimensions[0][0]];
        (int height, int width) = Grid(recipe, dimensions);
        return [dimensions.Sum(map => map[0]), height, width];
    }

    /// <summary>The graph as ONNX.</summary>
    /// <param name="recipe">What it computes.</param>
    /// <param name="dimensions">Of the net's tensors: see <see cref="Dimensions(FeatureRecipe, byte[])"/>.</param>
    /// <param name="net">The net's file.</param>
    /// <param name="meanFile">That of the mean image, or null.</param>
    public static ModelProto Build(FeatureRecipe recipe, ImmutableArray<ImmutableArray<int>> dimensions, byte[] net, byte[]? meanFile)
    {
        ModelProto model = NetFile.Parse(net, recipe.File);
        Net.Open(model, recipe.File, recipe.Input, recipe.Tensors);
        foreach (string name in (string[])[Pixels, Features])
        {
            if (recipe.Input != name && !recipe.Tensors.Contains(name))
                GraphMerge.Free(model.Graph, name);
        }
        ModelProto before = Before(recipe, meanFile is null ? null : MeanImage(NetFile.Parse(meanFile, recipe.MeanFile!), recipe));
        ModelProto after = After(recipe, dimensions);
        GraphMerge.Add(model, before, new Dictionary<string, string> { [Pixels] = Pixels, [Picture] = recipe.Input }, atStart: true);
        GraphMerge.Add(model, after, new Dictionary<string, string>(recipe.Tensors.Select((tensor, i)
            => KeyValuePair.Create(Map(i), tensor))) { [Features] = Features });
        model.Graph.Input.Remove(model.Graph.Input.First(input => input.Name == recipe.Input));
        model.Graph.Input.Add(before.Graph.Input[0]);
        model.Graph.Output.Clear();
        model.Graph.Output.Add(after.Graph.Output[0]);
        model.ProducerName = "RealNvp.ML";
        return model;
    }

    private static ModelProto Before(FeatureRecipe recipe, float[]? meanImage)
    {
        var nodes = new GraphNodes("before", GraphNodes.Opset);
        nodes.Input(Pixels, Batch, recipe.PixelCount);
        string x = nodes.Node("Reshape", Pixels, nodes.Constant([-1L, 3, recipe.Height, recipe.Width]));
        int[] order = recipe.IsBgr ? [2, 1, 0] : [0, 1, 2];
        if (recipe.IsBgr)
            x = nodes.Node("Gather", [x, nodes.Constant([2L, 1, 0])], [("axis", 1L)]);
        if (recipe.Scale != 1)
            x = nodes.Node("Mul", x, nodes.Scalar(recipe.Scale));
        if (recipe.Mean.Any(mean => mean != 0))
            x = nodes.Node("Sub", x, nodes.Constant([.. order.Select(i => recipe.Mean[i])], 1, 3, 1, 1));
        if (recipe.Deviation.Any(deviation => deviation != 1))
            x = nodes.Node("Div", x, nodes.Constant([.. order.Select(i => recipe.Deviation[i])], 1, 3, 1, 1));
        if (meanImage is not null)
            x = nodes.Node("Sub", x, nodes.Constant(meanImage, 1, 3, recipe.Height, recipe.Width));
        nodes.Name(Picture, x);
        nodes.Output(Picture, false, Batch, 3, recipe.Height, recipe.Width);
        return ModelProto.Parser.ParseFrom(nodes.ToModel("", []));
    }

    private static ModelProto After(FeatureRecipe recipe, ImmutableArray<ImmutableArray<int>> dimensions)
    {
        var nodes = new GraphNodes("after", GraphNodes.Opset);
        ImmutableArray<int> shape = Shape(recipe, dimensions);
        int size = shape.Aggregate((a, b) => a * b);
        string x;
        if (recipe.IsPooled)
        {
            x = Map(0);
            if (dimensions[0].Length == 3 && dimensions[0][1] * dimensions[0][2] > 1)
                x = nodes.Node("GlobalAveragePool", x);
            x = nodes.Node("Reshape", x, nodes.Constant([-1L, size]));
        }
        else
        {
            string[] maps = [.. dimensions.Select((map, i) => OnGrid(nodes, Map(i), map, shape[1], shape[2]))];
            x = maps.Length == 1 ? maps[0] : nodes.Node("Concat", maps, [("axis", 1L)]);
        }
        if (recipe.Normalize)
        {
            string length = nodes.Node("Sqrt", nodes.Sum(nodes.Node("Mul", x, x), axis: 1, keep: true));
            x = nodes.Node("Div", x, nodes.Node("Max", length, nodes.Scalar(1e-12)));
        }
        if (!recipe.IsPooled)
            x = nodes.Node("Reshape", x, nodes.Constant([-1L, size]));
        nodes.Name(Features, x);
        nodes.Output(Features, false, Batch, size);
        return ModelProto.Parser.ParseFrom(nodes.ToModel("", []));
    }

    /// <summary>
    /// A map on a grid: means of whole blocks where it shrinks by a whole number, else linear between the centres of its positions.
    /// </summary>
    private static string OnGrid(GraphNodes nodes, string map, ImmutableArray<int> dimensions, int height, int width)
    {
        (int own, int across) = (dimensions[1], dimensions[2]);
        if ((own, across) == (height, width))
            return map;
        if (own % height == 0 && across % width == 0)
        {
            long[] block = [own / height, across / width];
            return nodes.Node("AveragePool", [map], [("kernel_shape", block), ("strides", block)]);
        }
        string batchAndChannels = nodes.Node("Shape", [map], [("start", 0L), ("end", 2L)]);
        string sizes = nodes.Node("Concat", [batchAndChannels, nodes.Constant([(long)height, width])], [("axis", 0L)]);
        return nodes.Node("Resize", [map, "", "", sizes], [("mode", "linear"), ("coordinate_transformation_mode", "half_pixel")]);
    }

    private static (int Height, int Width) Grid(FeatureRecipe recipe, ImmutableArray<ImmutableArray<int>> dimensions)
        => recipe.Grid ?? (dimensions.Max(map => map[1]), dimensions.Max(map => map[2]));

    private static string Map(int i) => $"Map{i}";

    private static ImmutableArray<int> Dimensions(OrtTensorTypeAndShapeInfo info, FeatureRecipe recipe, int tensor)
    {
        int[] dimensions = [.. info.Shape.Skip(1).Select(length => (int)length)];
        bool fits = info.IsTensor(out string found) && (dimensions.Length == 3 || (recipe.IsPooled && dimensions.Length == 1));
        return fits ? [.. dimensions] : throw new ArgumentException($"The tensor '{recipe.Tensors[tensor]}' of {recipe.File} is {found} of "
            + $"the shape [{string.Join(", ", info.Shape)}] for one picture, expected Single of "
            + $"{(recipe.IsPooled ? "[1, values] or [1, values, height, width]" : "[1, channels, height, width]")}.");
    }

    private static bool IsTensor(this OrtTensorTypeAndShapeInfo info, out string found)
    {
        found = $"{info.ElementDataType}";
        return info.ElementDataType == Microsoft.ML.OnnxRuntime.Tensors.TensorElementType.Float;
    }

    /// <summary>The mean image of ML.NET's preprocessing graph: the one constant of a picture's size.</summary>
    private static float[] MeanImage(ModelProto model, FeatureRecipe recipe)
    {
        TensorProto? image = model.Graph.Initializer.FirstOrDefault(constant => constant.DataType == GraphNodes.FloatType
            && constant.Dims.Count > 0 && constant.Dims.Aggregate((a, b) => a * b) == recipe.PixelCount);
        return image is null
            ? throw new InvalidDataException($"{recipe.MeanFile} has no mean image of 3 x {recipe.Height} x {recipe.Width}.")
            : image.RawData.Length > 0 ? MemoryMarshal.Cast<byte, float>(image.RawData.Span).ToArray() : [.. image.FloatData];
    }
}
