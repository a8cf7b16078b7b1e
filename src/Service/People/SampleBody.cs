using System.Buffers;
using System.Text.Json;
using RealNvp.ML.AspNetCore.Http;
using RealNvp.ML.Serving.Models;

namespace RealNvp.ML.AspNetCore.People;

/// <summary>
/// What rows to draw: <c>{"count": 10, "seed": 1, "temperature": 1, "conditions": [...]}</c>, each of which may be left out.
/// </summary>
/// <param name="Count">How many; of a flow with a condition for each of the conditions.</param>
/// <param name="Seed">Which.</param>
/// <param name="Temperature">Multiplies the noise.</param>
/// <param name="Conditions">What they are given; null for nothing.</param>
internal sealed record SampleBody(int Count, int Seed, float Temperature, float[][]? Conditions)
{
    /// <summary>Reads a body, which may be empty.</summary>
    /// <param name="body">The body.</param>
    /// <param name="model">Whose rows they are.</param>
    /// <param name="mostRows">The most rows.</param>
    /// <exception cref="RequestException">It is not as the model needs it.</exception>
    /// <exception cref="JsonException">It is no JSON.</exception>
    public static SampleBody Read(ReadOnlySequence<byte> body, ServedModel model, int mostRows)
    {
        var asked = new SampleBody(10, 0, 1, null);
        if (!body.IsEmpty)
        {
            var json = new Utf8JsonReader(body);
            if (!json.Read() || json.TokenType != JsonTokenType.StartObject)
                throw new RequestException("The body is no JSON object: {\"count\": 10, \"seed\": 1}.");
            while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
                asked = asked.With(ref json, model, mostRows);
            while (json.Read())
            {
            }
        }
        long rows = (long)asked.Count * (asked.Conditions?.Length ?? 1);
        if (rows > mostRows)
            throw RequestException.TooLarge($"{rows} rows are asked for, at most {mostRows} are drawn at once.");
        if (model.Flow.Model.Condition is { MayBeUnknown: false } condition && asked.Conditions is null)
        {
            throw new RequestException($"The flow draws rows given a condition of {condition.Size} values: \"conditions\": "
                + $"{ConditionRows.Form(condition, model.ConditionGroups)}.");
        }
        return asked;
    }

    private SampleBody With(ref Utf8JsonReader json, ServedModel model, int mostRows)
    {
        string name = json.GetString()!;
        json.Read();
        switch (name)
        {
            case "count":
                return json.TokenType == JsonTokenType.Number && json.TryGetInt32(out int count) && count >= 0 ? this with { Count = count }
                    : throw new RequestException("The count is a whole number, 0 or more.");
            case "seed":
                return json.TokenType == JsonTokenType.Number && json.TryGetInt32(out int seed) ? this with { Seed = seed }
                    : throw new RequestException("The seed is a whole number.");
            case "temperature":
                return json.TokenType == JsonTokenType.Number && json.GetSingle() is >= 0 and < 1e6f and var temperature
                    ? this with { Temperature = temperature }
                    : throw new RequestException("The temperature is a number from 0 to below 1,000,000.");
            case "conditions":
                if (model.Flow.Model.Condition is not { } condition)
                    throw new RequestException("The flow has no condition to draw rows for: leave it out.");
                if (json.TokenType != JsonTokenType.StartArray)
                    throw new RequestException("The conditions are a list of conditions.");
                return this with { Conditions = ConditionRows.Read(ref json, condition, model.ConditionGroups, mostRows, model.IsMissing) };
            default:
                throw new RequestException($"There is no '{name}' to ask for; there are count, seed, temperature and conditions.");
        }
    }
}
