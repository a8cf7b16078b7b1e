using System.Globalization;
using System.Reflection;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using RealNvp.ML.AspNetCore.Http;
using RealNvp.ML.Serving;
using RealNvp.ML.Serving.Models;
using RealNvp.ML.Serving.Rows;

namespace RealNvp.ML.AspNetCore.Protocol;

/// <summary>
/// The Open Inference Protocol, version 2, over REST: https://github.com/kserve/open-inference-protocol. A model is known by its name, its
/// sampler as NAME-sampler.
/// </summary>
internal sealed class InferenceEndpoints(ModelHost host, RealNvpServiceOptions options)
{
    private const string HeaderLength = "Inference-Header-Content-Length";

    /// <summary>What answers here.</summary>
    public const string ServerName = "realnvp";

    /// <summary>What models run on.</summary>
    public const string Platform = "realnvp_onnxruntime";

    /// <summary>The version of what answers here.</summary>
    public static string ServerVersion { get; } = typeof(InferenceEndpoints).Assembly
        .GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0] ?? "";

    /// <summary>GET v2: what answers here.</summary>
    public Task Server(HttpContext context) => Reply.Json(context, json =>
    {
        json.WriteStartObject();
        json.WriteString("name", ServerName);
        json.WriteString("version", ServerVersion);
        Reply.Texts(json, "extensions", ["binary_tensor_data"]);
        json.WriteEndObject();
    });

    /// <summary>GET v2/health/live: whether the process answers.</summary>
    public Task Live(HttpContext context) => Health(context, "live", isGood: true);

    /// <summary>GET v2/health/ready: whether requests may come.</summary>
    public Task Ready(HttpContext context) => Health(context, "ready", host.IsReady);

    /// <summary>GET v2/models/M/ready: whether a model is served.</summary>
    public Task ModelReady(HttpContext context) => NamedModel.With(context, host, (_, _) => Reply.Json(context, json =>
    {
        json.WriteStartObject();
        json.WriteString("name", (string)context.Request.RouteValues["model"]!);
        json.WriteBoolean("ready", true);
        json.WriteEndObject();
    }), samplers: true);

    /// <summary>GET v2/models/M: what a model reads and gives.</summary>
    public Task Model(HttpContext context) => NamedModel.With(context, host, (model, isSampler) => Reply.Json(context, json =>
    {
        json.WriteStartObject();
        json.WriteString("name", (string)context.Request.RouteValues["model"]!);
        Reply.Texts(json, "versions", [model.Version]);
        json.WriteString("platform", Platform);
        Tensors(json, "inputs", isSampler ? model.SamplerInputs : model.Inputs);
        Tensors(json, "outputs", isSampler ? model.SamplerOutputs : model.Outputs);
        json.WriteEndObject();
    }), samplers: true);

    /// <summary>POST v2/models/M/infer: rows in, results out.</summary>
    public Task Infer(HttpContext context) => NamedModel.With(context, host, async (model, isSampler) =>
    {
        IReadOnlyList<ModelColumn> inputs = isSampler ? model.SamplerInputs : model.Inputs;
        IReadOnlyList<ModelColumn> outputs = isSampler ? model.SamplerOutputs : model.Outputs;
        int? header = HeaderOf(context);
        InferRequest request = await Body.Read(context, options.MaxBodyBytes,
            body => InferRequest.Read(body, header, inputs, outputs, isSampler ? [0] : model.Usual, options.MaxRows));
        await (isSampler ? model.RowsOfLatents(request.Rows, context.RequestAborted)
            : model.Score(request.Rows, context.RequestAborted));
        await Answer(context, model, request, outputs);
    }, samplers: true);

    private static Task Answer(HttpContext context, ServedModel model, InferRequest request, IReadOnlyList<ModelColumn> outputs)
    {
        byte[]?[] bytes = [.. request.Outputs.Select(output
            => output.AsBytes ? Datatype.Write(request.Rows.Results[output.Place]!) : null)];
        void Write(Utf8JsonWriter json)
        {
            json.WriteStartObject();
            json.WriteString("model_name", (string)context.Request.RouteValues["model"]!);
            json.WriteString("model_version", model.Version);
            if (request.Id is not null)
                json.WriteString("id", request.Id);
            json.WriteStartArray("outputs");
            foreach (((int place, _), byte[]? own) in request.Outputs.Zip(bytes))
            {
                json.WriteStartObject();
                json.WriteString("name", outputs[place].Name);
                json.WriteString("datatype", Datatype.Of(outputs[place]));
                Shape(json, request.Rows.Rows, outputs[place]);
                if (own is not null)
                {
                    json.WriteStartObject("parameters");
                    json.WriteNumber("binary_data_size", own.Length);
                    json.WriteEndObject();
                }
                else
                {
                    Values(json, request.Rows.Results[place]!);
                }
                json.WriteEndObject();
            }
            json.WriteEndArray();
            json.WriteEndObject();
        }
        byte[][] behind = [.. bytes.OfType<byte[]>()];
        return behind.Length == 0 ? Reply.Json(context, Write) : Reply.Binary(context, Write, behind);
    }

    private static void Values(Utf8JsonWriter json, Array values)
    {
        json.WriteStartArray("data");
        if (values is bool[] flags)
        {
            foreach (bool flag in flags)
                json.WriteBooleanValue(flag);
        }
        else
        {
            foreach (float value in (float[])values)
                Reply.Number(json, value);
        }
        json.WriteEndArray();
    }

    private static void Tensors(Utf8JsonWriter json, string name, IReadOnlyList<ModelColumn> columns)
    {
        json.WriteStartArray(name);
        foreach (ModelColumn column in columns)
        {
            json.WriteStartObject();
            json.WriteString("name", column.Name);
            json.WriteString("datatype", Datatype.Of(column));
            Shape(json, -1, column);
            if (column.IsOptional)
            {
                json.WriteStartObject("parameters");
                json.WriteBoolean("optional", true);
                json.WriteEndObject();
            }
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }

    private static void Shape(Utf8JsonWriter json, int rows, ModelColumn column)
    {
        json.WriteStartArray("shape");
        json.WriteNumberValue(rows);
        foreach (int dimension in column.Dimensions)
            json.WriteNumberValue(dimension);
        json.WriteEndArray();
    }

    private static int? HeaderOf(HttpContext context)
    {
        string? text = context.Request.Headers[HeaderLength];
        if (string.IsNullOrEmpty(text))
            return null;
        return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int length) ? length
            : throw new RequestException($"{HeaderLength} is '{text}', expected a number of bytes.");
    }

    private static Task Health(HttpContext context, string what, bool isGood) => Reply.Json(context, json =>
    {
        json.WriteStartObject();
        json.WriteBoolean(what, isGood);
        json.WriteEndObject();
    }, isGood ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable);
}
