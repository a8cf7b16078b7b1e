using Grpc.AspNetCore.Server;
using Microsoft.Extensions.Options;
using RealNvp.ML.AspNetCore;
using RealNvp.ML.AspNetCore.Grpc;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Adds gRPC to the services of an application that serves flows.</summary>
public static class RealNvpGrpcServices
{
    /// <summary>
    /// Adds gRPC for the models of <c>AddRealNvp</c>, with its limits: a message may be as large as the body of a request
    /// (<see cref="RealNvpServiceOptions.MaxBodyBytes"/>). <c>MapRealNvpGrpc</c> opens it to callers.
    /// </summary>
    /// <param name="services">The services.</param>
    /// <example>
    /// <code>
    /// builder.Services.AddRealNvp("models").AddRealNvpGrpc();
    /// </code>
    /// </example>
    public static IServiceCollection AddRealNvpGrpc(this IServiceCollection services)
    {
        ArgumentNullException.ThrowIfNull(services);
        services.AddGrpc().AddServiceOptions<InferenceService>(_ => { });
        services.AddOptions<GrpcServiceOptions<InferenceService>>().Configure<IOptions<RealNvpServiceOptions>>(
            (grpc, options) => grpc.MaxReceiveMessageSize = (int)Math.Min(int.MaxValue, options.Value.MaxBodyBytes));
        return services;
    }
}
