using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Transforms.Image;
using RealNvp.ML.Transforms.Rows;

namespace RealNvp.ML.Transforms.Images.Cropping;

/// <summary>What <see cref="ImageCroppingTransformer"/> does, as data, and how it does it with one row.</summary>
/// <param name="Output">The image column that is added.</param>
/// <param name="Input">The image column that is read.</param>
/// <param name="Path">A text column that names the image in messages, or null.</param>
/// <param name="Target">The size of the result.</param>
/// <param name="Crop">The part that is cut out.</param>
internal sealed record ImageCropping(string Output, string Input, string? Path, ImageSize Target, ImageCrop Crop)
{
    private const byte Center = 0, Rectangle = 1, Random = 2;

    /// <summary>This, after names, sizes and crop were looked at.</summary>
    /// <exception cref="ArgumentException">A name is empty, or a number is out of range.</exception>
    public ImageCropping Checked()
    {
        ArgumentException.ThrowIfNullOrEmpty(Output, "outputColumnName");
        ArgumentException.ThrowIfNullOrEmpty(Input, "inputColumnName");
        ArgumentNullException.ThrowIfNull(Crop, "crop");
        const int limit = 1 << 14;
        if (Target.Height is < 1 or > limit || Target.Width is < 1 or > limit)
            throw new ArgumentOutOfRangeException("height", $"The size of the images is to be {Target}. Expected: height and width from 1 to {limit}.");
        Crop.Check(Target);
        return this;
    }

    /// <summary>The columns of the input that are read.</summary>
    /// <exception cref="ArgumentOutOfRangeException">One is missing or of another type.</exception>
    public (DataViewSchema.Column Image, DataViewSchema.Column? Path) Find(DataViewSchema schema)
    {
        DataViewSchema.Column image = Find(schema, Input, "an image", type => type is ImageDataViewType);
        return (image, Path is null ? null : Find(schema, Path, "text", type => type is TextDataViewType));
    }

    /// <summary>The columns of the input and the added one.</summary>
    public DataViewSchema OutputSchema(DataViewSchema schema)
    {
        Find(schema);
        var builder = new DataViewSchema.Builder();
        builder.AddColumns(schema);
        builder.AddColumn(Output, new ImageDataViewType(Target.Height, Target.Width));
        return builder.ToSchema();
    }

    /// <summary>The input's columns that must be read for the columns asked for: where a crop is among them, also the image and what names it.</summary>
    public IEnumerable<DataViewSchema.Column> Upstream(ActiveColumns columns, DataViewSchema schema)
        => columns.AnyAdded && Find(schema).Path is { } path ? columns.Upstream.Append(path).DistinctBy(column => column.Index) : columns.Upstream;

    /// <summary>Cuts out of the image that a row or cursor stands at.</summary>
    public ValueGetter<MLImage> CreateGetter(DataViewRow row)
    {
        (DataViewSchema.Column image, DataViewSchema.Column? path) = Find(row.Schema);
        ValueGetter<MLImage> read = row.GetGetter<MLImage>(image);
        ValueGetter<ReadOnlyMemory<char>>? name = path is { } text ? row.GetGetter<ReadOnlyMemory<char>>(text) : null;
        ValueGetter<DataViewRowId> identify = row.GetIdGetter();
        MLImage? source = null;
        return (ref MLImage value) =>
        {
            value?.Dispose();
            value = null!;
            DataViewRowId id = default;
            identify(ref id);
            try
            {
                read(ref source!);
            }
            catch (Exception e) when (e is IOException or ArgumentException or InvalidOperationException or UnauthorizedAccessException)
            {
                source = null;
                throw new InvalidDataException($"{Name(null, id)} cannot be read: {e.Message}", e);
            }
            if (source is null)
                throw new InvalidDataException($"{Name(null, id)} is missing: the value of column '{Input}' is empty.");
            if (ImageFileCheck.Fault(source, File(source).ToString()) is { } fault)
                throw new InvalidDataException($"{Name(source, id)} cannot be read whole: {fault}.");
            ImageSize size = new(source.Height, source.Width);
            ImageWindow window = Crop.Window(size, Target, unchecked((long)(id.Low ^ id.High)))
                ?? throw new InvalidDataException($"{Name(source, id)} has {size.Height} rows and {size.Width} columns. Expected: {Crop.Requirement}.");
            value = ImageResampler.Resample(source, window, Target);
        };

        // by its id, for ML.NET deals rows out to cursors that count anew
        string Name(MLImage? image, DataViewRowId id)
        {
            ReadOnlyMemory<char> file = File(image);
            return file.IsEmpty ? $"The image in row {id.Low}" : $"The image '{file}' in row {id.Low}";
        }

        ReadOnlyMemory<char> File(MLImage? image)
        {
            ReadOnlyMemory<char> file = image?.Tag.AsMemory() ?? default;
            if (file.IsEmpty)
                name?.Invoke(ref file);
            return file;
        }
    }

    /// <summary>Writes this into a model's stream.</summary>
    public void Save(BinaryWriter writer)
    {
        writer.Write(Output);
        writer.Write(Input);
        writer.Write(Path ?? "");
        (byte kind, int[] numbers) = Crop switch
        {
            RectangleCrop { Top: var top, Left: var left, Height: var height, Width: var width } => (Rectangle, (int[])[top, left, height, width]),
            RandomCrop { SmallerSide: var side, Seed: var seed } => (Random, [side, seed]),
            _ => (Center, []),
        };
        writer.Write(kind);
        foreach (int number in (int[])[Target.Height, Target.Width, .. numbers])
            writer.Write(number);
    }

    /// <summary>Reads what <see cref="Save"/> wrote.</summary>
    /// <exception cref="InvalidDataException">It did not write this.</exception>
    public static ImageCropping Load(BinaryReader reader)
    {
        string output = reader.ReadString(), input = reader.ReadString(), path = reader.ReadString();
        byte kind = reader.ReadByte();
        ImageSize target = new(reader.ReadInt32(), reader.ReadInt32());
        ImageCrop crop = kind switch
        {
            Center => ImageCrop.Center,
            Rectangle => ImageCrop.Rectangle(reader.ReadInt32(), reader.ReadInt32(), reader.ReadInt32(), reader.ReadInt32()),
            Random => ImageCrop.Random(reader.ReadInt32(), reader.ReadInt32()),
            _ => throw new InvalidDataException($"The saved crop is of kind {kind}. Expected: 0, 1 or 2."),
        };
        return new ImageCropping(output, input, path.Length == 0 ? null : path, target, crop).Checked();
    }

    /// <summary>The error for a column that is missing or of another type.</summary>
    public static ArgumentOutOfRangeException Mismatch(string parameter, string column, string found, string expected)
        => new(parameter, $"Column '{column}' {found}. Expected: {expected}.");

    private static DataViewSchema.Column Find(DataViewSchema schema, string name, string expected, Func<DataViewType, bool> fits)
    {
        ArgumentNullException.ThrowIfNull(schema);
        if (schema.GetColumnOrNull(name) is not { } column)
        {
            string others = string.Join(", ", schema.Where(other => !other.IsHidden).Select(other => other.Name));
            throw Mismatch(nameof(schema), name, "is missing; there are " + others, expected);
        }
        return fits(column.Type) ? column : throw Mismatch(nameof(schema), name, $"is {column.Type}", expected);
    }
}
