using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace RealNvp.ML.Tool.Running;

/// <summary>JSON for machines that people read too: quotes and letters as they are, and numbers that are none.</summary>
internal static class ReadableJson
{
    /// <summary>In one line.</summary>
    public static JsonSerializerOptions Line { get; } = new()
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
    };

    /// <summary>A property to a line.</summary>
    public static JsonSerializerOptions Indented { get; } = new(Line) { WriteIndented = true };
}
