using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using RealNvp.ML.Serving;
using RealNvp.ML.Serving.Models;

namespace RealNvp.ML.AspNetCore.Http;

/// <summary>Finds the model that a request names, and holds it until the request is answered.</summary>
internal static class NamedModel
{
    /// <summary>Behind the name of a model: its sampler.</summary>
    public const string SamplerEnding = "-sampler";

    /// <summary>Answers with a model that the address names and, where it likes, its version.</summary>
    /// <inheritdoc cref="With(string, string, ModelHost, Func{ServedModel, bool, Task}, bool)"/>
    public static Task With(HttpContext context, ModelHost host, Func<ServedModel, bool, Task> answer, bool samplers = false)
        => With((string)context.GetRouteValue("model")!, context.GetRouteValue("version") as string, host, answer, samplers);

    /// <summary>Answers with a model.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="version">Its version; null for the one that is served.</param>
    /// <param name="host">The models.</param>
    /// <param name="answer">Is given the model, and whether its sampler is meant.</param>
    /// <param name="samplers">Whether a sampler has a name of its own here.</param>
    /// <exception cref="RequestException">There is none of the name or version.</exception>
    public static async Task With(string name, string? version, ModelHost host, Func<ServedModel, bool, Task> answer, bool samplers)
    {
        bool isSampler = false;
        ServedModel? model = host.Hold(name);
        if (model is null && samplers && name.EndsWith(SamplerEnding, StringComparison.Ordinal))
            (model, isSampler) = (host.Hold(name[..^SamplerEnding.Length]), true);
        if (model is null)
        {
            throw RequestException.NotFound(host.Failure(name)
                ?? $"There is no model '{name}'. There are: {(host.Names is [] ? "none" : string.Join(", ", host.Names))}.");
        }
        try
        {
            if (version is not null && version != model.Version)
                throw RequestException.NotFound($"The version of '{name}' is {model.Version}; '{version}' is not served.");
            await answer(model, isSampler);
        }
        finally
        {
            model.Release();
        }
    }
}
