using System.Security.Cryptography;
using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Export;
using RealNvp.ML.Serving.Rows;
using RealNvp.ML.Transforms;
using RealNvp.ML.Transforms.MlNet;

namespace RealNvp.ML.Serving.Models;

/// <summary>A file as it is loaded: a pipeline that ML.NET saved, or a flow by itself.</summary>
/// <param name="Model">All of it; disposing it frees the sessions.</param>
/// <param name="Steps">Its steps, one of which is the flow or the regression.</param>
/// <param name="Flow">The flow.</param>
/// <param name="Groups">The columns behind the flow's features.</param>
/// <param name="Given">The columns behind the flow's condition; empty where it has none.</param>
/// <param name="Plan">How rows go through.</param>
/// <param name="Version">The first letters of the file's digest: the same wherever the same file is served.</param>
internal sealed record LoadedPipeline(IDisposable Model, IReadOnlyList<ITransformer> Steps, RealNvpTransformer Flow,
    IReadOnlyList<FeatureGroup> Groups, IReadOnlyList<FeatureGroup> Given, PipelinePlan Plan, string Version)
{
    private const int VersionLetters = 12;

    /// <summary>The version of a file.</summary>
    public static string VersionOf(byte[] file) => Convert.ToHexStringLower(SHA256.HashData(file))[..VersionLetters];

    /// <summary>Loads a file.</summary>
    /// <param name="file">What is in it.</param>
    /// <param name="gpuDeviceId">The GPU to compute on, or null.</param>
    /// <exception cref="InvalidDataException">It is no model, is damaged, or cannot be served: the message says why.</exception>
    public static LoadedPipeline Load(byte[] file, int? gpuDeviceId)
    {
        var context = new MLContext { GpuDeviceId = gpuDeviceId, FallbackToCpu = false };
        try
        {
            return file.AsSpan().StartsWith("PK"u8) ? OfPipeline(context, file) : OfFlow(context, file);
        }
        catch (Exception e) when (e is not OutOfMemoryException) // a damaged file may throw anything, in ML.NET's loaders too
        {
            throw new InvalidDataException(Causes(e).FirstOrDefault(cause => cause is FlowModelException)?.Message ?? e.Message, e);
        }
    }

    private static LoadedPipeline OfPipeline(MLContext context, byte[] file)
    {
        ITransformer model = context.Model.Load(new MemoryStream(file), out DataViewSchema inputs);
        try
        {
            if (inputs is null)
                throw new InvalidDataException("The model was saved without its input columns: give mlContext.Model.Save their schema.");
            ITransformer[] steps = [.. Flatten(model)];
            RealNvpTransformer flow = model.FindRealNvp();
            var plan = PipelinePlan.Of(steps, inputs);
            if (flow.Model.InputShape.IsImage && plan.Inputs.Any(input => input.Kind == ColumnKind.Text))
            {
                throw new InvalidDataException("The model reads files that the rows name, and a service opens none for its callers: serve "
                    + "the flow by itself (Model.Save of its transformer), which takes pixels.");
            }
            return new((IDisposable)model, steps, flow, model.FindFeatureGroups(inputs), model.FindConditionGroups(inputs), plan,
                VersionOf(file));
        }
        catch
        {
            (model as IDisposable)?.Dispose();
            throw;
        }
    }

    private static LoadedPipeline OfFlow(MLContext context, byte[] file)
    {
        var model = FlowModel.Load(new MemoryStream(file));
        var schema = new DataViewSchema.Builder();
        schema.AddColumn("Features", new VectorDataViewType(NumberDataViewType.Single, model.InputShape.Dimensions),
            SlotNames.Of(model.Metadata.FeatureNames));
        if (model.Condition is { } condition)
        {
            schema.AddColumn("Condition", new VectorDataViewType(NumberDataViewType.Single, condition.Size),
                SlotNames.Of(condition.Names));
        }
        DataViewSchema inputs = schema.ToSchema();
        var flow = new RealNvpTransformer(context, model);
        return new(flow, [flow], flow, flow.FindFeatureGroups(inputs), flow.FindConditionGroups(inputs), PipelinePlan.Of([flow], inputs),
            VersionOf(file));
    }

    private static IEnumerable<ITransformer> Flatten(ITransformer model)
        => model is IEnumerable<ITransformer> chain ? chain.SelectMany(Flatten) : [model];

    private static IEnumerable<Exception> Causes(Exception e) => e.InnerException is { } inner ? Causes(inner).Prepend(e) : [e];
}
