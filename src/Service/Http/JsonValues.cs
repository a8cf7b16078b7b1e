using System.Text.Json;
using RealNvp.ML.Serving.Rows;

namespace RealNvp.ML.AspNetCore.Http;

/// <summary>Reads the values of columns.</summary>
internal static class JsonValues
{
    /// <summary>Reads the value on which the reader stands into its place.</summary>
    /// <param name="json">Stands on a value.</param>
    /// <param name="column">The column.</param>
    /// <param name="values">Its values.</param>
    /// <param name="place">The place.</param>
    /// <param name="row">Its row, for the caller.</param>
    /// <param name="noun">What a row is.</param>
    /// <exception cref="RequestException">It is of another kind than the column.</exception>
    public static void Read(ref Utf8JsonReader json, ModelColumn column, Array values, int place, int row, string noun = "row")
    {
        switch (column.Kind)
        {
            case ColumnKind.Single:
                ((float[])values)[place] = json.TokenType == JsonTokenType.Number ? json.GetSingle()
                    : (float)Special(ref json, column, row, noun);
                break;
            case ColumnKind.Number:
                ((double[])values)[place] = json.TokenType == JsonTokenType.Number ? json.GetDouble()
                    : Special(ref json, column, row, noun);
                break;
            case ColumnKind.Boolean:
                ((bool[])values)[place] = json.TokenType switch
                {
                    JsonTokenType.True => true,
                    JsonTokenType.False => false,
                    JsonTokenType.Number => json.GetDouble() != 0,
                    _ => throw Wrong(ref json, column, row, noun, "true or false"),
                };
                break;
            default:
                ((ReadOnlyMemory<char>[])values)[place] = json.TokenType switch
                {
                    JsonTokenType.String => json.GetString().AsMemory(),
                    JsonTokenType.Null => default, // missing, as ML.NET has it
                    _ => throw Wrong(ref json, column, row, noun, "text, in quotes"),
                };
                break;
        }
    }

    /// <summary>Requires values that a column can hold.</summary>
    /// <exception cref="RequestException">One of them it cannot.</exception>
    public static void Check(ModelColumn column, Array values)
    {
        if (column.Fault(values) is { } fault)
            throw new RequestException(fault);
    }

    /// <summary>Sets places that a caller leaves out.</summary>
    public static void Miss(ModelColumn column, Array values)
    {
        if (column.Kind == ColumnKind.Single)
            Array.Fill((float[])values, float.NaN);
        else if (column.Kind == ColumnKind.Number)
            Array.Fill((double[])values, double.NaN);
    }

    /// <summary>JSON has no NaN: null stands for a number that is missing, and the names of the three in quotes for themselves.</summary>
    private static double Special(ref Utf8JsonReader json, ModelColumn column, int row, string noun) => json.TokenType switch
    {
        JsonTokenType.Null => double.NaN,
        JsonTokenType.True => 1, // as tables have them that hold Booleans among numbers
        JsonTokenType.False => 0,
        JsonTokenType.String when json.ValueTextEquals("NaN") => double.NaN,
        JsonTokenType.String when json.ValueTextEquals("Infinity") => double.PositiveInfinity,
        JsonTokenType.String when json.ValueTextEquals("-Infinity") => double.NegativeInfinity,
        _ => throw Wrong(ref json, column, row, noun, "a number, or null where it is missing"),
    };

    private static RequestException Wrong(ref Utf8JsonReader json, ModelColumn column, int row, string noun, string expected)
    {
        string found = json.TokenType switch
        {
            JsonTokenType.String => $"the text \"{json.GetString()}\"",
            JsonTokenType.StartArray or JsonTokenType.StartObject => "several values",
            JsonTokenType.True or JsonTokenType.False => "a Boolean",
            JsonTokenType.Null => "null",
            _ => "a number",
        };
        return new($"'{column.Name}' of {noun} {row} is {found}, expected {expected}.");
    }
}
