using Grpc.Core;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using RealNvp.ML.AspNetCore.Grpc.Wire;
using RealNvp.ML.AspNetCore.Http;
using RealNvp.ML.AspNetCore.Protocol;
using RealNvp.ML.Serving;
using RealNvp.ML.Serving.Models;
using RealNvp.ML.Serving.Rows;

namespace RealNvp.ML.AspNetCore.Grpc;

/// <summary>
/// The Open Inference Protocol, version 2, over gRPC: what <see cref="InferenceEndpoints"/> answers over REST. A model is known by its
/// name, its sampler as NAME-sampler.
/// </summary>
internal sealed class InferenceService(ModelHost host, IOptions<RealNvpServiceOptions> options, ILoggerFactory loggers)
    : GRPCInferenceService.GRPCInferenceServiceBase
{
    private readonly ILogger _logger = loggers.CreateLogger("RealNvp.ML");

    /// <inheritdoc/>
    public override Task<ServerLiveResponse> ServerLive(ServerLiveRequest request, ServerCallContext context)
        => Task.FromResult(new ServerLiveResponse { Live = true });

    /// <inheritdoc/>
    public override Task<ServerReadyResponse> ServerReady(ServerReadyRequest request, ServerCallContext context)
        => Task.FromResult(new ServerReadyResponse { Ready = host.IsReady });

    /// <inheritdoc/>
    public override Task<ServerMetadataResponse> ServerMetadata(ServerMetadataRequest request, ServerCallContext context)
        => Task.FromResult(new ServerMetadataResponse { Name = InferenceEndpoints.ServerName, Version = InferenceEndpoints.ServerVersion });

    /// <inheritdoc/>
    public override Task<ModelReadyResponse> ModelReady(ModelReadyRequest request, ServerCallContext context)
        => Of(context, request.Name, request.Version, (_, _) => Task.FromResult(new ModelReadyResponse { Ready = true }));

    /// <inheritdoc/>
    public override Task<ModelMetadataResponse> ModelMetadata(ModelMetadataRequest request, ServerCallContext context)
        => Of(context, request.Name, request.Version, (model, isSampler) =>
    {
        var answer = new ModelMetadataResponse { Name = request.Name, Platform = InferenceEndpoints.Platform };
        answer.Versions.Add(model.Version);
        answer.Inputs.AddRange((isSampler ? model.SamplerInputs : model.Inputs).Select(Tensors.Describe));
        answer.Outputs.AddRange((isSampler ? model.SamplerOutputs : model.Outputs).Select(Tensors.Describe));
        return Task.FromResult(answer);
    });

    /// <inheritdoc/>
    public override Task<ModelInferResponse> ModelInfer(ModelInferRequest request, ServerCallContext context)
        => Of(context, request.ModelName, request.ModelVersion, async (model, isSampler) =>
    {
        IReadOnlyList<ModelColumn> outputs = isSampler ? model.SamplerOutputs : model.Outputs;
        var given = new GivenInputs(isSampler ? model.SamplerInputs : model.Inputs, outputs, options.Value.MaxRows);
        Tensors.Read(request, given);
        int[] wanted = request.Outputs.Count > 0 ? [.. request.Outputs.Select(output => given.PlaceOfOutput(output.Name))]
            : isSampler ? [0] : [.. model.Usual];
        RowsRequest rows = given.Rows(wanted);
        await (isSampler ? model.RowsOfLatents(rows, context.CancellationToken) : model.Score(rows, context.CancellationToken));

        var answer = new ModelInferResponse { ModelName = request.ModelName, ModelVersion = model.Version, Id = request.Id };
        foreach (int place in wanted)
            Tensors.Write(answer, outputs[place], rows.Rows, rows.Results[place]!, isRaw: request.RawInputContents.Count > 0);
        return answer;
    });

    /// <summary>Answers with a model; what goes wrong becomes the status that its caller gets.</summary>
    private async Task<T> Of<T>(ServerCallContext context, string name, string version, Func<ServedModel, bool, Task<T>> answer)
    {
        try
        {
            T result = default!;
            await NamedModel.With(name, version.Length == 0 ? null : version, host,
                async (model, isSampler) => result = await answer(model, isSampler), samplers: true);
            return result;
        }
        catch (OperationCanceledException) when (context.CancellationToken.IsCancellationRequested)
        {
            throw new RpcException(new Status(StatusCode.Cancelled, "The caller has gone."));
        }
        catch (Exception e)
        {
            (int status, string message) = Handling.Explain(_logger, context.Method, e);
            throw new RpcException(new Status(CodeOf(status), message));
        }
    }

    private static StatusCode CodeOf(int status) => status switch
    {
        StatusCodes.Status404NotFound => StatusCode.NotFound,
        StatusCodes.Status413PayloadTooLarge => StatusCode.ResourceExhausted, // as gRPC's own of a message
        StatusCodes.Status503ServiceUnavailable => StatusCode.Unavailable,
        StatusCodes.Status500InternalServerError => StatusCode.Internal,
        _ => StatusCode.InvalidArgument,
    };
}
