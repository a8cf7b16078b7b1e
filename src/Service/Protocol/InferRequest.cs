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
        private readonly Array?[] _values = new Array?[inputs.Count];
        private List<(int Place, bool? AsBytes)>? _wanted;
        private string? _id;
        private int? _rows;
        private long _used; // bytes behind the header that inputs have taken
        private bool _allAsBytes;

        public InferRequest Request(IReadOnlyList<int> usual)
        {
            int rows = _rows ?? throw new RequestException($"The request has no inputs; the model reads {Names(inputs)}.");
            for (int i = 0; i < inputs.Count; i++)
            {
                if (_values[i] is not null)
                    continue;
                if (!inputs[i].IsOptional)
                    throw new RequestException($"The request has no input '{inputs[i].Name}'; the model reads {Names(inputs)}.");
                _values[i] = inputs[i].NewValues(rows);
                JsonValues.Miss(inputs[i], _values[i]!);
            }
            (int Place, bool AsBytes)[] wanted = _wanted is { Count: > 0 }
                ? [.. _wanted.Select(output => (output.Place, output.AsBytes ?? _allAsBytes))]
                : [.. usual.Select(place => (place, _allAsBytes))];
            return new(_id, new RowsRequest(rows, _values!, outputs, [.. wanted.Select(output => output.Place).Distinct()]), wanted);
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
            int place = Find(inputs, name, "input");
            if (_values[place] is not null)
                throw new RequestException($"The input '{name}' is there twice.");
            ModelColumn column = inputs[place];
            Datatype.Check(column, datatype);
            int rows = RowsOf(column, shape);
            if (size is { } given)
                length = given;
            // before memory is taken for them: a value has a byte at least, and behind the header those of its type
            long count = (long)rows * column.Size, least = count * (size is null ? 1 : Datatype.LeastBytes(datatype));
            if (least > length && length >= 0 && (size is not null || (hasData && data.TokenType == JsonTokenType.StartArray)))
                throw new RequestException($"The input '{name}' has {length} bytes, too few for the {count} values of its shape.");
            Array values = _values[place] = column.NewValues(rows);
            if (size is { } taken)
            {
                if (hasData || taken < 0 || taken > bytes.Length - _used)
                {
                    throw new RequestException(hasData ? $"The input '{name}' has data and bytes; give one of them."
                        : $"The input '{name}' is to have {taken} bytes, and there are {bytes.Length - _used} behind the header.");
                }
                ReadOnlySequence<byte> own = bytes.Slice(_used, taken);
                _used += taken;
                Datatype.Read(column, datatype, own.IsSingleSegment ? own.FirstSpan : own.ToArray(), values);
            }
            else if (hasData && data.TokenType == JsonTokenType.StartArray)
            {
                ReadData(ref data, column, values);
            }
            else
            {
                throw new RequestException($"The input '{name}' has no data, a list of {count} values.");
            }
            JsonValues.Check(column, values);
        }

        private int RowsOf(ModelColumn column, List<long> shape)
        {
            long rows = shape is [] ? -1 : shape[0];
            IEnumerable<long> rest = shape.Skip(1);
            bool fits = rest.SequenceEqual(column.Dimensions.Select(dimension => (long)dimension))
                || rest.SequenceEqual([column.Size]) || (column.Size == 1 && shape.Count == 1);
            if (!fits || rows < 0)
            {
                throw new RequestException($"The input '{column.Name}' has the shape [{string.Join(", ", shape)}], expected "
                    + $"[rows, {string.Join(", ", column.Dimensions)}].");
            }
            if (rows > mostRows)
                throw RequestException.TooLarge($"The request has {rows} rows, at most {mostRows} are taken at once.");
            if (_rows is { } others && others != rows)
                throw new RequestException($"The input '{column.Name}' has {rows} rows, another one {others}.");
            _rows = (int)rows;
            return (int)rows;
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
            _wanted!.Add((Find(outputs, name ?? throw new RequestException("An output has a name."), "output"), asBytes));
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

        private static int Find(IReadOnlyList<ModelColumn> columns, string name, string what)
        {
            for (int i = 0; i < columns.Count; i++)
            {
                if (columns[i].Name == name)
                    return i;
            }
            throw new RequestException($"The model has no {what} '{name}'. It has: {Names(columns)}.");
        }

        private static string Names(IReadOnlyList<ModelColumn> columns)
            => string.Join(", ", columns.Select(column => column.IsOptional ? $"{column.Name} (may be left out)" : column.Name));

        private delegate void Item(ref Utf8JsonReader json);
    }
}
