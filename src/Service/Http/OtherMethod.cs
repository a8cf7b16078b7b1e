using Microsoft.AspNetCore.Http;

namespace RealNvp.ML.AspNetCore.Http;

/// <summary>The answers of an address to methods that it does not have.</summary>
internal static class OtherMethod
{
    /// <summary>A handler that says which methods there are: to OPTIONS without an error, to others by 405.</summary>
    public static Func<HttpContext, Task> Of(IReadOnlyList<string> methods)
    {
        string allowed = string.Join(", ", methods.Append(HttpMethods.Options));
        return context =>
        {
            context.Response.Headers.Allow = allowed;
            if (!HttpMethods.IsOptions(context.Request.Method))
            {
                throw new RequestException($"{context.Request.Path} does not take {context.Request.Method}, only {allowed}.",
                    StatusCodes.Status405MethodNotAllowed);
            }
            context.Response.StatusCode = StatusCodes.Status204NoContent;
            return Task.CompletedTask;
        };
    }
}
