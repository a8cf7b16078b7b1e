using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using RealNvp.ML.AspNetCore;
using RealNvp.ML.AspNetCore.Http;
using RealNvp.ML.AspNetCore.People;
using RealNvp.ML.AspNetCore.Protocol;
using RealNvp.ML.Serving;

namespace Microsoft.AspNetCore.Builder;

/// <summary>The addresses of models.</summary>
public static class RealNvpEndpoints
{
    /// <summary>
    /// Maps the models that <c>AddRealNvp</c> named: the Open Inference Protocol under <c>v2</c> and plain JSON under <c>models</c>.
    /// Authentication, rate limits and the like are the application's, on what is returned.
    /// </summary>
    /// <param name="endpoints">The application.</param>
    /// <param name="prefix">Stands before all addresses, as <c>/flows</c>; none by default.</param>
    /// <exception cref="InvalidOperationException"><c>AddRealNvp</c> was not called.</exception>
    /// <example>
    /// <code>
    /// app.MapRealNvp("/flows").RequireAuthorization();
    /// </code>
    /// </example>
    public static IEndpointConventionBuilder MapRealNvp(this IEndpointRouteBuilder endpoints, string prefix = "")
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        ArgumentNullException.ThrowIfNull(prefix);
        IServiceProvider services = endpoints.ServiceProvider;
        ModelHost host = services.GetService<ModelHost>()
            ?? throw new InvalidOperationException("There is nothing to map: call services.AddRealNvp(...) first.");
        RealNvpServiceOptions options = services.GetRequiredService<IOptions<RealNvpServiceOptions>>().Value;
        ILogger logger = services.GetRequiredService<ILoggerFactory>().CreateLogger("RealNvp.ML");
        var inference = new InferenceEndpoints(host, options);
        var people = new PeopleEndpoints(host, options);

        RouteGroupBuilder all = endpoints.MapGroup(prefix);
        Get("v2", inference.Server);
        Get("v2/health/live", inference.Live);
        Get("v2/health/ready", inference.Ready);
        foreach (string model in new[] { "v2/models/{model}", "v2/models/{model}/versions/{version}" })
        {
            Get(model, inference.Model);
            Get(model + "/ready", inference.ModelReady);
            Post(model + "/infer", inference.Infer);
        }
        Get("models", people.List);
        Get("models/{model}", people.Describe);
        Post("models/{model}/score", people.Score);
        Post("models/{model}/sample", people.Sample);
        foreach (string root in new[] { "v2/{**rest}", "models/{**rest}" })
        {
            all.Map(root, Handling.Of(logger, context => throw RequestException.NotFound(
                $"There is no {context.Request.Path} here.")));
        }
        return all;

        // a HEAD is answered as GET, without the body: balancers ask so whether a service is there
        void Get(string pattern, Func<HttpContext, Task> handle) => Map(pattern, handle, HttpMethods.Get, HttpMethods.Head);

        void Post(string pattern, Func<HttpContext, Task> handle) => Map(pattern, handle, HttpMethods.Post);

        void Map(string pattern, Func<HttpContext, Task> handle, params string[] methods)
        {
            all.MapMethods(pattern, methods, Handling.Of(logger, handle));
            // routing comes here with any other method, and not to what stands for addresses that there are not
            all.Map(pattern, Handling.Of(logger, OtherMethod.Of(methods)));
        }
    }
}
