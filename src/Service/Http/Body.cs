using System.Buffers;
using System.IO.Pipelines;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Net.Http.Headers;

namespace RealNvp.ML.AspNetCore.Http;

/// <summary>The body of a request, whole.</summary>
internal static class Body
{
    private static readonly string[] s_taken =
        ["application/json", "text/json", "text/plain", "application/octet-stream", "application/x-www-form-urlencoded"];

    /// <summary>Reads the body and has it parsed; its memory is the server's, and is not kept.</summary>
    /// <exception cref="RequestException">It is larger than allowed, or packed.</exception>
    public static async Task<T> Read<T>(HttpContext context, long most, Func<ReadOnlySequence<byte>, T> parse)
    {
        HttpRequest request = context.Request;
        CheckKind(context);
        if (!string.IsNullOrEmpty(request.Headers.ContentEncoding))
        {
            context.Response.Headers.AcceptEncoding = "identity";
            throw new RequestException($"The body is packed as {request.Headers.ContentEncoding}; send it as it is.",
                StatusCodes.Status415UnsupportedMediaType);
        }
        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } limit)
            limit.MaxRequestBodySize = null; // the limit is this one, and has an answer of its own
        if (request.ContentLength > most)
            throw TooLarge(most);
        PipeReader reader = request.BodyReader;
        while (true)
        {
            ReadResult read = await reader.ReadAsync(context.RequestAborted);
            if (read.Buffer.Length > most)
            {
                reader.AdvanceTo(read.Buffer.End); // the server passes over the rest of it
                throw TooLarge(most);
            }
            if (read.IsCompleted)
            {
                try
                {
                    return parse(read.Buffer);
                }
                catch (InvalidOperationException e) when (e.Source?.StartsWith("System.Text.Json", StringComparison.Ordinal) == true)
                {
                    // the reader looks into texts when they are asked for
                    throw new RequestException("The body holds a text that is no Unicode: half a surrogate pair, or bytes that are not "
                        + "UTF-8.");
                }
                finally
                {
                    reader.AdvanceTo(read.Buffer.End);
                }
            }
            reader.AdvanceTo(read.Buffer.Start, read.Buffer.End);
        }
    }

    /// <summary>
    /// Refuses what says of itself that it is no JSON, such as CSV. Who says nothing is believed, and so is what clients say who were not
    /// told: <c>curl -d</c> (a form), a browser's fetch (plain text); and the protocol's own for JSON with bytes behind.
    /// </summary>
    private static void CheckKind(HttpContext context)
    {
        string? given = context.Request.ContentType;
        if (string.IsNullOrWhiteSpace(given))
            return;
        bool isKnown = MediaTypeHeaderValue.TryParse(given, out MediaTypeHeaderValue? type);
        bool isUtf8 = isKnown && (!type!.Charset.HasValue || type.Charset.Equals("utf-8", StringComparison.OrdinalIgnoreCase)
            || type.Charset.Equals("\"utf-8\"", StringComparison.OrdinalIgnoreCase)
            || type.Charset.Equals("us-ascii", StringComparison.OrdinalIgnoreCase));
        if (isUtf8 && (type!.Suffix.Equals("json", StringComparison.OrdinalIgnoreCase)
            || s_taken.Contains(type.MediaType.Value!, StringComparer.OrdinalIgnoreCase)))
        {
            return;
        }
        context.Response.Headers.Accept = "application/json, application/octet-stream";
        throw new RequestException($"The body is {given}, expected JSON in UTF-8 (Content-Type: application/json).",
            StatusCodes.Status415UnsupportedMediaType);
    }

    private static RequestException TooLarge(long most)
        => RequestException.TooLarge($"The body has more than {most} bytes: send the rows in several requests.");
}
