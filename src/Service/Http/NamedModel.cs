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

    /// <summary>Answers with a model.</summary>
    /// <param name="context">The request; names the model and, where it likes, its version.</param>
    /// <param name="host">The models.</param>
    /// <param name="answer">Is given the model, and whether its sampler is meant.</param>
    /// <param name="samplers">Whether a sampler has a name of its own here.</param>
    /// <exception cref="RequestException">There is none of the name or version.</exception>
    public static async Task With(HttpContext context, ModelHost host, Func<ServedModel, bool, Task> answer, bool samplers = false)
    {
        string name = (string)context.GetRouteValue("model")!;
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
            if (context.GetRouteValue("version") is string version && version != model.Version)
                throw RequestException.NotFound($"The version of '{name}' is {model.Version}; '{version}' is not served.");
            await answer(model, isSampler);
        }
        finally
        {
            model.Release();
        }
    }
}
