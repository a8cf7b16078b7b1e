using System.Buffers;
using System.Buffers.Binary;
using System.Net.Http.Headers;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using RealNvp.ML.AspNetCore.Http;
using RealNvp.ML.AspNetCore.People;
using RealNvp.ML.AspNetCore.Protocol;
using RealNvp.ML.Serving.Models;
using RealNvp.ML.Serving.Rows;

namespace RealNvp.ML.Tests.Service;

/// <summary>The Open Inference Protocol over a real socket: what is answered is what the library computes.</summary>
[Trait("Area", "Service")]
public sealed class ProtocolTests(ServedFlows served) : IClassFixture<ServedFlows>
{
    private readonly CancellationToken _stop = TestContext.Current.CancellationToken;

    private RunningService Service => served.Service;

    [Fact]
    public async Task Server_and_models_tell_what_they_are()
    {
        Assert.True((await Service.Get("v2/health/live")).GetProperty("live").GetBoolean());
        Assert.True((await Service.Get("v2/health/ready")).GetProperty("ready").GetBoolean());
        Assert.Equal("binary_tensor_data", (await Service.Get("v2")).GetProperty("extensions")[0].GetString());
        Assert.True((await Service.Get("v2/models/plain/ready")).GetProperty("ready").GetBoolean());

        JsonElement model = await Service.Get("v2/models/plain");
        string version = model.GetProperty("versions")[0].GetString()!;
        Assert.Equal("""[{"name":"Features","datatype":"FP32","shape":[-1,4]}]""", model.GetProperty("inputs").GetRawText());
        Assert.Contains("""{"name":"PredictedLabel","datatype":"BOOL","shape":[-1,1]}""", model.GetProperty("outputs").GetRawText(),
            StringComparison.Ordinal);
        Assert.Equal(model.GetRawText(), (await Service.Get($"v2/models/plain/versions/{version}")).GetRawText());

        JsonElement sampler = await Service.Get("v2/models/plain-sampler");
        Assert.Equal("""[{"name":"Latent","datatype":"FP32","shape":[-1,4]}]""", sampler.GetProperty("inputs").GetRawText());
        JsonElement pipeline = await Service.Get("v2/models/categories");
        Assert.Equal("""
            [{"name":"Kind","datatype":"BYTES","shape":[-1,1]},{"name":"Pressure","datatype":"FP32","shape":[-1,1]},
            {"name":"Age","datatype":"FP64","shape":[-1,1]}]
            """.ReplaceLineEndings(""), pipeline.GetProperty("inputs").GetRawText());
    }

    [Fact]
    public async Task Rows_get_the_scores_of_the_library_in_JSON_and_in_bytes()
    {
        float[][] rows = Flows.Rows(served.Flow, 37, seed: 5);
        rows[3][1] = float.NaN;
        (float[] scores, float[] pValues, bool[] flags) = served.Expected(rows);
        float[] flat = [.. rows.SelectMany(row => row)];

        JsonElement nested = await Service.Post("v2/models/plain/infer", new
        {
            id = "42",
            inputs = new[]
            {
                new { name = "Features", datatype = "FP32", shape = new[] { 37, 4 },
                    data = rows.Select(row => row.Select(value => float.IsNaN(value) ? null : (float?)value)) },
            },
        });
        Assert.Equal("42", nested.GetProperty("id").GetString());
        Assert.Equal("plain", nested.GetProperty("model_name").GetString());
        Assert.Equal(["Score", "PredictedLabel", "LogLikelihood", "PValue"], Names(nested));
        Assert.Equal(scores, Floats(nested, "Score"));
        Assert.Equal(pValues, Floats(nested, "PValue"));
        Assert.Equal(flags, Data(nested, "PredictedLabel").EnumerateArray().Select(flag => flag.GetBoolean()));

        byte[] header = Encoding.UTF8.GetBytes($$$"""
            {"inputs": [{"name": "Features", "datatype": "FP32", "shape": [37, 4],
            "parameters": {"binary_data_size": {{{4 * flat.Length}}}}}],
            "outputs": [{"name": "Score", "parameters": {"binary_data": true}}, {"name": "PredictedLabel", "parameters":
            {"binary_data": true}}, {"name": "PValue"}, {"name": "Latent"}]}
            """);
        using var content = new ByteArrayContent([.. header, .. MemoryMarshal.AsBytes(flat.AsSpan())]);
        content.Headers.ContentType = new MediaTypeHeaderValue("application/octet-stream");
        content.Headers.Add("Inference-Header-Content-Length", $"{header.Length}");
        using HttpResponseMessage answer = await Service.Client.PostAsync(new Uri("v2/models/plain/infer", UriKind.Relative), content,
            _stop);
        byte[] bytes = await answer.Content.ReadAsByteArrayAsync(_stop);
        int json = int.Parse(answer.Headers.GetValues("Inference-Header-Content-Length").Single(), null);
        JsonElement outputs = JsonDocument.Parse(bytes.AsMemory(0, json)).RootElement;
        Assert.Equal(["Score", "PredictedLabel", "PValue", "Latent"], Names(outputs));
        Assert.Equal(scores, MemoryMarshal.Cast<byte, float>(bytes.AsSpan(json, 37 * 4)).ToArray());
        Assert.Equal(flags, bytes[(json + 37 * 4)..].Select(flag => flag == 1));
        Assert.Equal(pValues, Floats(outputs, "PValue"));
        double[] latent = Flows.Evaluate(served.Flow, rows[0]).Latent;
        Tolerance.Values(latent, Floats(outputs, "Latent")[..4]);
    }

    [Fact]
    public async Task Columns_of_a_pipeline_are_inputs_and_texts_are_bytes()
    {
        ServedFlows.Machine[] rows = ServedFlows.Machine.Rows(11, seed: 9);
        float[] expected = ServedFlows.Column<float>(Service.File("categories.zip"), rows, "Score");
        var inputs = new object[]
        {
            new { name = "Age", datatype = "INT32", shape = new[] { 11, 1 }, data = rows.Select(row => row.Age) },
            new { name = "Kind", datatype = "BYTES", shape = new[] { 11 }, data = rows.Select(row => row.Kind) },
            new { name = "Pressure", datatype = "FP32", shape = new[] { 11, 1 },
                data = rows.Select(row => float.IsNaN(row.Pressure) ? (float?)null : row.Pressure) },
        };
        Assert.Equal(expected, Floats(await Service.Post("v2/models/categories/infer", new { inputs }), "Score"));

        byte[] texts = [.. rows.SelectMany(row => BitConverter.GetBytes(row.Kind.Length).Concat(Encoding.UTF8.GetBytes(row.Kind)))];
        byte[] ages = new byte[11 * 2];
        foreach ((int i, ServedFlows.Machine row) in rows.Index())
            BinaryPrimitives.WriteInt16LittleEndian(ages.AsSpan(2 * i), (short)row.Age);
        byte[] pressures = [.. rows.SelectMany(row => BitConverter.GetBytes((double)row.Pressure))];
        byte[] header = Encoding.UTF8.GetBytes(JsonSerializer.Serialize(new
        {
            inputs = new[]
            {
                new { name = "Kind", datatype = "BYTES", shape = new[] { 11, 1 }, parameters = new { binary_data_size = texts.Length } },
                new { name = "Age", datatype = "INT16", shape = new[] { 11, 1 }, parameters = new { binary_data_size = ages.Length } },
                new { name = "Pressure", datatype = "FP64", shape = new[] { 11, 1 },
                    parameters = new { binary_data_size = pressures.Length } },
            },
        }));
        using var content = new ByteArrayContent([.. header, .. texts, .. ages, .. pressures]);
        content.Headers.Add("Inference-Header-Content-Length", $"{header.Length}");
        using HttpResponseMessage answer = await Service.Client.PostAsync(new Uri("v2/models/categories/infer", UriKind.Relative), content,
            _stop);
        Assert.Equal(expected, Floats(JsonDocument.Parse(await answer.Content.ReadAsStringAsync(_stop)).RootElement, "Score"));
    }

    [Fact]
    public async Task Latents_become_rows_also_of_mixtures_and_given_conditions()
    {
        var random = new Random(3);
        foreach (string name in new[] { "plain.rnvp", "mixture-1.rnvp", "condition-3.zip" })
        {
            string model = Path.GetFileNameWithoutExtension(name);
            JsonElement inputs = (await Service.Get($"v2/models/{model}-sampler")).GetProperty("inputs");
            (string Name, float[] Values, int Size)[] given = [.. inputs.EnumerateArray().Select(input =>
            {
                int size = input.GetProperty("shape")[1].GetInt32();
                string column = input.GetProperty("name").GetString()!;
                return (column, Enumerable.Range(0, 5 * size).Select(i => column == "Member" ? i % 2 : (float)Tables.Normal(random))
                    .ToArray(), size);
            })];
            JsonElement answer = await Service.Post($"v2/models/{model}-sampler/infer", new
            {
                inputs = given.Select(input => new { name = input.Name, datatype = "FP32", shape = new[] { 5, input.Size },
                    data = input.Values }),
            });
            // the exported graph is another way to the same rows
            ServedModel held = Service.Host.Hold(model)!;
            byte[] graph = held.Flow.Model.BuildSamplingGraph();
            held.Release();
            using var session = new InferenceSession(graph);
            using var results = session.Run([.. given.Select(input => NamedOnnxValue.CreateFromTensor(input.Name,
                new DenseTensor<float>(input.Values, [5, input.Size])))]);
            Tolerance.Values([.. results.Single().AsEnumerable<float>().Select(value => (double)value)], Floats(answer, "Features"));
        }
    }

    [Theory]
    [InlineData("none/infer", "{}", 404, "There is no model 'none'. There are: alone, categories, condition-3")]
    [InlineData("broken/infer", "{}", 404, "The model broken cannot be loaded")]
    [InlineData("plain/versions/0/infer", "{}", 404, "'0' is not served")]
    [InlineData("plain/infer", "{", 400, "The body is not JSON as expected")]
    [InlineData("plain/infer", "[]", 400, "The body is no JSON object")]
    [InlineData("plain/infer", "{}", 400, "The request has no inputs; the model reads Features")]
    [InlineData("plain/infer", """{"inputs": 3}""", 400, "The inputs are no list")]
    [InlineData("plain/infer", """{"inputs": [{"name": "Features"}]}""", 400, "An input has a name, a datatype and a shape")]
    [InlineData("plain/infer", """{"inputs": [{"name": "X", "datatype": "FP32", "shape": [1, 4], "data": [1, 2, 3, 4]}]}""", 400,
        "The model has no input 'X'. It has: Features")]
    [InlineData("plain/infer", """{"inputs": [{"name": "Features", "datatype": "BYTES", "shape": [1, 4], "data": []}]}""", 400,
        "The input 'Features' is of the datatype BYTES, expected FP32")]
    [InlineData("plain/infer", """{"inputs": [{"name": "Features", "datatype": "FP32", "shape": [1, 3], "data": [1, 2, 3]}]}""", 400,
        "has the shape [1, 3], expected [rows, 4]")]
    [InlineData("plain/infer", """{"inputs": [{"name": "Features", "datatype": "FP32", "shape": [1, 4], "data": [1, 2, 3]}]}""", 400,
        "has 3 values, expected 4 by its shape")]
    [InlineData("plain/infer", """{"inputs": [{"name": "Features", "datatype": "FP32", "shape": [1, 4], "data": [1, 2, 3, 4, 5]}]}""", 400,
        "has more than the 4 values of its shape")]
    [InlineData("plain/infer", """{"inputs": [{"name": "Features", "datatype": "FP32", "shape": [1, 4], "data": [1, 2, "x", 4]}]}""", 400,
        "'Features' of row 0 is the text \"x\", expected a number, or null where it is missing")]
    [InlineData("plain/infer", """{"inputs": [{"name": "Features", "datatype": "FP32", "shape": [1, 4]}]}""", 400, "has no data")]
    [InlineData("plain/infer", """
        {"inputs": [{"name": "Features", "datatype": "FP32", "shape": [1, 4], "parameters": {"binary_data_size": 16}}]}
        """, 400, "is to have 16 bytes, and there are 0 behind the header")]
    [InlineData("plain/infer", """{"inputs": [{"name": "Features", "datatype": "FP32", "shape": [4001, 4], "data": []}]}""", 413,
        "The request has 4001 rows, at most 4000 are taken at once")]
    [InlineData("plain/infer", """
        {"inputs": [{"name": "Features", "datatype": "FP32", "shape": [1, 4], "data": [1, 2, 3, 4]}], "outputs": [{"name": "Y"}]}
        """, 400, "The model has no output 'Y'. It has: Score")]
    [InlineData("categories/infer", """{"inputs": [{"name": "Kind", "datatype": "BYTES", "shape": [1], "data": ["fan"]}]}""", 400,
        "The request has no input 'Pressure'; the model reads Kind, Pressure, Age")]
    [InlineData("plain/infer", """{"inputs": [{"name": "Features", "datatype": "FP32", "shape": [4000, 4], "data": [1, 2]}]}""", 400,
        "The input 'Features' has 5 bytes, too few for the 16000 values of its shape")]
    [InlineData("plain/infer", """{"inputs": [{"name": "Features", "datatype": "FP32", "shape": [1, 4], "data": "1"}]}""", 400,
        "has no data, a list of 4 values")]
    [InlineData("plain/infer", """{"id": "\ud83d", "inputs": []}""", 400, "a text that is no Unicode")]
    [InlineData("categories/infer", """{"inputs": [{"name": "Age", "datatype": "FP64", "shape": [2], "data": [1, 0.5]}]}""", 400,
        "'Age' of row 1 is 0.5, expected a whole number")]
    public async Task Wrong_requests_are_told_what_is_wrong(string path, string body, int status, string message)
    {
        (int found, JsonElement answer) = await Service.TryPost("v2/models/" + path, body);
        Assert.Contains(message, answer.GetProperty("error").GetString(), StringComparison.Ordinal);
        Assert.Equal(status, found);
    }

    /// <summary>A picture column of 3 million values and a thousand rows of it are quickly asked for.</summary>
    [Theory]
    [InlineData("\"data\": []", "too few for the 3000000000 values")]
    [InlineData("\"parameters\": {\"binary_data_size\": 12000000000}", "and there are 0 behind the header")]
    [InlineData("\"parameters\": {}", "has no data")]
    public void No_memory_is_taken_for_values_that_are_not_there(string data, string message)
    {
        ModelColumn[] pictures = [new("Pixels", ColumnKind.Single, [3, 1000, 1000], [])];
        byte[] body = Encoding.UTF8.GetBytes(
            $$"""{"inputs": [{"name": "Pixels", "datatype": "FP32", "shape": [1000, 3, 1000, 1000], {{data}}}]}""");
        long before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Contains(message, Assert.Throws<RequestException>(() => InferRequest.Read(new ReadOnlySequence<byte>(body), body.Length,
            pictures, pictures, [0], mostRows: 16_384)).Message, StringComparison.Ordinal);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
        var fields = new RowFields(pictures);
        Assert.Contains("too few for the 3000000 values that each needs", Assert.Throws<RequestException>(() =>
        {
            var rows = new Utf8JsonReader(Encoding.UTF8.GetBytes($"[{string.Join(',', Enumerable.Repeat("[]", 1000))}]"));
            rows.Read();
            fields.Read(ref rows, 16_384);
        }).Message, StringComparison.Ordinal);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
    }

    [Fact]
    public async Task A_question_for_the_head_is_answered_as_one_for_all_of_it()
    {
        foreach (string path in new[] { "v2/health/live", "v2/health/ready", "v2/models/plain/ready", "models/plain" })
        {
            using var request = new HttpRequestMessage(HttpMethod.Head, new Uri(path, UriKind.Relative));
            using HttpResponseMessage answer = await Service.Client.SendAsync(request, _stop);
            Assert.Equal(200, (int)answer.StatusCode);
            Assert.True(answer.Content.Headers.ContentLength > 0);
            Assert.Empty(await answer.Content.ReadAsByteArrayAsync(_stop));
        }
    }

    [Fact]
    public async Task Large_bodies_are_taken_up_to_the_limit_and_refused_beyond()
    {
        string values = string.Join(", ", Enumerable.Repeat("1.0000000000000000000000000000000000000000000000", 4 * 4_000));
        string body = $$"""{"inputs": [{"name": "Features", "datatype": "FP32", "shape": [4000, 4], "data": [{{values}}]}]}""";
        Assert.InRange(body.Length, 700_000, 1 << 20); // more than a pipe holds at once
        Assert.Equal(200, (await Service.TryPost("v2/models/plain/infer", body)).Status);
        (int status, JsonElement answer) = await Service.TryPost("v2/models/plain/infer", body + new string(' ', 1 << 20));
        Assert.Equal(413, status);
        Assert.Contains("more than 1048576 bytes", answer.GetProperty("error").GetString(), StringComparison.Ordinal);
    }

    private static string[] Names(JsonElement answer)
        => [.. answer.GetProperty("outputs").EnumerateArray().Select(output => output.GetProperty("name").GetString()!)];

    private static JsonElement Data(JsonElement answer, string name)
        => answer.GetProperty("outputs").EnumerateArray().Single(output => output.GetProperty("name").GetString() == name)
            .GetProperty("data");

    private static float[] Floats(JsonElement answer, string name) => [.. Data(answer, name).EnumerateArray().Select(value
        => value.ValueKind == JsonValueKind.Null ? float.NaN : value.GetSingle())];
}
