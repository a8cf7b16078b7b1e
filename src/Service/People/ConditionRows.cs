using System.Text.Json;
using RealNvp.ML.AspNetCore.Http;
using RealNvp.ML.Export;
using RealNvp.ML.Serving.Rows;
using RealNvp.ML.Transforms;

namespace RealNvp.ML.AspNetCore.People;

/// <summary>
/// The conditions that rows are drawn given: the values that the flow gets, by their names or in a list; or, where a text became one-hot
/// values, objects that have that text.
/// </summary>
internal static class ConditionRows
{
    private const string Noun = "condition";

    /// <summary>Reads a list of conditions.</summary>
    /// <param name="json">Stands on the beginning of the list; on its end afterwards.</param>
    /// <param name="condition">The flow's.</param>
    /// <param name="groups">Its columns; empty where its values have no names.</param>
    /// <param name="mostRows">The most conditions.</param>
    /// <param name="isMissing">Whether a number, at its place, stands for a missing one; null: none does.</param>
    /// <exception cref="RequestException">One is not as the flow needs it; its number is named.</exception>
    public static float[][] Read(ref Utf8JsonReader json, FlowCondition condition, IReadOnlyList<FeatureGroup> groups, int mostRows,
        Func<int, float, bool>? isMissing = null)
    {
        if (!HasParts(json, groups))
        {
            var values = new RowFields([new ModelColumn("Condition", ColumnKind.Single, [condition.Size], condition.Names)], Noun);
            (int count, Array[] only) = values.Read(ref json, mostRows);
            return Known([.. ((float[])only[0]).Chunk(condition.Size).Take(count)], condition, isMissing);
        }
        FeatureGroup[] parts = [.. groups.SelectMany(Parts)];
        var fields = new RowFields([.. parts.Select(part
            => new ModelColumn(part.Name, part.Categories.Count > 0 ? ColumnKind.Text : ColumnKind.Single, [1], [])
            {
                IsOptional = part.HasFlag,
            })], Noun);
        (int rows, Array[] columns) = fields.Read(ref json, mostRows);
        float[][] conditions = [.. Enumerable.Range(0, rows).Select(_ => new float[condition.Size])];
        foreach ((FeatureGroup part, Array column) in parts.Zip(columns))
        {
            for (int row = 0; row < rows; row++)
            {
                if (column is float[] numbers)
                    conditions[row][part.First] = part.HasFlag && float.IsNaN(numbers[row]) ? 0 : numbers[row];
                else if (((ReadOnlyMemory<char>[])column)[row] is { IsEmpty: false } text)
                    conditions[row][part.First + PlaceOf(text.ToString(), part, row)] = 1; // of a missing one all are 0, as in training
            }
        }
        return Known(conditions, condition, isMissing);
    }

    /// <summary>
    /// The conditions, in which codes of missing values become missing. None may be infinite, or missing where training has seen none
    /// missing: what is drawn given such is no row.
    /// </summary>
    private static float[][] Known(float[][] conditions, FlowCondition condition, Func<int, float, bool>? isMissing)
    {
        foreach ((int row, float[] values) in conditions.Index())
        {
            for (int i = 0; i < values.Length; i++)
            {
                if (isMissing?.Invoke(i, values[i]) == true)
                    values[i] = float.NaN;
            }
            int at = Array.FindIndex(values, value => float.IsInfinity(value) || float.IsNaN(value) && !condition.MayBeUnknown);
            if (at >= 0)
            {
                string name = condition.Names.IsEmpty ? $"Value {at}" : $"'{condition.Names[at]}'";
                string? flag = condition.Names.FirstOrDefault(other => other == condition.Names[at] + FeatureGroup.MissingSuffix);
                throw new RequestException(float.IsNaN(values[at])
                    ? $"{name} of condition {row} is missing, and the flow has learned nothing of missing ones: give a number"
                        + (flag is null ? "." : $"; the one that training put in the place of missing ones, with \"{flag}\": 1, says that "
                            + "it is missing.")
                    : $"{name} of condition {row} is beyond the numbers of single precision.");
            }
        }
        return conditions;
    }

    /// <summary>How conditions are written, for a message.</summary>
    public static string Form(FlowCondition condition, IReadOnlyList<FeatureGroup> groups) => condition.Names.IsEmpty ? "[[...]]"
        : "[{" + string.Join(", ", groups.Select(part => $"\"{part.Name}\": "
            + (part.Categories.Count > 0 ? $"\"{part.Categories[0]}\"" : "..."))) + "}]";

    /// <summary>Whether the first condition has a text, or where there are none a number that may be missing, by its name.</summary>
    private static bool HasParts(Utf8JsonReader json, IReadOnlyList<FeatureGroup> groups)
    {
        if (!json.Read() || json.TokenType != JsonTokenType.StartObject)
            return false;
        bool hasTexts = groups.Any(group => group.Categories.Count > 0);
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            string name = json.GetString()!;
            if (groups.Any(group => (hasTexts ? group.Categories.Count > 0 : group.HasFlag) && group.Name == name))
                return true;
            json.Read();
            json.Skip();
        }
        return false;
    }

    /// <summary>
    /// A column by itself, and of a number that may be missing the number and its flag, which says so, and which callers may leave out: it
    /// is 0 then.
    /// </summary>
    private static IEnumerable<FeatureGroup> Parts(FeatureGroup group) => !group.HasFlag ? [group]
        : [group with { HasFlag = false }, new(group.Name + FeatureGroup.MissingSuffix, group.First + 1, []) { HasFlag = true }];

    private static int PlaceOf(string text, FeatureGroup group, int row)
    {
        for (int i = 0; i < group.Categories.Count; i++)
        {
            if (group.Categories[i] == text)
                return i;
        }
        throw new RequestException($"'{group.Name}' of condition {row} is \"{text}\", which training has not seen. It knows "
            + string.Join(", ", group.Categories.Take(20).Select(category => $"\"{category}\""))
            + (group.Categories.Count > 20 ? $" and {group.Categories.Count - 20} others." : "."));
    }
}
