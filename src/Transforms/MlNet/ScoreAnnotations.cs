using Microsoft.ML;
using Microsoft.ML.Data;

namespace RealNvp.ML.Transforms.MlNet;

/// <summary>What ML.NET's own scorers say of their Score and PredictedLabel columns, so that tools recognise ours.</summary>
internal static class ScoreAnnotations
{
    private const string SetId = "ScoreColumnSetId";
    private const string Kind = "ScoreColumnKind";
    private const string ValueKind = "ScoreValueKind";

    /// <summary>Annotations of one column of a score set.</summary>
    /// <param name="setId">Tells the sets of several scorers apart; from <see cref="NextSetId"/>.</param>
    /// <param name="valueKind"><c>Score</c> or <c>PredictedLabel</c>.</param>
    /// <param name="kind">The task: by default RandomizedPca's, for ML.NET has none of anomalies.</param>
    public static DataViewSchema.Annotations Of(uint setId, string valueKind, string kind = "BinaryClassification")
    {
        var builder = new DataViewSchema.Annotations.Builder();
        builder.Add(SetId, new KeyDataViewType(typeof(uint), int.MaxValue), (ref uint value) => value = setId);
        builder.Add(Kind, TextDataViewType.Instance, (ref ReadOnlyMemory<char> value) => value = kind.AsMemory());
        builder.Add(ValueKind, TextDataViewType.Instance, (ref ReadOnlyMemory<char> value) => value = valueKind.AsMemory());
        return builder.ToAnnotations();
    }

    /// <summary>One more than the highest set that a schema has.</summary>
    public static uint NextSetId(DataViewSchema schema)
    {
        uint highest = 0;
        foreach (DataViewSchema.Column column in schema)
        {
            if (column.Annotations.Schema.GetColumnOrNull(SetId) is not { Type: KeyDataViewType { RawType: var raw } }
                || raw != typeof(uint))
            {
                continue;
            }
            uint id = 0;
            column.Annotations.GetValue(SetId, ref id);
            highest = Math.Max(highest, id);
        }
        return highest + 1;
    }
}
