using Grpc.AspNetCore.Server;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using RealNvp.ML.AspNetCore.Grpc;
using RealNvp.ML.Serving;

namespace Microsoft.AspNetCore.Builder;

/// <summary>Opens models to callers of gRPC.</summary>
public static class RealNvpGrpcEndpoints
{
    /// <summary>
    /// Maps the service <c>inference.GRPCInferenceService</c> of the Open Inference Protocol for the models that <c>AddRealNvp</c> named;
    /// without TLS it needs an endpoint of Kestrel that speaks HTTP/2 alone. Authentication, rate limits and the like are the
    /// application's, on what is returned.
    /// </summary>
    /// <param name="endpoints">The application.</param>
    /// <exception cref="InvalidOperationException"><c>AddRealNvp</c> or <c>AddRealNvpGrpc</c> was not called.</exception>
    public static IEndpointConventionBuilder MapRealNvpGrpc(this IEndpointRouteBuilder endpoints)
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        IServiceProvider services = endpoints.ServiceProvider;
        if (services.GetService<ModelHost>() is null
            || services.GetService<IConfigureOptions<GrpcServiceOptions<InferenceService>>>() is null)
            throw new InvalidOperationException("There is nothing to map: call services.AddRealNvp(...).AddRealNvpGrpc() first.");
        return endpoints.MapGrpcService<InferenceService>();
    }
}
