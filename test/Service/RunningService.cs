using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using RealNvp.ML.AspNetCore;
using RealNvp.ML.Serving;
using RealNvp.ML.Tests.Transforms.Images;

namespace RealNvp.ML.Tests.Service;

/// <summary>A service on a port of its own, over a folder of models.</summary>
public sealed class RunningService : IAsyncDisposable
{
    private readonly TemporaryFolder _folder;
    private readonly WebApplication _application;

    private RunningService(TemporaryFolder folder, WebApplication application)
    {
        (_folder, _application) = (folder, application);
        Client = new HttpClient(new SocketsHttpHandler { MaxConnectionsPerServer = 64 })
        {
            BaseAddress = new Uri(application.Urls.First()),
            Timeout = TimeSpan.FromSeconds(30),
        };
    }

    internal HttpClient Client { get; }

    /// <summary>Where gRPC is spoken.</summary>
    internal Uri GrpcAddress => new(_application.Urls.Last());

    internal ModelHost Host => _application.Services.GetRequiredService<ModelHost>();

    internal WebApplication Application => _application;

    /// <summary>What was logged.</summary>
    internal Log Lines { get; private init; } = new();

    internal string File(string name) => _folder.File(name);

    /// <summary>Starts a service over the files that are put into the folder first.</summary>
    internal static async Task<RunningService> Start(Action<TemporaryFolder> fill, Action<RealNvpServiceOptions>? configure = null)
    {
        var folder = new TemporaryFolder();
        fill(folder);
        // other tests change the current folder meanwhile
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions
        {
            ContentRootPath = AppContext.BaseDirectory,
        });
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.Listen(IPAddress.Loopback, 0);
            kestrel.Listen(IPAddress.Loopback, 0, endpoint => endpoint.Protocols = HttpProtocols.Http2);
        });
        var log = new Log();
        builder.Logging.ClearProviders().AddProvider(log);
        builder.Services.AddRealNvp(options =>
        {
            options.Models.Add(folder.Root);
            options.PollInterval = TimeSpan.FromMilliseconds(20);
            configure?.Invoke(options);
        }).AddRealNvpGrpc();
        WebApplication application = builder.Build();
        application.MapRealNvp();
        application.MapRealNvpGrpc();
        await application.StartAsync();
        return new RunningService(folder, application) { Lines = log };
    }

    /// <summary>GET of JSON.</summary>
    internal async Task<JsonElement> Get(string path)
    {
        using HttpResponseMessage answer = await Client.GetAsync(new Uri(path, UriKind.Relative));
        Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync());
        return await answer.Content.ReadFromJsonAsync<JsonElement>();
    }

    /// <summary>POST of JSON that must be answered.</summary>
    internal async Task<JsonElement> Post(string path, object body)
    {
        (int status, JsonElement answer) = await TryPost(path, body as string ?? JsonSerializer.Serialize(body));
        Assert.True(status == 200, $"{answer}\n{string.Join('\n', Lines.All.TakeLast(2))}");
        return answer;
    }

    /// <summary>POST of text.</summary>
    internal async Task<(int Status, JsonElement Answer)> TryPost(string path, string body)
    {
        using var content = new StringContent(body, Encoding.UTF8, "application/json");
        using HttpResponseMessage answer = await Client.PostAsync(new Uri(path, UriKind.Relative), content);
        return ((int)answer.StatusCode, await answer.Content.ReadFromJsonAsync<JsonElement>());
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await _application.StopAsync();
        await _application.DisposeAsync();
        _folder.Dispose();
    }

    /// <summary>Keeps what is logged.</summary>
    internal sealed class Log : ILoggerProvider, ILogger
    {
        private readonly List<string> _lines = [];

        public string[] All
        {
            get
            {
                lock (_lines)
                    return [.. _lines];
            }
        }

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        void ILogger.Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception,
            Func<TState, Exception?, string> formatter)
        {
            lock (_lines)
                _lines.Add($"{logLevel}: {formatter(state, exception)}{(logLevel >= LogLevel.Error ? exception : null)}");
        }

        public void Dispose() { }
    }
}
