using System.Collections.Immutable;
using RealNvp.ML.Pretrained.Graphs;

namespace RealNvp.ML.Pretrained;

/// <summary>
/// A pretrained net: the ONNX file with its weights, what it reads, and the tensors that are features. The weights stay in the file: a
/// saved pipeline holds its name and digest, and finds it again at the same path, beside the application, or in the working folder.
/// </summary>
/// <example>
/// <code>
/// var backbone = Backbone.FromOnnx("resnet50.onnx", pooled: "/Flatten_output_0", maps: new() { ["layer2"] = "/layer2/relu_output_0" });
/// </code>
/// </example>
public sealed record Backbone
{
    private Backbone() { }

    /// <summary>
    /// The ResNet18 of ImageNet that the package Microsoft.ML.DnnImageFeaturizer.ResNet18 puts beside the application: pictures of
    /// 224 x 224,
    /// 512 pooled values, and the maps <c>layer1</c> (64 x 56 x 56), <c>layer2</c> (128 x 28 x 28), <c>layer3</c> (256 x 14 x 14) and
    /// <c>layer4</c> (512 x 7 x 7).
    /// </summary>
    public static Backbone ResNet18 { get; } = new()
    {
        Path = "DnnImageModels/ResNet18Onnx/ResNet18.onnx",
        MeanImagePath = "DnnImageModels/ResNetPrepOnnx/ResNetPreprocess.onnx",
        Input = "Input247",
        Height = 224,
        Width = 224,
        Pixels = PixelScaling.Levels with { IsBgr = true },
        Pooled = "Pooling395_Output_0",
        Maps = ImmutableDictionary.CreateRange(new Dictionary<string, string>
        {
            ["layer1"] = "ReLU283_Output_0",
            ["layer2"] = "ReLU315_Output_0",
            ["layer3"] = "ReLU347_Output_0",
            ["layer4"] = "ReLU393_Output_0",
        }),
    };

    /// <summary>The ONNX file.</summary>
    public string Path { get; private init; } = "";

    /// <summary>The tensor that pictures go in by, [N, 3, height, width].</summary>
    public string Input { get; private init; } = "";

    /// <summary>The height of the pictures that it reads, in pixels.</summary>
    public int Height { get; private init; }

    /// <summary>Their width.</summary>
    public int Width { get; private init; }

    /// <summary>How pixels become its input.</summary>
    public PixelScaling Pixels { get; private init; } = PixelScaling.Levels;

    /// <summary>
    /// The tensor of pooled features, [N, k] or [N, k, height, width], of which the mean is then taken; null where none is named.
    /// </summary>
    public string? Pooled { get; private init; }

    /// <summary>Friendly names of tensors that are maps, [N, k, height, width]. Any other tensor can be named as it is.</summary>
    public ImmutableDictionary<string, string> Maps { get; private init; } = ImmutableDictionary<string, string>.Empty;

    /// <summary>A file of ML.NET's form with a mean image that is taken off, after all else; null for none.</summary>
    internal string? MeanImagePath { get; private init; }

    /// <summary>A net of your own, of opset 7 or newer.</summary>
    /// <param name="path">The ONNX file, with its weights in it.</param>
    /// <param name="input">The input's name; null where the graph has one.</param>
    /// <param name="pooled">
    /// The tensor of pooled features, any of the graph's; null takes the graph's output where it has one.
    /// </param>
    /// <param name="maps">Friendly names of tensors that are maps; tensors can also be named as they are.</param>
    /// <param name="pixels">How pixels become its input; <see cref="PixelScaling.ImageNet"/> by default.</param>
    /// <param name="height">The height of the pictures in pixels; null where the graph says it.</param>
    /// <param name="width">Their width; null where the graph says it.</param>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="InvalidDataException">It is no graph that can be used; the message says why.</exception>
    /// <exception cref="ArgumentException">A name or a size is missing or is not in the graph.</exception>
    public static Backbone FromOnnx(string path, string? input = null, string? pooled = null, Dictionary<string, string>? maps = null,
        PixelScaling? pixels = null, int? height = null, int? width = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        NetInput found = NetInput.Of(NetFile.Parse(File.ReadAllBytes(path), path), path, input, height, width);
        return new Backbone
        {
            Path = path,
            Input = found.Name,
            Height = found.Height,
            Width = found.Width,
            Pixels = (pixels ?? PixelScaling.ImageNet).Checked(),
            Pooled = pooled ?? found.OnlyOutput,
            Maps = maps?.ToImmutableDictionary() ?? ImmutableDictionary<string, string>.Empty,
        };
    }
}
