using System.Text.Json.Serialization;
using Microsoft.ML.Data;

namespace RealNvp.ML.Bench.Serving;

/// <summary>A row as the baseline takes it.</summary>
internal sealed class ServedRow
{
    public float[] Features { get; set; } = [];
}

/// <summary>What the baseline gives for a row; the same columns as ours.</summary>
internal sealed class ServedScore
{
    public float Score { get; set; }

    public float PValue { get; set; }

    [ColumnName("PredictedLabel")]
    public bool PredictedLabel { get; set; }

    public float LogLikelihood { get; set; }
}

/// <summary>Read and written without reflection, as the experts of ASP.NET advise.</summary>
[JsonSerializable(typeof(ServedRow[]))]
[JsonSerializable(typeof(ServedScore[]))]
internal sealed partial class ServedJson : JsonSerializerContext;
