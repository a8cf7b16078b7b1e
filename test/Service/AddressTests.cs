using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;

namespace RealNvp.ML.Tests.Service;

/// <summary>Addresses, methods and kinds of bodies: what is there, and what is said where it is not.</summary>
[Trait("Area", "Service")]
public sealed class AddressTests(ServedFlows served) : IClassFixture<ServedFlows>
{
    private const string Gets = "GET, HEAD, OPTIONS", Posts = "POST, OPTIONS";

    private readonly CancellationToken _stop = TestContext.Current.CancellationToken;

    public static TheoryData<string, string> Addresses => new()
    {
        { "v2", Gets }, { "v2/", Gets }, { "v2/health/live", Gets }, { "v2/health/ready", Gets }, { "v2/models/plain", Gets },
        { "v2/models/plain/ready", Gets }, { "v2/models/plain/infer", Posts }, { "v2/models/plain/infer/", Posts },
        { "v2/models/plain/versions/1", Gets }, { "v2/models/plain/versions/1/infer", Posts }, { "models", Gets },
        { "models/plain", Gets }, { "models/plain/", Gets }, { "models/plain/score", Posts }, { "models/plain/sample", Posts },
        { "models/none/score", Posts }, // the address is there, whatever the model
    };

    [Theory, MemberData(nameof(Addresses))]
    public async Task Another_method_is_answered_by_those_that_there_are(string path, string allowed)
    {
        foreach (string method in new[] { "GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "TRACE", "OPTIONS", "QUERY" })
        {
            if (method != "OPTIONS" && allowed.Contains(method, StringComparison.Ordinal))
                continue;
            using HttpResponseMessage answer = await Send(method, path);
            Assert.Equal(allowed, string.Join(", ", answer.Content.Headers.Allow));
            if (method == "OPTIONS")
            {
                Assert.Equal(HttpStatusCode.NoContent, answer.StatusCode);
                continue;
            }
            Assert.Equal(HttpStatusCode.MethodNotAllowed, answer.StatusCode);
            Assert.Equal("application/json", answer.Content.Headers.ContentType!.MediaType);
            if (method != "HEAD")
                Assert.Equal($"/{path} does not take {method}, only {allowed}.", await Error(answer));
        }
    }

    [Theory]
    [InlineData("v2/none"), InlineData("v2/health"), InlineData("v2/models"), InlineData("v2/models/plain/versions")]
    [InlineData("models/plain/none"), InlineData("models/plain/score/more")]
    public async Task Addresses_that_are_not_there_are_so_for_any_method(string path)
    {
        foreach (string method in new[] { "GET", "POST", "DELETE" })
        {
            using HttpResponseMessage answer = await Send(method, path);
            Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
            Assert.Equal($"There is no /{path} here.", await Error(answer));
        }
    }

    [Fact]
    public async Task A_slash_at_the_end_changes_nothing()
    {
        foreach (string path in new[] { "v2", "v2/health/live", "models", "models/plain", "v2/models/plain/ready" })
            Assert.Equal((await served.Service.Get(path)).GetRawText(), (await served.Service.Get(path + "/")).GetRawText());
        foreach (string path in new[] { "models/plain/score", "models/plain/score/" })
            Assert.Equal(1, (await served.Service.Post(path, "[[1, 2, 3, 4]]")).GetProperty("rows").GetArrayLength());
    }

    [Theory]
    [InlineData("text/csv", false), InlineData("application/xml", false), InlineData("multipart/form-data; boundary=x", false)]
    [InlineData("application/json; charset=utf-16", false), InlineData("image/png", false), InlineData("nonsense", false)]
    [InlineData("application/json", true), InlineData("application/json; charset=utf-8", true), InlineData("", true)]
    [InlineData("application/problem+json", true), InlineData("text/plain;charset=UTF-8", true)]
    [InlineData("application/x-www-form-urlencoded", true), InlineData("application/octet-stream", true)]
    public async Task Bodies_that_say_that_they_are_no_JSON_are_refused(string kind, bool isTaken)
    {
        (string Path, string Body)[] asked =
        [
            ("models/plain/score", "[[1, 2, 3, 4]]"), ("models/plain/sample", """{"count": 1}"""),
            ("v2/models/plain/infer", """{"inputs": [{"name": "Features", "datatype": "FP32", "shape": [1, 4], "data": [1, 2, 3, 4]}]}"""),
        ];
        foreach ((string path, string body) in asked)
        {
            using var content = new ByteArrayContent(Encoding.UTF8.GetBytes(body));
            if (kind.Length > 0)
                content.Headers.TryAddWithoutValidation("Content-Type", kind);
            using HttpResponseMessage answer = await served.Service.Client.PostAsync(new Uri(path, UriKind.Relative), content, _stop);
            Assert.Equal(isTaken ? HttpStatusCode.OK : HttpStatusCode.UnsupportedMediaType, answer.StatusCode);
            if (isTaken)
                continue;
            Assert.Equal($"The body is {kind}, expected JSON in UTF-8 (Content-Type: application/json).", await Error(answer));
            Assert.Contains("application/json", string.Join(' ', answer.Headers.GetValues("Accept")), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Errors_are_readable_as_they_come()
    {
        using HttpResponseMessage answer = await Send("GET", "models/größe");
        string text = await answer.Content.ReadAsStringAsync(_stop);
        Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
        Assert.Contains("'größe'", text, StringComparison.Ordinal);
        Assert.DoesNotContain("\\u", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Models_and_versions_that_are_not_there_are_told_with_those_that_are()
    {
        string version = (await served.Service.Get("models/plain")).GetProperty("version").GetString()!;
        foreach ((string method, string path) in new[]
        {
            ("GET", "v2/models/none"), ("GET", "v2/models/none/ready"), ("POST", "v2/models/none/infer"), ("GET", "models/none"),
            ("POST", "models/none/score"), ("POST", "models/none/sample"), ("GET", "v2/models/none-sampler"),
        })
        {
            using HttpResponseMessage answer = await Send(method, path);
            Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
            Assert.Contains("There are: alone, categories, condition-3", await Error(answer), StringComparison.Ordinal);
        }
        foreach ((string method, string path) in new[] { ("GET", ""), ("GET", "/ready"), ("POST", "/infer") })
        {
            using HttpResponseMessage answer = await Send(method, $"v2/models/plain/versions/0{path}");
            Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
            Assert.Equal($"The version of 'plain' is {version}; '0' is not served.", await Error(answer));
        }
    }

    private async Task<HttpResponseMessage> Send(string method, string path)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), new Uri(path, UriKind.Relative));
        if (method is "POST" or "PUT" or "PATCH")
            request.Content = new StringContent("{}", Encoding.UTF8, new MediaTypeHeaderValue("application/json"));
        return await served.Service.Client.SendAsync(request, _stop);
    }

    private async Task<string?> Error(HttpResponseMessage answer)
        => (await answer.Content.ReadFromJsonAsync<JsonElement>(_stop)).GetProperty("error").GetString();
}
