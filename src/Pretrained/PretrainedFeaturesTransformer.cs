using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Runtime;
using RealNvp.ML.Export.Storage;
using RealNvp.ML.Pretrained;
using RealNvp.ML.Pretrained.Features;
using RealNvp.ML.Transforms;
using RealNvp.ML.Transforms.MlNet;

// ML.NET finds the loader by this attribute, whose type is internal to it (see MlNetInternals).
[assembly: IgnoresAccessChecksTo("Microsoft.ML.Core")]
[assembly: LoadableClass(typeof(PretrainedFeaturesTransformer), null, typeof(SignatureLoadModel),
    "Pretrained features", PretrainedFeaturesTransformer.LoaderSignature)]

namespace RealNvp.ML.Pretrained;

/// <summary>
/// Pictures to the features of a pretrained net, in batches. Saved with <c>mlContext.Model.Save</c>, alone or in a pipeline; the weights
/// are not in the saved model: it holds the name of the net's file and its SHA-256, and finds it again at the same path, beside the
/// application or in the working folder.
/// </summary>
/// <remarks>
/// <format type="text/markdown"><![CDATA[
/// ### Input and output columns
/// | Column | Type | Description |
/// | -- | -- | -- |
/// | input | MLImage | A picture of any size: what the crop says of it is scaled to the net's size by an antialiased triangle filter. |
/// | output | Vector of Single | The pooled vector, or the maps' channels x height x width. |
///
/// A picture that cannot be read is an `InvalidDataException` that names file and row.
/// ]]></format>
/// </remarks>
public sealed class PretrainedFeaturesTransformer : ITransformer, IDisposable
{
    /// <summary>The name under which ML.NET finds the loader of a saved model.</summary>
    internal const string LoaderSignature = "RealNvpPretrained";

    private static readonly SavedLayout s_layout = new("RNVPPRET", LoaderSignature, 0x00010001, Oldest: 0x00010001, Sealed: 0x00010001)
    {
        Home = typeof(PretrainedFeaturesTransformer).Assembly,
    };

    private readonly FeatureSettings _settings;
    private readonly FeatureNet _net;
    private readonly FeatureMap _map;
    private readonly int _batchSize;

    internal PretrainedFeaturesTransformer(IHost host, FeatureSettings settings, int batchSize)
    {
        (_settings, _batchSize) = (settings, batchSize);
        _net = new FeatureNet(host, settings, typeof(PretrainedFeaturesTransformer));
        _map = new FeatureMap(_net, settings, batchSize);
    }

    /// <summary>The column of images.</summary>
    public string InputColumnName => _settings.Cropping.Input;

    /// <summary>The column that is added.</summary>
    public string OutputColumnName => _settings.Cropping.Output;

    /// <summary>The shape of the features: the values of a vector, or channels, height and width of maps.</summary>
    public ImmutableArray<int> FeatureShape => _settings.Shape;

    /// <summary>The tensors of the net that are features.</summary>
    public ImmutableArray<string> Tensors => _settings.Recipe.Tensors;

    /// <inheritdoc/>
    bool ITransformer.IsRowToRowMapper => true;

    /// <inheritdoc/>
    public DataViewSchema GetOutputSchema(DataViewSchema inputSchema) => _map.OutputSchema(inputSchema);

    /// <summary>Adds the column. No picture is read until the result is.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The image column is missing or of another type.</exception>
    /// <exception cref="ObjectDisposedException">The transformer was disposed.</exception>
    public IDataView Transform(IDataView input)
    {
        _net.ThrowIfDisposed();
        return ConvertibleView.Of(_map.Transform(input), input, new RefusedPart(nameof(PretrainedFeaturesTransformer),
            $"ConvertToOnnx cannot convert the column '{OutputColumnName}' of a pretrained net: it reads images, and a graph holds "
            + "numbers. PretrainedFeaturesTransformer.ExportDensity(path, flow) writes one graph from pixels to the score of a flow behind "
            + "it."));
    }

    /// <summary>
    /// Writes one ONNX graph from the levels of pixels to all that a flow over these features says of a picture: scaling, net, features and
    /// flow in one file that needs ONNX Runtime alone, for batches of any size. Before it is written, the graph has given what net and
    /// flow give one after the other, on drawn pictures in batches of different sizes.
    /// </summary>
    /// <remarks>
    /// The input <c>Pixels</c> is [N, 3 * height * width], planar, red first, 0 to 255, of the net's size (224 x 224 of ResNet18): what
    /// ExtractPixels gives. The outputs are those of <see cref="RealNvpTransformer.ExportDensity(string)"/>, whose inputs <c>Threshold</c>
    /// and, of a flow with one, <c>Condition</c> it has too.
    /// </remarks>
    /// <param name="path">The file.</param>
    /// <param name="flow">A flow over the column that this transformer adds, with nothing between the two.</param>
    /// <exception cref="ArgumentException">The flow reads another column, or features of another shape.</exception>
    /// <exception cref="FlowParityException">The graph disagrees. Nothing is written.</exception>
    /// <example>
    /// <code>
    /// features.ExportDensity("pictures.onnx", flow);
    /// </code>
    /// </example>
    public void ExportDensity(string path, RealNvpTransformer flow)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(flow);
        _net.ThrowIfDisposed();
        if (flow.FeatureColumnName != OutputColumnName)
        {
            throw new ArgumentException($"The flow reads the column '{flow.FeatureColumnName}', and the net makes '{OutputColumnName}': "
                + "one graph holds the two only where nothing stands between them.", nameof(flow));
        }
        if (flow.Model.InputShape.Size != _settings.Size)
        {
            throw new ArgumentException($"The flow reads {flow.Model.InputShape} values, and the net makes "
                + $"{string.Join(" x ", FeatureShape)}: it was trained on other features.", nameof(flow));
        }
        AtomicFile.Write(path, PictureGraph.Build(_settings, flow));
    }

    /// <summary>
    /// Lets go of the net. Reading through this transformer afterwards, also through views and cursors made before, throws
    /// <see cref="ObjectDisposedException"/>.
    /// </summary>
    public void Dispose() => _net.Dispose();

    /// <inheritdoc/>
    IRowToRowMapper ITransformer.GetRowToRowMapper(DataViewSchema inputSchema) => _map.RowMapper(inputSchema);

    /// <inheritdoc/>
    void ICanSaveModel.Save(ModelSaveContext ctx) => SavedSettings.Save(ctx, s_layout, writer =>
    {
        _settings.Save(writer);
        writer.Write(_batchSize);
    });

    /// <summary>The loader: ML.NET finds it by its name and parameters. <paramref name="context"/> is a ModelLoadContext.</summary>
    private static PretrainedFeaturesTransformer Create(IHostEnvironment environment, object context)
    {
        (FeatureSettings settings, int batchSize) = SavedSettings.Load(context, s_layout, (reader, _)
            => (FeatureSettings.Load(reader), Math.Clamp(reader.ReadInt32(), 1, 1 << 12)));
        return new(environment.Register(LoaderSignature), settings, batchSize);
    }
}
