using Microsoft.ML.Data;
using Microsoft.ML.Transforms.Image;
using RealNvp.ML.Transforms.Rows;

namespace RealNvp.ML.Transforms.Images.Cropping;

/// <summary>What <see cref="ImageCroppingTransformer"/> does, as data.</summary>
/// <param name="Output">The image column that is added.</param>
/// <param name="Input">The image column that is read.</param>
/// <param name="Path">A text column that names the image in messages, or null.</param>
/// <param name="Target">The size of the result.</param>
/// <param name="Crop">The part that is cut out.</param>
internal sealed record ImageCropping(string Output, string Input, string? Path, ImageSize Target, ImageCrop Crop)
{
    private const byte Center = 0, Rectangle = 1, Random = 2, Whole = 3;

    /// <summary>This, after names, sizes and crop were looked at.</summary>
    /// <exception cref="ArgumentException">A name is empty, or a number is out of range.</exception>
    public ImageCropping Checked()
    {
        ArgumentException.ThrowIfNullOrEmpty(Output, "outputColumnName");
        ArgumentException.ThrowIfNullOrEmpty(Input, "inputColumnName");
        ArgumentNullException.ThrowIfNull(Crop, "crop");
        const int limit = 1 << 14;
        if (Target.Height is < 1 or > limit || Target.Width is < 1 or > limit)
        {
            throw new ArgumentOutOfRangeException(
                "height", $"The size of the images is to be {Target}. Expected: height and width from 1 to {limit}.");
        }
        Crop.Check(Target);
        return this;
    }

    /// <summary>The part of an image.</summary>
    /// <param name="image">The image.</param>
    /// <param name="id">Its row's.</param>
    /// <param name="name">What it is called.</param>
    /// <exception cref="InvalidDataException">The image is too small.</exception>
    public ImageWindow Window(MLImage image, DataViewRowId id, Func<string> name)
    {
        ImageSize size = new(image.Height, image.Width);
        return Crop.Window(size, Target, unchecked((long)(id.Low ^ id.High))) ?? throw new InvalidDataException(
            $"{name()} has {size.Height} rows and {size.Width} columns. Expected: {Crop.Requirement}.");
    }

    /// <summary>Writes this into a model's stream.</summary>
    public void Save(BinaryWriter writer)
    {
        writer.Write(Output);
        writer.Write(Input);
        writer.Write(Path ?? "");
        (byte kind, int[] numbers) = Crop switch
        {
            WholeCrop => (Whole, (int[])[]),
            RectangleCrop rectangle => (Rectangle, [rectangle.Top, rectangle.Left, rectangle.Height, rectangle.Width]),
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
            Whole => ImageCrop.Whole,
            _ => throw new InvalidDataException($"The saved crop is of kind {kind}. Expected: 0 to 3."),
        };
        return new ImageCropping(output, input, path.Length == 0 ? null : path, target, crop).Checked();
    }
}
