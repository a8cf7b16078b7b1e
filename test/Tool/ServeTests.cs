using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Grpc.Net.Client;
using RealNvp.ML.AspNetCore.Grpc.Wire;
using RealNvp.ML.Tests.Service;
using RealNvp.ML.Tests.Transforms.Images;

namespace RealNvp.ML.Tests.Tool;

/// <summary><c>realnvp serve</c> as a process of its own.</summary>
[Trait("Area", "Service")]
public sealed class ServeTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Serves_until_it_is_asked_to_end()
    {
        CancellationToken stop = TestContext.Current.CancellationToken;
        string model = _folder.File("machines.zip");
        ServedFlows.Categories(model);
        using Process process = ToolRun.Start("serve", $"plant={model}", "--urls", "http://127.0.0.1:0", "--grpc-urls",
            "http://127.0.0.1:0");
        try
        {
            string? line = await process.StandardError.ReadLineAsync(stop);
            Assert.StartsWith("The model plant is served, version ", line, StringComparison.Ordinal);
            line = await process.StandardError.ReadLineAsync(stop);
            Match listening = Regex.Match(line!, "^listening on (http://127.0.0.1:[0-9]+), for gRPC on (http://127.0.0.1:[0-9]+); ");
            Assert.True(listening.Success, line);
            using var client = new HttpClient { BaseAddress = new Uri(listening.Groups[1].Value) };
            using (var channel = GrpcChannel.ForAddress(listening.Groups[2].Value))
            {
                var grpc = new GRPCInferenceService.GRPCInferenceServiceClient(channel);
                Assert.True((await grpc.ModelReadyAsync(new() { Name = "plant" }, cancellationToken: stop)).Ready);
            }
            using var rows = new StringContent("""[{"Kind": "fan", "Pressure": 1.5, "Age": 3}, ["pump", null, 7]]""", Encoding.UTF8);
            using HttpResponseMessage answer = await client.PostAsync(new Uri("models/plant/score", UriKind.Relative), rows, stop);
            JsonElement scored = await answer.Content.ReadFromJsonAsync<JsonElement>(stop);
            Assert.Equal(2, scored.GetProperty("rows").GetArrayLength());
            foreach (string path in new[] { "", "favicon.ico", "score/it's" })
            {
                using HttpResponseMessage nothing = await client.GetAsync(new Uri(path, UriKind.Relative), stop);
                Assert.Equal(HttpStatusCode.NotFound, nothing.StatusCode);
                Assert.Equal($$"""
                    {"error":"There is no /{{path}} here; /models lists what is served, /v2 is the Open Inference Protocol."}
                    """, await nothing.Content.ReadAsStringAsync(stop));
            }
            if (!OperatingSystem.IsWindows())
            {
                Process.Start("kill", ["-TERM", $"{process.Id}"]).WaitForExit();
                await process.WaitForExitAsync(stop);
                Assert.Equal(0, process.ExitCode);
                Assert.Equal("ended", (await process.StandardError.ReadToEndAsync(stop)).Trim());
            }
        }
        finally
        {
            process.Kill();
        }
    }

    [Fact]
    public void Wrong_command_lines_and_models_are_one_line()
    {
        Assert.Contains("There is no model none.zip", ToolRun.Bad(1, "serve", "none.zip"), StringComparison.Ordinal);
        string broken = _folder.File("broken.zip");
        File.WriteAllText(broken, "PK, but no model");
        Assert.Contains("The model broken cannot be loaded: ", ToolRun.Bad(1, "serve", broken, "--urls", "http://127.0.0.1:0"),
            StringComparison.Ordinal);
        foreach (string url in new[] { "localhost:80", "http://", "http://localhost:99999", "http://localhost:x" })
            Assert.Contains("expected http://HOST:PORT", ToolRun.Bad(2, "serve", broken, "--urls", url), StringComparison.Ordinal);
        Assert.Contains("expected 0 to 1000", ToolRun.Bad(2, "serve", broken, "--max-wait", "-1"), StringComparison.Ordinal);
    }
}
