using System.Text;
using System.Text.Json;
using RealNvp.ML.AspNetCore.Http;
using RealNvp.ML.Serving.Rows;

namespace RealNvp.ML.AspNetCore.People;

/// <summary>
/// How rows of plain JSON become columns. A row is an object of values by the names of columns, or of the values of a vector column; or a
/// list of all values that are required, in the order of the columns. What a model does not read is passed over.
/// </summary>
internal sealed class RowFields
{
    private readonly IReadOnlyList<ModelColumn> _columns;
    private const int FewValues = 1 << 20;

    private readonly Field[] _fields;
    private readonly Dictionary<string, int> _places = new(StringComparer.Ordinal);
    private readonly int _values, _required;
    private readonly string _noun;

    /// <summary>The fields of columns.</summary>
    /// <param name="columns">The columns.</param>
    /// <param name="noun">What a row is, for messages.</param>
    public RowFields(IReadOnlyList<ModelColumn> columns, string noun = "row")
    {
        (_columns, _noun) = (columns, noun);
        int first = 0;
        List<Field> fields = [];
        foreach ((int place, ModelColumn column) in columns.Index())
        {
            fields.Add(new(Encoding.UTF8.GetBytes(column.Name), place, 0, column.Size, first));
            fields.AddRange(column.Slots
                .Select((slot, i) => new Field(Encoding.UTF8.GetBytes(slot), place, i, 1, first + i)));
            first += column.Size;
        }
        _fields = [.. fields];
        foreach ((int i, Field field) in _fields.Index())
            _places.TryAdd(Encoding.UTF8.GetString(field.Name), i);
        _values = first;
        _required = columns.Where(column => !column.IsOptional).Sum(column => column.Size);
    }

    /// <summary>Reads a list of rows into columns.</summary>
    /// <param name="json">Stands on the beginning of the list; on its end afterwards.</param>
    /// <param name="mostRows">The most rows.</param>
    /// <exception cref="RequestException">A row is not as the model needs it; its number is named.</exception>
    public (int Rows, Array[] Columns) Read(ref Utf8JsonReader json, int mostRows)
    {
        Utf8JsonReader ahead = json;
        int rows = Count(ref ahead);
        if (rows > mostRows)
            throw RequestException.TooLarge($"The request has {rows} {_noun}s, at most {mostRows} are taken at once.");
        long values = (long)rows * _required, length = ahead.BytesConsumed - json.BytesConsumed;
        // before memory is taken for them: few rows are told which of them is too short
        if (values > FewValues && values > length)
            throw new RequestException($"The {rows} {_noun}s have {length} bytes, too few for the {_required} values that each needs.");
        Array[] columns = [.. _columns.Select(column => column.NewValues(rows))];
        foreach ((ModelColumn column, Array unknown) in _columns.Zip(columns))
            JsonValues.Miss(column, unknown);
        bool[] seen = new bool[_values];
        for (int row = 0; row < rows; row++)
        {
            json.Read();
            if (json.TokenType == JsonTokenType.StartObject)
                ReadObject(ref json, columns, row, seen);
            else if (json.TokenType == JsonTokenType.StartArray)
                ReadList(ref json, columns, row);
            else
                throw new RequestException($"{Called(row)} is neither an object nor a list of values.");
        }
        json.Read();
        foreach ((ModelColumn column, Array given) in _columns.Zip(columns))
            JsonValues.Check(column, given);
        return (rows, columns);
    }

    private void ReadObject(ref Utf8JsonReader json, Array[] columns, int row, bool[] seen)
    {
        Array.Clear(seen);
        int next = 0;
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            int found = Find(ref json, next);
            json.Read();
            if (found < 0)
            {
                json.Skip();
                continue;
            }
            Field field = _fields[found];
            next = found + 1;
            ModelColumn column = _columns[field.Column];
            int place = row * column.Size + field.Slot;
            if (field.Size > 1)
                ReadVector(ref json, column, columns[field.Column], place, row);
            else if (json.TokenType == JsonTokenType.StartArray && column.Size == 1)
                ReadVector(ref json, column, columns[field.Column], place, row);
            else
                JsonValues.Read(ref json, column, columns[field.Column], place, row, _noun);
            seen.AsSpan(field.First, field.Size).Fill(true);
        }
        for (int i = 0; i < _values; i++)
        {
            if (!seen[i] && Owner(i) is { Column.IsOptional: false } missing)
                throw new RequestException($"{Called(row)} has no '{missing.Name}'; null says that a value is missing.");
        }
    }

    private void ReadVector(ref Utf8JsonReader json, ModelColumn column, Array values, int place, int row)
    {
        int count = json.TokenType == JsonTokenType.StartArray ? 0 : -1, depth = json.CurrentDepth;
        while (count >= 0 && json.Read() && !(json.TokenType == JsonTokenType.EndArray && json.CurrentDepth == depth))
        {
            if (json.TokenType is JsonTokenType.StartArray or JsonTokenType.EndArray)
                continue;
            if (count < column.Size)
                JsonValues.Read(ref json, column, values, place + count, row, _noun);
            else
                json.Skip();
            count++;
        }
        if (count != column.Size)
        {
            throw new RequestException($"'{column.Name}' of {_noun} {row} is {(count < 0 ? "one value" : $"a list of {count} values")}, "
                + $"expected {column.Size}.");
        }
    }

    private void ReadList(ref Utf8JsonReader json, Array[] columns, int row)
    {
        int depth = json.CurrentDepth, count = 0, column = NextRequired(0), slot = 0;
        while (json.Read() && !(json.TokenType == JsonTokenType.EndArray && json.CurrentDepth == depth))
        {
            if (json.TokenType is JsonTokenType.StartArray or JsonTokenType.EndArray)
                continue;
            count++;
            if (column == _columns.Count)
            {
                json.Skip();
                continue;
            }
            JsonValues.Read(ref json, _columns[column], columns[column], row * _columns[column].Size + slot, row, _noun);
            if (++slot == _columns[column].Size)
                (column, slot) = (NextRequired(column + 1), 0);
        }
        if (count != _required)
        {
            throw new RequestException($"{Called(row)} has {count} values, expected {_required}: " + string.Join(", ", _columns
                .Where(column => !column.IsOptional).Select(column => column.Size == 1 ? column.Name : $"{column.Size} of {column.Name}"))
                + ".");
        }
    }

    private string Called(int row) => $"{char.ToUpperInvariant(_noun[0])}{_noun[1..]} {row}";

    private int NextRequired(int column)
    {
        while (column < _columns.Count && _columns[column].IsOptional)
            column++;
        return column;
    }

    /// <summary>The field of a name: most rows have their fields in one order, and that of the row before.</summary>
    private int Find(ref Utf8JsonReader json, int next)
    {
        if (next == _fields.Length)
            next = 0;
        return json.ValueTextEquals(_fields[next].Name) ? next : _places.GetValueOrDefault(json.GetString()!, -1);
    }

    private (string Name, ModelColumn Column) Owner(int value)
    {
        foreach (ModelColumn column in _columns)
        {
            if (value < column.Size)
                return (column.Slots.Count > 0 ? column.Slots[value] : column.Name, column);
            value -= column.Size;
        }
        throw new ArgumentOutOfRangeException(nameof(value));
    }

    private static int Count(ref Utf8JsonReader json)
    {
        int rows = 0;
        while (json.Read() && json.TokenType != JsonTokenType.EndArray)
        {
            json.Skip();
            rows++;
        }
        return rows;
    }

    /// <param name="Name">In UTF-8.</param>
    /// <param name="Column">Its column.</param>
    /// <param name="Slot">Its first value in a row of the column.</param>
    /// <param name="Size">How many values it has.</param>
    /// <param name="First">Its first value in a row of all columns.</param>
    private sealed record Field(byte[] Name, int Column, int Slot, int Size, int First);
}
