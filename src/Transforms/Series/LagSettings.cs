using System.Collections.Immutable;
using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Transforms.Columns;
using RealNvp.ML.Transforms.MlNet;
using RealNvp.ML.Transforms.Rows;

namespace RealNvp.ML.Transforms.Series;

/// <summary>What <see cref="LagsTransformer"/> does, as data.</summary>
/// <param name="Output">The column that is added.</param>
/// <param name="Inputs">The columns whose earlier values it holds.</param>
/// <param name="Lags">How many rows before, in the order of the slots.</param>
/// <param name="Group">The column that tells series apart, or null where all rows are one.</param>
/// <param name="FirstRows">What becomes of rows with too few before them.</param>
internal sealed record LagSettings(
    string Output, ImmutableArray<string> Inputs, ImmutableArray<int> Lags, string? Group, LagsOfFirstRows FirstRows)
{
    /// <summary>The largest lag: as many rows of each group are remembered.</summary>
    public const int MaxLag = 1 << 16;

    /// <summary>The largest lag.</summary>
    public int Depth => Lags.Max();

    /// <summary>This, after names and lags were looked at.</summary>
    /// <exception cref="ArgumentException">
    /// A name is empty or repeated, there is no input or no lag, or a lag is not positive, too large or repeated.
    /// </exception>
    public LagSettings Checked()
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(Output, "outputColumnName");
        if (Group is not null)
            ArgumentException.ThrowIfNullOrWhiteSpace(Group, "groupColumnName");
        if (Inputs.Length == 0 || Inputs.Any(string.IsNullOrWhiteSpace) || Inputs.Distinct().Count() < Inputs.Length)
        {
            throw new ArgumentException($"The input columns are {List(Inputs)}. Expected: one name or more, each once.",
                "inputColumnNames");
        }
        if (Lags.Length == 0 || Lags.Any(lag => lag is < 1 or > MaxLag) || Lags.Distinct().Count() < Lags.Length)
        {
            throw new ArgumentException(
                $"The lags are {List(Lags)}. Expected: one number or more, each once, from 1 (the row before) to {MaxLag:N0}.", "lags");
        }
        if (!Enum.IsDefined(FirstRows))
            throw new ArgumentOutOfRangeException("firstRows", FirstRows, "Expected: Skip or NaN.");
        return this;
    }

    /// <summary>The input columns of a schema.</summary>
    /// <exception cref="ArgumentOutOfRangeException">One is missing or of another type.</exception>
    public DataViewSchema.Column[] FindInputs(DataViewSchema schema) => [.. Inputs.Select(name => NumberColumn.Find(schema, name))];

    /// <summary>The group column of a schema; null where there is to be none.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is missing or of another type.</exception>
    public DataViewSchema.Column? FindGroup(DataViewSchema schema) => Group is null ? null
        : GroupColumn.Find(schema, Group);

    /// <summary>The added column: how wide it is, and what its slots are called.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A column is missing or of another type.</exception>
    public DataViewSchema.DetachedColumn Added(DataViewSchema schema)
    {
        string[] names = [.. FindInputs(schema).SelectMany(Names)];
        FindGroup(schema);
        ImmutableArray<string> slots = [.. Lags.SelectMany(lag => names.Select(name => $"{name}-{lag}"))];
        return new(Output, new VectorDataViewType(NumberDataViewType.Single, slots.Length), SlotNames.Of(slots));
    }

    /// <summary>The same as far as a schema shape, which knows no sizes, can tell.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A column is missing or of another type.</exception>
    public DataViewSchema.DetachedColumn Added(SchemaShape shape)
    {
        foreach (string name in Inputs)
            NumberColumn.Find(shape, name);
        if (Group is not null)
            GroupColumn.Find(shape, Group);
        return new(Output, new VectorDataViewType(NumberDataViewType.Single, 1), SlotNames.Of(["name"]));
    }

    /// <summary>Writes this into a model's stream.</summary>
    public void Save(BinaryWriter writer)
    {
        writer.Write(Output);
        writer.Write(Group ?? "");
        writer.Write((int)FirstRows);
        SavedSettings.WriteList(writer, Inputs, writer.Write);
        SavedSettings.WriteList(writer, Lags, writer.Write);
    }

    /// <summary>Reads what <see cref="Save"/> wrote.</summary>
    /// <exception cref="ArgumentException">It did not write this.</exception>
    public static LagSettings Load(BinaryReader reader)
    {
        string output = reader.ReadString(), group = reader.ReadString();
        var firstRows = (LagsOfFirstRows)reader.ReadInt32();
        ImmutableArray<string> inputs = SavedSettings.ReadList(reader, reader.ReadString);
        ImmutableArray<int> lags = SavedSettings.ReadList(reader, reader.ReadInt32);
        return new LagSettings(output, inputs, lags, group.Length == 0 ? null : group, firstRows).Checked();
    }

    private static IEnumerable<string> Names(DataViewSchema.Column column)
    {
        if (column.Type is not VectorDataViewType { Size: var size })
            return [column.Name];
        ImmutableArray<string> slots = SlotNames.Read(column);
        return [.. Enumerable.Range(0, size).Select(i => slots.Length == size && slots[i].Length > 0
            ? slots[i]
            : $"{column.Name}[{i}]")];
    }

    private static string List<T>(ImmutableArray<T> values) => values.IsEmpty ? "none" : string.Join(", ", values);
}
