using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Runtime;
using RealNvp.ML.Export;
using RealNvp.ML.Transforms;
using RealNvp.ML.Transforms.Images.Pictures;
using RealNvp.ML.Transforms.MlNet;
using RealNvp.ML.Transforms.Onnx;
using RealNvp.ML.Transforms.Sampling;

[assembly: LoadableClass(typeof(RealNvpSampler), null, typeof(SignatureLoadModel),
    "Real NVP sampler", RealNvpSampler.LoaderSignature)]

namespace RealNvp.ML.Transforms;

/// <summary>
/// A trained Real NVP flow backwards: a column of latents becomes a column of features in the units of the training data, or of images.
/// Made by <see cref="RealNvpTransformer.CreateSampler"/>; saved and loaded with <c>mlContext.Model</c>.
/// </summary>
/// <remarks>
/// <format type="text/markdown"><![CDATA[
/// ### Input and output columns
/// | Column | Type | Description |
/// | -- | -- | -- |
/// | `Latent` (input) | Known-size vector of Single | A point in latent space: standard normal noise gives samples of the density. |
/// | `Condition` (input) | Known-size vector of Single | Of a flow with a condition: what the features are drawn given. |
/// | `Features` | Vector of Single | The features, with slot names where the flow knows them; of an image flow with its shape. |
/// | `Image` | MLImage | In place of `Features` where images are asked for: values become levels, and these 0 to 255. |
///
/// Exportable to ONNX, except for images: as a part of a whole pipeline by ML.NET's `mlContext.Model.ConvertToOnnx`, and alone by
/// `ExportSampler` of the transformer. The temperature is then a constant of the graph.
/// ]]></format>
/// </remarks>
public sealed class RealNvpSampler : ITransformer, IDisposable
{
    /// <summary>The name under which ML.NET finds the loader of a saved model.</summary>
    internal const string LoaderSignature = "RealNvpSampler";

    // of layout 2 are flows without a condition, of layout 3 those with one; from layout 4 on settings have a digest
    private static readonly SavedLayout s_layout = new("RNVPSAMP", LoaderSignature, 0x00010004, Oldest: 0x00010002, Sealed: 0x00010004);

    private readonly IHost _host;
    private readonly FlowRuntime _runtime;
    private readonly int? _batchSize;
    private readonly LatentMap _map;

    /// <summary>A sampler that shares the sessions of <paramref name="runtime"/>.</summary>
    internal RealNvpSampler(IHost host, FlowModel model, FlowRuntime? runtime, string latentColumnName, string outputColumnName,
        float temperature, bool asImages, int? batchSize, string? conditionColumnName)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(latentColumnName);
        ArgumentException.ThrowIfNullOrWhiteSpace(outputColumnName);
        FlowRuntime.CheckBatchSize(batchSize);
        CheckTemperature(temperature);
        if (model.IsMixture)
        {
            throw new InvalidOperationException($"The model is a mixture of {model.Members.Length} flows, whose latents do not say which "
                + "member they belong to. Draw rows with Sample.");
        }
        _host = host;
        Model = model;
        LatentColumnName = latentColumnName;
        OutputColumnName = outputColumnName;
        Temperature = temperature;
        GivesImages = asImages;
        ConditionColumnName = conditionColumnName;
        _batchSize = batchSize;
        LevelImage? images = asImages ? new LevelImage(model) : null;
        // last, for a hold that an exception leaves behind is never let go
        _runtime = runtime?.Share(typeof(RealNvpSampler)) ?? new FlowRuntime(host, model, typeof(RealNvpSampler));
        _map = new LatentMap(_runtime, model, latentColumnName, conditionColumnName, outputColumnName, temperature, batchSize, images);
    }

    /// <summary>The flow as plain data.</summary>
    public FlowModel Model { get; }

    /// <summary>The column that is read.</summary>
    public string LatentColumnName { get; }

    /// <summary>The column of conditions that is read too; null where the flow has none.</summary>
    public string? ConditionColumnName { get; }

    /// <summary>The column that is added.</summary>
    public string OutputColumnName { get; }

    /// <summary>Multiplies the latents: below 1 draws nearer to the mode, 1 the learned density.</summary>
    public float Temperature { get; }

    /// <summary>Whether the added column holds images, and not vectors.</summary>
    public bool GivesImages { get; }

    /// <inheritdoc/>
    bool ITransformer.IsRowToRowMapper => true;

    /// <inheritdoc/>
    public DataViewSchema GetOutputSchema(DataViewSchema inputSchema) => _map.OutputSchema(inputSchema);

    /// <summary>Adds the column. Nothing is read or computed until the result is.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The latent or the condition column is missing or of another type.</exception>
    /// <exception cref="ObjectDisposedException">The sampler was disposed.</exception>
    public IDataView Transform(IDataView input)
    {
        _runtime.ThrowIfDisposed();
        return ConvertibleView.Of(_map.Transform(input), input, _map.PartOf(_host, nameof(RealNvpSampler), input.Schema));
    }

    /// <inheritdoc/>
    IRowToRowMapper ITransformer.GetRowToRowMapper(DataViewSchema inputSchema)
    {
        _runtime.ThrowIfDisposed();
        return _map.RowMapper(inputSchema);
    }

    /// <summary>Lets go of the sessions, as <see cref="RealNvpTransformer.Dispose"/>.</summary>
    public void Dispose() => _runtime.Dispose();

    /// <inheritdoc/>
    void ICanSaveModel.Save(ModelSaveContext ctx)
    {
        SavedSettings.Save(ctx, s_layout, writer =>
        {
            writer.Write(LatentColumnName);
            writer.Write(OutputColumnName);
            writer.Write(Temperature);
            writer.Write(GivesImages);
            writer.Write(_batchSize ?? FlowRuntime.DefaultBatchSize);
            if (ConditionColumnName is not null)
                writer.Write(ConditionColumnName);
        });
        FlowStream.Save(ctx, Model);
    }

    /// <summary>Requires a finite temperature that is not negative.</summary>
    internal static void CheckTemperature(float temperature)
    {
        if (!(temperature >= 0 && float.IsFinite(temperature)))
            throw new ArgumentOutOfRangeException(nameof(temperature), temperature, "The temperature is a factor, 0 or more.");
    }

    /// <summary>The loader: ML.NET finds it by its name and parameters. <paramref name="context"/> is a ModelLoadContext.</summary>
    private static RealNvpSampler Create(IHostEnvironment environment, object context)
        => SavedSettings.Load(context, s_layout, (reader, _) => Create(environment, context, reader));

    private static RealNvpSampler Create(IHostEnvironment environment, object context, BinaryReader reader)
    {
        string latent = reader.ReadString(), output = reader.ReadString();
        float temperature = reader.ReadSingle();
        bool asImages = reader.ReadBoolean();
        int batchSize = reader.ReadInt32();
        FlowModel model = FlowStream.Load(context);
        string? condition = model.Condition is null ? null : reader.ReadString();
        return new(environment.Register(LoaderSignature), model, null, latent, output, temperature, asImages,
            batchSize == FlowRuntime.DefaultBatchSize ? null : batchSize, condition);
    }
}
