using System.Buffers;
using System.Text.Json;
using RealNvp.ML.AspNetCore.Http;
using RealNvp.ML.Serving.Models;
using RealNvp.ML.Serving.Rows;

namespace RealNvp.ML.AspNetCore.People;

/// <summary>Rows to score: <c>{"rows": [...], "outputs": ["Score", ...]}</c>, or the list of rows by itself.</summary>
internal static class ScoreBody
{
    private const string Expected = "{\"rows\": [{\"column\": value, ...}, ...]}, or the list of rows by itself";

    /// <summary>Reads a body.</summary>
    /// <exception cref="RequestException">It is not as the model needs it.</exception>
    /// <exception cref="JsonException">It is no JSON.</exception>
    public static RowsRequest Read(ReadOnlySequence<byte> body, ServedModel model, int mostRows)
    {
        RowFields fields = ModelTexts.Of(model).Fields;
        (int Rows, Array[] Columns)? read = null;
        IReadOnlyList<int> wanted = model.Usual;
        var json = new Utf8JsonReader(body);
        json.Read();
        if (json.TokenType == JsonTokenType.StartArray)
        {
            read = fields.Read(ref json, mostRows);
        }
        else if (json.TokenType == JsonTokenType.StartObject)
        {
            while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
            {
                bool isRows = json.ValueTextEquals("rows"), isOutputs = json.ValueTextEquals("outputs");
                json.Read();
                if (!isRows && !isOutputs)
                    json.Skip();
                else if (json.TokenType != JsonTokenType.StartArray)
                    throw new RequestException($"The {(isRows ? "rows" : "outputs")} are no list. Expected: {Expected}.");
                else if (isRows)
                    read = fields.Read(ref json, mostRows);
                else
                    wanted = Outputs(ref json, model);
            }
        }
        // what stands behind is an error too
        while (json.Read())
        {
        }
        return read is var (rows, columns) ? new RowsRequest(rows, columns, model.Outputs, wanted)
            : throw new RequestException($"The body has no rows. Expected: {Expected}.");
    }

    private static List<int> Outputs(ref Utf8JsonReader json, ServedModel model)
    {
        List<int> wanted = [];
        while (json.Read() && json.TokenType != JsonTokenType.EndArray)
        {
            string name = json.TokenType == JsonTokenType.String ? json.GetString()! : throw new RequestException("The outputs are names.");
            int place = model.Outputs.Index().Where(output => output.Item.Name == name).Select(output => output.Index)
                .DefaultIfEmpty(-1).First();
            if (place < 0)
            {
                throw new RequestException($"The model has no output '{name}'. It has: "
                    + $"{string.Join(", ", model.Outputs.Select(output => output.Name))}.");
            }
            if (!wanted.Contains(place))
                wanted.Add(place);
        }
        return wanted.Count == 0 ? [.. model.Usual] : wanted;
    }
}
