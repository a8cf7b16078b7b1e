using System.CommandLine;
using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using RealNvp.ML.Tool.Models;
using RealNvp.ML.Tool.Running;

namespace RealNvp.ML.Tool.Verbs;

/// <summary><c>realnvp serve</c>: models behind HTTP.</summary>
internal sealed class ServeVerb
{
    private readonly Argument<string[]> _models = new("MODEL")
    {
        Description = "A model, a folder of models, or NAME=MODEL for another name than the file's.",
        Arity = ArgumentArity.OneOrMore,
    };
    private readonly Option<string> _urls = Urls(new Option<string>("--urls")
    {
        Description = "Where to listen, several with semicolons: http://*:8080 for callers on other machines.", HelpName = "URLS",
        DefaultValueFactory = _ => "http://localhost:8080",
    });
    private readonly Option<string> _grpcUrls = Urls(new Option<string>("--grpc-urls")
    {
        Description = "Where to speak gRPC in addition, at ports of its own (HTTP/2 without TLS): http://*:8081. Default: nowhere.",
        HelpName = "URLS",
    });
    private readonly Option<int?> _maxRows = VerbOptions.Count("--max-rows", "The most rows of a request; 16384 by default.");
    private readonly Option<int?> _maxBody = VerbOptions.Count("--max-body", "The largest body of a request, in MiB; 8 by default.");
    private readonly Option<double> _maxWait = VerbOptions.Checked(new Option<double>("--max-wait")
    {
        Description = "How long a request may wait for others while an engine computes and another is idle, in milliseconds.",
        HelpName = "MS", DefaultValueFactory = _ => 1,
    }, wait => wait is >= 0 and <= 1000, "expected 0 to 1000");
    private readonly Option<string?> _device = VerbOptions.Device();
    private readonly Option<bool> _quiet = VerbOptions.Quiet();

    /// <summary>The verb.</summary>
    public static Command Create(Terminal terminal) => new ServeVerb().Command(terminal);

    private Command Command(Terminal terminal)
    {
        var verb = new Command("serve", """
            Serve models over HTTP.

            Requests of many callers are computed as one batch. A file that changes is served without a lost request; one that cannot be
            loaded changes nothing. It ends, with exit code 0, by Ctrl+C or SIGTERM, after the requests that it has.

            realnvp serve model.zip --urls http://localhost:8080
            curl localhost:8080/models/model/score -d '[{"temperature": 70.5, "pressure": 2.3}]'
            curl localhost:8080/models/model/sample -d '{"count": 5, "seed": 1}'

            Addresses: /models, /models/NAME, /models/NAME/score, /models/NAME/sample; and the Open Inference Protocol under /v2, or over
            gRPC where --grpc-urls says.
            """) { _models };
        foreach (Option option in new Option[] { _urls, _grpcUrls, _maxRows, _maxBody, _maxWait, _device, _quiet })
            verb.Add(option);
        verb.Does(terminal, _quiet, (said, cancellation) => Serve(said, terminal, cancellation).GetAwaiter().GetResult());
        return verb;
    }

    private static bool IsHttp(string url)
    {
        try
        {
            var address = BindingAddress.Parse(url);
            // a port that is no number becomes part of the host, and only an address in brackets has colons
            return url.StartsWith("http://", StringComparison.Ordinal) && address.Port is >= 0 and <= 65535
                && (address.Host.EndsWith(']') || !address.Host.Contains(':', StringComparison.Ordinal));
        }
        catch (FormatException)
        {
            return false;
        }
    }

    private async Task Serve(ParseResult said, Terminal terminal, CancellationToken cancellation)
    {
        // not the current folder, whose settings of another application are none of ours
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions
        {
            ContentRootPath = AppContext.BaseDirectory,
        });
        string[] urls = said.GetRequiredValue(_urls).Split(';'), grpcUrls = said.GetValue(_grpcUrls)?.Split(';') ?? [];
        if (grpcUrls.Length == 0)
            builder.WebHost.UseUrls(urls);
        else
            builder.WebHost.ConfigureKestrel(kestrel => Listen(kestrel, urls, grpcUrls));
        builder.Logging.ClearProviders().AddProvider(new TerminalLog(terminal));
        builder.Logging.AddFilter((category, level)
            => level >= (category?.StartsWith("RealNvp.ML", StringComparison.Ordinal) == true ? LogLevel.Information : LogLevel.Warning));
        builder.Services.AddRealNvp(options =>
        {
            foreach (string model in said.GetRequiredValue(_models))
                options.Models.Add(model);
            options.MaxRows = said.GetValue(_maxRows) ?? options.MaxRows;
            options.MaxBodyBytes = said.GetValue(_maxBody) is { } size ? (long)size << 20 : options.MaxBodyBytes;
            options.Batching = options.Batching with
            {
                MaxWait = TimeSpan.FromMilliseconds(said.GetValue(_maxWait)),
                GpuDeviceId = Device.Number(said.GetValue(_device)),
            };
        }).AddRealNvpGrpc();
        await using WebApplication service = builder.Build();
        service.MapRealNvp();
        service.MapFallback("{**any}", (HttpContext context) => Results.Json(options: ReadableJson.Line,
            statusCode: StatusCodes.Status404NotFound, data: new Dictionary<string, string>
            {
                ["error"] = $"There is no {context.Request.Path.Value} here; /models lists what is served, /v2 is the Open Inference "
                    + "Protocol.",
            }));
        if (grpcUrls.Length > 0)
            service.MapRealNvpGrpc();
        await service.StartAsync(CancellationToken.None);
        terminal.Note($"listening on {string.Join(", ", service.Urls.SkipLast(grpcUrls.Length))}"
            + (grpcUrls.Length > 0 ? $", for gRPC on {string.Join(", ", service.Urls.TakeLast(grpcUrls.Length))}" : "")
            + "; Ctrl+C ends it");
        await service.WaitForShutdownAsync(cancellation);
        terminal.Note("ended");
    }

    /// <summary>Without TLS an endpoint cannot find out which HTTP its caller speaks: gRPC has ports of its own.</summary>
    private static void Listen(KestrelServerOptions kestrel, string[] urls, string[] grpcUrls)
    {
        foreach ((string url, HttpProtocols protocols) in urls.Select(url => (url, HttpProtocols.Http1))
            .Concat(grpcUrls.Select(url => (url, HttpProtocols.Http2))))
        {
            var address = BindingAddress.Parse(url);
            if (address.Host.Equals("localhost", StringComparison.OrdinalIgnoreCase))
                kestrel.ListenLocalhost(address.Port, endpoint => endpoint.Protocols = protocols);
            else if (IPAddress.TryParse(address.Host, out IPAddress? ip))
                kestrel.Listen(ip, address.Port, endpoint => endpoint.Protocols = protocols);
            else
                kestrel.ListenAnyIP(address.Port, endpoint => endpoint.Protocols = protocols);
        }
    }

    private static Option<string> Urls(Option<string> option) => VerbOptions.Checked(option,
        urls => urls!.Split(';').All(IsHttp),
        "expected http://HOST:PORT (for https put a proxy in front)");
}
