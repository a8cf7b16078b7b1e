using System.Buffers;
using System.Text.Json;
using RealNvp.ML.AspNetCore.Http;
using RealNvp.ML.Serving.Rows;

namespace RealNvp.ML.AspNetCore.Protocol;

/// <summary>A request to infer, of the Open Inference Protocol, as the columns of a model.</summary>
/// <param name="Id">What the caller calls it, to be repeated; null for nothing.</param>
/// <param name="Rows">The rows.</param>
/// <param name="Outputs">The results that are wanted, by their places, in order, and whether as bytes behind the answer.</param>
internal sealed record InferRequest(string? Id, RowsRequest Rows, IReadOnlyList<(int Place, bool AsBytes)> Outputs)
{
    /// <summary>Reads a request.</summary>
    /// <param name="body">The body.</param>
    /// <param name="headerLength">How many of its bytes are JSON, the values of inputs behind them; null for all.</param>
    /// <param name="inputs">What the model reads.</param>
    /// <param name="outputs">What it gives.</param>
    /// <param name="usual">What it gives where nothing is named.</param>
    /// <param name="mostRows">The most rows.</param>
    /// <exception cref="RequestException">It is not as the model needs it.</exception>
    /// <exception cref="JsonException">It is no JSON.</exception>
    public static InferRequest Read(ReadOnlySequence<byte> body, int? headerLength, IReadOnlyList<ModelColumn> inputs,
        IReadOnlyList<ModelColumn> outputs, IReadOnlyList<int> usual, int mostRows)
    {
        if (headerLength is { } length && (length < 0 || length > body.Length))
            throw new RequestException($"The header has {length} bytes by Inference-Header-Content-Length, and the body {body.Length}.");
        ReadOnlySequence<byte> header = headerLength is { } some ? body.Slice(0, some) : body;
        var reading = new Reading(headerLength is { } rest ? body.Slice(rest) : default, inputs, outputs, mostRows);
        var json = new Utf8JsonReader(header);
        reading.Read(ref json);
        return reading.Request(usual);
    }

    /// <summary>What is found on the way.</summary>
    private sealed class Reading(
        ReadOnlySequence<byte> bytes, IReadOnlyList<ModelColumn> inputs, IReadOnlyList<ModelColumn> outputs, int mostRows)
    {
        private readonly GivenInputs _given = new(inputs, outputs, mostRows);
        private List<(int Place, bool? AsBytes)>? _wanted;
        private string? _id;
        private long _used; // bytes behind the header that inputs have taken
        private bool _allAsBytes;

        public InferRequest Request(IReadOnlyList<int> usual)
        {
            (int Place, bool AsBytes)[] wanted = _wanted is { Count: > 0 }
                ? [.. _wanted.Select(output => (output.Place, output.AsBytes ?? _allAsBytes))]
                : [.. usual.Select(place => (place, _allAsBytes))];
            return new(_id, _given.Rows([.. wanted.Select(output => output.Place)]), wanted);
        }

        public void Read(ref Utf8JsonReader json)
        {
            if (!json.Read() || json.TokenType != JsonTokenType.StartObject)
                throw new RequestException("The body is no JSON object: {\"inputs\": [{\"name\", \"shape\", \"datatype\", \"data\"}]}.");
            while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
            {
                if (json.ValueTextEquals("id"))
                {
                    json.Read();
                    _id = json.TokenType == JsonTokenType.String ? json.GetString() : throw new RequestException("The id is no text.");
                }
                else if (json.ValueTextEquals("inputs"))
                {
                    EachObject(ref json, "inputs", ReadInput);
                }
                else if (json.ValueTextEquals("outputs"))
                {
                    _wanted = [];
                    EachObject(ref json, "outputs", ReadOutput);
                }
                else if (json.ValueTextEquals("parameters"))
                {
                    _allAsBytes = Parameters(ref json).AsBytes ?? false;
                }
                else
                {
                    json.Skip();
                }
            }
            // what stands behind the object is an error too
            while (json.Read())
            {
            }
        }

        private void ReadInput(ref Utf8JsonReader json)
        {
            string? name = null, datatype = null;
            List<long>? shape = null;
            long? size = null;
            Utf8JsonReader data = default;
            bool hasData = false;
            long length = 0; // of the data, in bytes
            while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
            {
                if (json.ValueTextEquals("name"))
                    name = Text(ref json, "name");
                else if (json.ValueTextEquals("datatype"))
                    datatype = Text(ref json, "datatype");
                else if (json.ValueTextEquals("shape"))
                    shape = Shape(ref json);
                else if (json.ValueTextEquals("parameters"))
                    size = Parameters(ref json).Size;
                else if (json.ValueTextEquals("data"))
                {
                    json.Read();
                    data = json;
                    hasData = true;
                    json.Skip();
                    length = json.BytesConsumed - data.BytesConsumed;
                }
                else
                {
                    json.Skip();
                }
            }
            if (name is null || datatype is null || shape is null)
                throw new RequestException("An input has a name, a datatype and a shape.");
            GivenInputs.Place place = _given.Begin(name, datatype, shape);
            ModelColumn column = place.Column;
            // all of it before memory is taken: a shape is written quickly
            if (size is { } taken)
            {
                if (hasData || taken < 0 || taken > bytes.Length - _used)
                {
                    throw new RequestException(hasData ? $"The input '{name}' has data and bytes; give one of them."
                        : $"The input '{name}' is to have {taken} bytes, and there are {bytes.Length - _used} behind the header.");
                }
                length = taken;
            }
            else if (!hasData || data.TokenType != JsonTokenType.StartArray)
            {
                throw new RequestException($"The input '{name}' has no data, a list of {place.Count} values.");
            }
            // a value has a byte at least, and behind the header those of its type
            Array values = place.Take(length, size is null ? 1 : Datatype.LeastBytes(datatype));
            if (size is null)
            {
                ReadData(ref data, column, values);
            }
            else
            {
                ReadOnlySequence<byte> own = bytes.Slice(_used, length);
                _used += length;
                Datatype.Read(column, datatype, own.IsSingleSegment ? own.FirstSpan : own.ToArray(), values);
            }
            JsonValues.Check(column, values);
        }

        /// <summary>Values row by row, in lists of lists or in one.</summary>
        private static void ReadData(ref Utf8JsonReader data, ModelColumn column, Array values)
        {
            int depth = data.CurrentDepth, place = 0;
            while (data.Read() && !(data.TokenType == JsonTokenType.EndArray && data.CurrentDepth == depth))
            {
                if (data.TokenType is JsonTokenType.StartArray or JsonTokenType.EndArray)
                    continue;
                if (place == values.Length)
                    throw new RequestException($"The input '{column.Name}' has more than the {values.Length} values of its shape.");
                JsonValues.Read(ref data, column, values, place, place / column.Size);
                place++;
            }
            if (place < values.Length)
                throw new RequestException($"The input '{column.Name}' has {place} values, expected {values.Length} by its shape.");
        }

        private void ReadOutput(ref Utf8JsonReader json)
        {
            string? name = null;
            bool? asBytes = null;
            while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
            {
                if (json.ValueTextEquals("name"))
                    name = Text(ref json, "name");
                else if (json.ValueTextEquals("parameters"))
                    asBytes = Parameters(ref json).AsBytes;
                else
                    json.Skip();
            }
            _wanted!.Add((_given.PlaceOfOutput(name ?? throw new RequestException("An output has a name.")), asBytes));
        }

        /// <summary>Of all parameters those that speak of bytes; others are none of ours.</summary>
        private static (bool? AsBytes, long? Size) Parameters(ref Utf8JsonReader json)
        {
            json.Read();
            if (json.TokenType != JsonTokenType.StartObject)
                throw new RequestException("The parameters are no JSON object.");
            (bool? AsBytes, long? Size) found = default;
            while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
            {
                bool isFlag = json.ValueTextEquals("binary_data") || json.ValueTextEquals("binary_data_output");
                bool isSize = json.ValueTextEquals("binary_data_size");
                json.Read();
                if (isFlag && json.TokenType is JsonTokenType.True or JsonTokenType.False)
                    found.AsBytes = json.GetBoolean();
                else if (isSize && json.TokenType == JsonTokenType.Number && json.TryGetInt64(out long size))
                    found.Size = size;
                else
                    json.Skip();
            }
            return found;
        }

        private static void EachObject(ref Utf8JsonReader json, string what, Item read)
        {
            json.Read();
            if (json.TokenType != JsonTokenType.StartArray)
                throw new RequestException($"The {what} are no list.");
            while (json.Read() && json.TokenType != JsonTokenType.EndArray)
            {
                if (json.TokenType != JsonTokenType.StartObject)
                    throw new RequestException($"One of the {what} is no JSON object.");
                read(ref json);
            }
        }

        private static List<long> Shape(ref Utf8JsonReader json)
        {
            json.Read();
            List<long> shape = [];
            if (json.TokenType == JsonTokenType.StartArray)
            {
                while (json.Read() && json.TokenType == JsonTokenType.Number && json.TryGetInt64(out long dimension))
                    shape.Add(dimension);
            }
            return json.TokenType == JsonTokenType.EndArray ? shape : throw new RequestException("A shape is a list of whole numbers.");
        }

        private static string Text(ref Utf8JsonReader json, string what)
        {
            json.Read();
            return json.TokenType == JsonTokenType.String ? json.GetString()! : throw new RequestException($"A {what} is text.");
        }

        private delegate void Item(ref Utf8JsonReader json);
    }
}
