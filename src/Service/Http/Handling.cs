using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using RealNvp.ML.Serving.Batching;

namespace RealNvp.ML.AspNetCore.Http;

/// <summary>Turns what goes wrong in a request into the answer that its caller gets.</summary>
internal static partial class Handling
{
    /// <summary>A handler whose errors become answers.</summary>
    public static RequestDelegate Of(ILogger logger, Func<HttpContext, Task> handle) => async context =>
    {
        try
        {
            await handle(context);
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            // nobody waits for an answer
        }
        catch (Exception) when (context.Response.HasStarted)
        {
            context.Abort(); // half an answer must not look like a whole one
        }
        catch (Exception e)
        {
            (int status, string message) = Explain(logger, context.Request.Path, e);
            if (status == StatusCodes.Status503ServiceUnavailable)
                context.Response.Headers.RetryAfter = "1";
            await Reply.Error(context, status, message);
        }
    };

    /// <summary>What a caller is told of an error, and by which status; the log is told what no caller can help.</summary>
    public static (int Status, string Message) Explain(ILogger logger, string request, Exception e)
    {
        switch (e)
        {
            case RequestException wrong:
                return (wrong.Status, wrong.Message);
            case JsonException json:
                return (StatusCodes.Status400BadRequest, $"The body is not JSON as expected: {json.Message}");
            case BadHttpRequestException bad:
                return (bad.StatusCode, bad.Message);
            case ServiceBusyException or ObjectDisposedException:
                return (StatusCodes.Status503ServiceUnavailable, e.Message);
            default:
                Failed(logger, request, e);
                return (StatusCodes.Status500InternalServerError, "The service failed; its log says why.");
        }
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "The request {Path} failed.")]
    private static partial void Failed(ILogger logger, string path, Exception exception);
}
