using System.Collections.Immutable;
using System.Globalization;
using Microsoft.ML;
using RealNvp.ML.Transforms.Columns;
using RealNvp.ML.Transforms.MlNet;

namespace RealNvp.ML.Transforms.Missing;

/// <summary>Numbers that stand for missing ones, and the columns in which they do.</summary>
/// <param name="Columns">The columns.</param>
/// <param name="Codes">The numbers.</param>
internal sealed record MissingCodes(ImmutableArray<string> Columns, ImmutableArray<float> Codes)
{
    /// <summary>This, after names and numbers were looked at.</summary>
    /// <exception cref="ArgumentException">A name is empty or repeated, there is none, or no number, or one is not finite.</exception>
    public MissingCodes Checked()
    {
        if (Columns.IsEmpty || Columns.Any(string.IsNullOrWhiteSpace) || Columns.Distinct().Count() < Columns.Length)
        {
            throw new ArgumentException($"The columns are {ShortList.Of(Columns)}. Expected: one name or more, each once.", "columnNames");
        }
        if (Codes.IsEmpty || !Codes.All(float.IsFinite))
        {
            string[] found = [.. Codes.Select(code => code.ToString(CultureInfo.InvariantCulture))];
            throw new ArgumentException($"The codes are {ShortList.Of(found)}. Expected: one finite number or more (NaN is missing "
                + "anyway).", "codes");
        }
        return this;
    }

    /// <summary>The columns of a schema.</summary>
    /// <exception cref="ArgumentOutOfRangeException">One is missing or of another type.</exception>
    public DataViewSchema.Column[] Find(DataViewSchema schema) => [.. Columns.Select(name => NumberColumn.Find(schema, name))];

    /// <summary>Whether a number stands for none.</summary>
    public bool Contain(float number) => Codes.AsSpan().Contains(number);

    /// <summary>Writes this into a model's stream.</summary>
    public void Save(BinaryWriter writer)
    {
        SavedSettings.WriteList(writer, Columns, writer.Write);
        SavedSettings.WriteList(writer, Codes, writer.Write);
    }

    /// <summary>Reads what <see cref="Save"/> wrote.</summary>
    /// <exception cref="ArgumentException">It did not write this.</exception>
    public static MissingCodes Load(BinaryReader reader)
        => new MissingCodes(SavedSettings.ReadList(reader, reader.ReadString), SavedSettings.ReadList(reader, reader.ReadSingle)).Checked();
}
