using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace RealNvp.ML.AspNetCore.Http;

/// <summary>Writes answers.</summary>
internal static class Reply
{
    private const int MostKept = 1 << 18;

    /// <summary>
    /// Quotes and letters as they are: what is escaped by default is for JSON inside of HTML, and hard to read.
    /// </summary>
    private static readonly JsonWriterOptions s_readable = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    [ThreadStatic]
    private static ArrayBufferWriter<byte>? t_buffer;

    [ThreadStatic]
    private static Utf8JsonWriter? t_writer;

    /// <summary>Answers with JSON.</summary>
    public static Task Json(HttpContext context, Action<Utf8JsonWriter> write, int status = StatusCodes.Status200OK)
    {
        ReadOnlySpan<byte> json = Written(write);
        context.Response.StatusCode = status;
        context.Response.ContentType = "application/json";
        context.Response.ContentLength = json.Length;
        context.Response.BodyWriter.Write(json);
        Forget();
        return Sent(context);
    }

    /// <summary>Answers with JSON and the bytes that stand behind it, as the protocol's binary extension has them.</summary>
    public static Task Binary(HttpContext context, Action<Utf8JsonWriter> write, IReadOnlyList<byte[]> behind)
    {
        ReadOnlySpan<byte> json = Written(write);
        context.Response.ContentType = "application/octet-stream";
        context.Response.ContentLength = json.Length + behind.Sum(bytes => (long)bytes.Length);
        context.Response.Headers["Inference-Header-Content-Length"] = $"{json.Length}";
        context.Response.BodyWriter.Write(json);
        foreach (byte[] bytes in behind)
            context.Response.BodyWriter.Write(bytes);
        Forget();
        return Sent(context);
    }

    /// <summary>Answers with an error as the protocol has it.</summary>
    public static Task Error(HttpContext context, int status, string message) => Json(context, json =>
    {
        json.WriteStartObject();
        json.WriteString("error", message);
        json.WriteEndObject();
    }, status);

    /// <summary>A number; null for one that is none or infinite, which JSON has not.</summary>
    public static void Number(Utf8JsonWriter json, float value)
    {
        if (float.IsFinite(value))
            json.WriteNumberValue(value);
        else
            json.WriteNullValue();
    }

    /// <summary>A property of such a number.</summary>
    public static void Number(Utf8JsonWriter json, string name, double value)
    {
        if (double.IsFinite(value))
            json.WriteNumber(name, value);
        else
            json.WriteNull(name);
    }

    /// <summary>Texts.</summary>
    public static void Texts(Utf8JsonWriter json, string name, IEnumerable<string> texts)
    {
        json.WriteStartArray(name);
        foreach (string text in texts)
            json.WriteStringValue(text);
        json.WriteEndArray();
    }

    /// <summary>A name, as these writers write it.</summary>
    public static JsonEncodedText Text(string name) => JsonEncodedText.Encode(name, s_readable.Encoder);

    /// <summary>A writer of the same form.</summary>
    public static Utf8JsonWriter Writer(IBufferWriter<byte> body) => new(body, s_readable);

    private static async Task Sent(HttpContext context) => await context.Response.BodyWriter.FlushAsync(context.RequestAborted);

    private static ReadOnlySpan<byte> Written(Action<Utf8JsonWriter> write)
    {
        ArrayBufferWriter<byte> buffer = t_buffer ??= new(1024);
        buffer.ResetWrittenCount();
        Utf8JsonWriter json = t_writer ??= Writer(buffer);
        json.Reset(buffer);
        write(json);
        json.Flush();
        return buffer.WrittenSpan;
    }

    private static void Forget()
    {
        if (t_buffer!.Capacity > MostKept)
            (t_buffer, t_writer) = (null, null);
    }
}
