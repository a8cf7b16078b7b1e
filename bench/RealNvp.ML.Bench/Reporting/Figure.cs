using System.Text.Json;
using System.Text.Json.Serialization;

namespace RealNvp.ML.Bench.Reporting;

/// <summary>A measured number beside the baseline of the same run. Names stay stable from version to version.</summary>
/// <param name="Name">For example <c>scoring.vs_raw_ort</c>.</param>
/// <param name="Value">What was measured.</param>
/// <param name="Unit">Of value and baseline.</param>
/// <param name="Baseline">What the baseline reached.</param>
/// <param name="BaselineName">What the baseline is.</param>
/// <param name="Ratio">Above 1 where we are ahead of the baseline.</param>
internal sealed record Figure(
    [property: JsonPropertyName("name")] string Name,
    [property: JsonPropertyName("value")] double Value,
    [property: JsonPropertyName("unit")] string Unit,
    [property: JsonPropertyName("baseline")] double Baseline,
    [property: JsonPropertyName("baseline_name")] string BaselineName,
    [property: JsonPropertyName("ratio")] double Ratio)
{
    /// <summary>The figure as one line of JSON.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, FigureJson.Default.Figure);
}

/// <summary>Written without reflection, which a trimmed executable has not.</summary>
[JsonSerializable(typeof(Figure))]
internal sealed partial class FigureJson : JsonSerializerContext;
