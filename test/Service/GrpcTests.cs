using System.Runtime.InteropServices;
using System.Text.Json;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;
using RealNvp.ML.AspNetCore.Grpc.Wire;
using InputTensor = RealNvp.ML.AspNetCore.Grpc.Wire.ModelInferRequest.Types.InferInputTensor;

namespace RealNvp.ML.Tests.Service;

/// <summary>
/// The Open Inference Protocol over gRPC, HTTP/2 without TLS on a real socket: the numbers are those of the library and of REST.
/// </summary>
[Trait("Area", "Service")]
public sealed class GrpcTests : IClassFixture<ServedFlows>, IDisposable
{
    private readonly CancellationToken _stop = TestContext.Current.CancellationToken;
    private readonly ServedFlows _served;
    private readonly GrpcChannel _channel;
    private readonly GRPCInferenceService.GRPCInferenceServiceClient _client;

    public GrpcTests(ServedFlows served)
    {
        _served = served;
        _channel = GrpcChannel.ForAddress(served.Service.GrpcAddress);
        _client = new(_channel);
    }

    public void Dispose() => _channel.Dispose();

    [Fact]
    public async Task Server_and_models_tell_what_they_tell_over_REST()
    {
        Assert.True((await _client.ServerLiveAsync(new(), cancellationToken: _stop)).Live);
        Assert.True((await _client.ServerReadyAsync(new(), cancellationToken: _stop)).Ready);
        ServerMetadataResponse server = await _client.ServerMetadataAsync(new(), cancellationToken: _stop);
        JsonElement rest = await _served.Service.Get("v2");
        Assert.Equal((rest.GetProperty("name").GetString(), rest.GetProperty("version").GetString()), (server.Name, server.Version));
        foreach (string name in new[] { "plain", "plain-sampler", "categories", "condition-3", "mixture-1-sampler" })
        {
            ModelMetadataResponse model = await _client.ModelMetadataAsync(new() { Name = name }, cancellationToken: _stop);
            rest = await _served.Service.Get($"v2/models/{name}");
            Assert.Equal(name, model.Name);
            Assert.Equal(rest.GetProperty("platform").GetString(), model.Platform);
            Assert.Equal(rest.GetProperty("versions")[0].GetString(), Assert.Single(model.Versions));
            Assert.Equal(Told("inputs"), model.Inputs.Select(Tell));
            Assert.Equal(Told("outputs"), model.Outputs.Select(Tell));
            ModelReadyRequest asked = new() { Name = name, Version = model.Versions[0] };
            Assert.True((await _client.ModelReadyAsync(asked, cancellationToken: _stop)).Ready);
        }

        string[] Told(string what) => [.. rest.GetProperty(what).EnumerateArray().Select(tensor => string.Join(' ',
            tensor.GetProperty("name").GetString(), tensor.GetProperty("datatype").GetString(),
            string.Join(',', tensor.GetProperty("shape").EnumerateArray())))];

        static string Tell(ModelMetadataResponse.Types.TensorMetadata tensor)
            => $"{tensor.Name} {tensor.Datatype} {string.Join(',', tensor.Shape)}";
    }

    [Fact]
    public async Task Rows_get_the_scores_of_the_library_in_contents_and_raw()
    {
        float[][] rows = Flows.Rows(_served.Flow, 37, seed: 5);
        rows[3][1] = float.NaN;
        (float[] scores, float[] pValues, bool[] flags) = _served.Expected(rows);
        float[] flat = [.. rows.SelectMany(row => row)];

        var request = new ModelInferRequest { ModelName = "plain", Id = "42", Inputs = { Input("Features", "FP32", 37, 4) } };
        request.Inputs[0].Contents = new() { Fp32Contents = { flat } };
        ModelInferResponse answer = await _client.ModelInferAsync(request, cancellationToken: _stop);
        Assert.Equal(("plain", "42", 12), (answer.ModelName, answer.Id, answer.ModelVersion.Length));
        Assert.Equal(["Score", "PredictedLabel", "LogLikelihood", "PValue"], answer.Outputs.Select(output => output.Name));
        Assert.Equal(["FP32", "BOOL", "FP32", "FP32"], answer.Outputs.Select(output => output.Datatype));
        Assert.All(answer.Outputs, output => Assert.Equal("37, 1", string.Join(", ", output.Shape)));
        Assert.Equal(scores, answer.Outputs[0].Contents.Fp32Contents);
        Assert.Equal(flags, answer.Outputs[1].Contents.BoolContents);
        Assert.Equal(pValues, answer.Outputs[3].Contents.Fp32Contents);

        request = new ModelInferRequest { ModelName = "plain", ModelVersion = answer.ModelVersion,
            Inputs = { Input("Features", "FP32", 37, 4) }, RawInputContents = { Bytes(flat) } };
        Want(request, "PredictedLabel", "Score", "Latent");
        answer = await _client.ModelInferAsync(request, cancellationToken: _stop);
        Assert.Equal(["PredictedLabel", "Score", "Latent"], answer.Outputs.Select(output => output.Name));
        Assert.Equal(flags, answer.RawOutputContents[0].Select(flag => flag == 1));
        Assert.Equal(scores, MemoryMarshal.Cast<byte, float>(answer.RawOutputContents[1].Span).ToArray());
        Assert.Equal(37 * 4 * 4, answer.RawOutputContents[2].Length);
        Tolerance.Values(Flows.Evaluate(_served.Flow, rows[0]).Latent,
            MemoryMarshal.Cast<byte, float>(answer.RawOutputContents[2].Span)[..4].ToArray());
    }

    [Fact]
    public async Task Columns_of_a_pipeline_are_inputs_of_their_types()
    {
        ServedFlows.Machine[] rows = ServedFlows.Machine.Rows(11, seed: 9);
        float[] expected = ServedFlows.Column<float>(_served.Service.File("categories.zip"), rows, "Score");
        var request = new ModelInferRequest { ModelName = "categories",
            Inputs = { Input("Age", "INT16", 11), Input("Kind", "BYTES", 11, 1), Input("Pressure", "FP64", 11, 1) } };
        request.Inputs[0].Contents = new() { IntContents = { rows.Select(row => row.Age) } };
        request.Inputs[1].Contents = new() { BytesContents = { rows.Select(row => ByteString.CopyFromUtf8(row.Kind)) } };
        request.Inputs[2].Contents = new() { Fp64Contents = { rows.Select(row => (double)row.Pressure) } };
        Assert.Equal(expected, (await _client.ModelInferAsync(request, cancellationToken: _stop)).Outputs[0].Contents.Fp32Contents);

        foreach (InputTensor input in request.Inputs)
            input.Contents = null;
        request.RawInputContents.Add(Bytes(rows.Select(row => (short)row.Age).ToArray()));
        request.RawInputContents.Add(ByteString.CopyFrom([.. rows.SelectMany(row => BitConverter.GetBytes(row.Kind.Length)
            .Concat(System.Text.Encoding.UTF8.GetBytes(row.Kind)))]));
        request.RawInputContents.Add(Bytes(rows.Select(row => (double)row.Pressure).ToArray()));
        Assert.Equal(expected, MemoryMarshal.Cast<byte, float>(
            (await _client.ModelInferAsync(request, cancellationToken: _stop)).RawOutputContents[0].Span).ToArray());
    }

    [Fact]
    public async Task Latents_become_the_rows_that_REST_gives()
    {
        float[] latents = [.. Tables.Gaussian(5, 4, seed: 3).SelectMany(row => row)];
        var request = new ModelInferRequest { ModelName = "plain-sampler", Inputs = { Input("Latent", "FP32", 5, 4) } };
        request.Inputs[0].Contents = new() { Fp32Contents = { latents } };
        JsonElement rest = await _served.Service.Post("v2/models/plain-sampler/infer", new
        {
            inputs = new[] { new { name = "Latent", datatype = "FP32", shape = new[] { 5, 4 }, data = latents } },
        });
        Assert.Equal(rest.GetProperty("outputs")[0].GetProperty("data").EnumerateArray().Select(value => value.GetSingle()),
            (await _client.ModelInferAsync(request, cancellationToken: _stop)).Outputs[0].Contents.Fp32Contents);
    }

    [Fact]
    public async Task Wrong_requests_get_a_status_and_what_is_wrong()
    {
        await Refused(StatusCode.NotFound, "There is no model 'none'. There are: alone, categories, condition-3", Plain(1, 4, 4, "none"));
        await Refused(StatusCode.NotFound, "The model broken cannot be loaded", Plain(1, 4, 4, "broken"));
        ModelInferRequest wrong = Plain(1, 4, 4);
        wrong.ModelVersion = "0";
        await Refused(StatusCode.NotFound, "'0' is not served", wrong);
        await Refused(StatusCode.InvalidArgument, "The request has no inputs; the model reads Features", new() { ModelName = "plain" });
        await Refused(StatusCode.InvalidArgument, "has the shape [1, 3], expected [rows, 4]", Plain(1, 3, 3));
        await Refused(StatusCode.InvalidArgument, "has 3 values in the contents of FP32, expected 4 by its shape", Plain(1, 4, 3));
        await Refused(StatusCode.ResourceExhausted, "The request has 4001 rows, at most 4000 are taken at once", Plain(4001, 4, 0));
        wrong = Plain(1, 4, 4);
        wrong.Inputs[0].Datatype = "BYTES";
        await Refused(StatusCode.InvalidArgument, "The input 'Features' is of the datatype BYTES, expected FP32", wrong);
        wrong = Plain(1, 4, 4);
        wrong.Inputs.Add(wrong.Inputs[0].Clone());
        await Refused(StatusCode.InvalidArgument, "The input 'Features' is there twice", wrong);
        wrong = Plain(1, 4, 4);
        Want(wrong, "Y");
        await Refused(StatusCode.InvalidArgument, "The model has no output 'Y'. It has: Score", wrong);
        wrong = Plain(1, 4, 4);
        wrong.RawInputContents.Add(Bytes(new float[4]));
        await Refused(StatusCode.InvalidArgument, "The input 'Features' has contents and raw ones", wrong);
        wrong.RawInputContents.Add(ByteString.Empty);
        await Refused(StatusCode.InvalidArgument, "raw contents of 2 inputs, and 1 inputs", wrong);
        wrong = Plain(1, 4, 4);
        wrong.Inputs[0].Contents = null;
        wrong.RawInputContents.Add(Bytes(new float[3]));
        await Refused(StatusCode.InvalidArgument, "has 12 bytes, too few for the 4 values of its shape", wrong);
        // a message beyond the limit of bodies, 1 MiB in this service, is not read
        await Refused(StatusCode.ResourceExhausted, "exceeds", Plain(4000, 4, 1 << 19));
        RpcException unknown = await Assert.ThrowsAsync<RpcException>(() => _client.ModelMetadataAsync(new() { Name = "none" },
            cancellationToken: _stop).ResponseAsync);
        Assert.Equal(StatusCode.NotFound, unknown.StatusCode);
    }

    private async Task Refused(StatusCode code, string why, ModelInferRequest request)
    {
        RpcException error = await Assert.ThrowsAsync<RpcException>(() => _client.ModelInferAsync(request, cancellationToken: _stop)
            .ResponseAsync);
        Assert.Contains(why, error.Status.Detail, StringComparison.Ordinal);
        Assert.Equal(code, error.StatusCode);
    }

    private static ModelInferRequest Plain(long rows, long width, int values, string model = "plain")
    {
        var request = new ModelInferRequest { ModelName = model, Inputs = { Input("Features", "FP32", rows, width) } };
        request.Inputs[0].Contents = new() { Fp32Contents = { Enumerable.Repeat(1f, values) } };
        return request;
    }

    private static void Want(ModelInferRequest request, params string[] names) => request.Outputs.AddRange(
        names.Select(name => new ModelInferRequest.Types.InferRequestedOutputTensor { Name = name }));

    private static InputTensor Input(string name, string datatype, params long[] shape)
        => new() { Name = name, Datatype = datatype, Shape = { shape } };

    private static ByteString Bytes<T>(T[] values) where T : unmanaged => ByteString.CopyFrom(MemoryMarshal.AsBytes(values.AsSpan()));
}
