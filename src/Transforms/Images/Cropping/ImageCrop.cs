using RealNvp.ML.Transforms.Images.Cropping;
using RealNvp.ML.Transforms.Noise;

namespace RealNvp.ML.Transforms;

/// <summary>
/// Which part of an image becomes features. The part is scaled to the height and width of the features; where its aspect differs from
/// theirs, its centre is taken, so that nothing is stretched, unless the crop says
/// <see cref="Whole"/>. A crop is data: two of the same numbers are equal, and it is saved with the
/// pipeline.
/// </summary>
/// <example>
/// <code>
/// ImageCrop celebA = ImageCrop.Rectangle(top: 40, left: 15, height: 148, width: 148);
/// </code>
/// </example>
public abstract record ImageCrop
{
    private protected ImageCrop() { }

    /// <summary>The largest centred part that has the aspect of the features: the whole image, where that has it already.</summary>
    public static ImageCrop Center { get; } = new CenterCrop();

    /// <summary>The whole image, stretched where its aspect differs from that of the features: nothing is cut off.</summary>
    public static ImageCrop Whole { get; } = new WholeCrop();

    /// <summary>A fixed rectangle, in pixels of the image. An image that does not hold it is an error.</summary>
    /// <param name="top">The first row, from 0.</param>
    /// <param name="left">The first column, from 0.</param>
    /// <param name="height">How many rows.</param>
    /// <param name="width">How many columns.</param>
    public static ImageCrop Rectangle(int top, int left, int height, int width) => new RectangleCrop(top, left, height, width);

    /// <summary>
    /// The image is scaled so that its smaller side has <paramref name="smallerSide"/> pixels, then a part of the features' size is cut out
    /// at a random place. The place depends on the seed, the row's number (its <see cref="Microsoft.ML.Data.DataViewRowId"/>, which
    /// shuffling keeps) and the image's size alone.
    /// </summary>
    /// <param name="smallerSide">In pixels; at least the features' height and width.</param>
    /// <param name="seed">Which places.</param>
    public static ImageCrop Random(int smallerSide, int seed = 0) => new RandomCrop(smallerSide, seed);

    /// <summary>The part of one image, or null where the image is too small.</summary>
    /// <param name="image">The image's size.</param>
    /// <param name="target">The features' size.</param>
    /// <param name="row">The row's number.</param>
    internal abstract ImageWindow? Window(ImageSize image, ImageSize target, long row);

    /// <summary>What an image must hold, for messages.</summary>
    internal virtual string Requirement => "at least one pixel";

    /// <summary>Refuses a crop that no image can give.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A number is out of range.</exception>
    internal virtual void Check(ImageSize target) { }
}

/// <summary>See <see cref="ImageCrop.Center"/>.</summary>
internal sealed record CenterCrop : ImageCrop
{
    internal CenterCrop() { }

    internal override ImageWindow? Window(ImageSize image, ImageSize target, long row) => ImageWindow.Centered(0, 0, image, target);
}

/// <summary>See <see cref="ImageCrop.Whole"/>.</summary>
internal sealed record WholeCrop : ImageCrop
{
    internal WholeCrop() { }

    internal override ImageWindow? Window(ImageSize image, ImageSize target, long row)
        => new ImageWindow(0, 0, image, 0, 0, image.Height, image.Width);
}

/// <summary>See <see cref="ImageCrop.Rectangle"/>.</summary>
/// <param name="Top">The first row, from 0.</param>
/// <param name="Left">The first column, from 0.</param>
/// <param name="Height">How many rows.</param>
/// <param name="Width">How many columns.</param>
internal sealed record RectangleCrop(int Top, int Left, int Height, int Width) : ImageCrop
{
    internal override ImageWindow? Window(ImageSize image, ImageSize target, long row)
        => image.Height >= Top + Height && image.Width >= Left + Width ? ImageWindow.Centered(Top, Left, new(Height, Width), target) : null;

    internal override string Requirement
        => $"at least {Top + Height} rows and {Left + Width} columns, for the crop of rows {Top}-{Top + Height - 1} and columns "
        + $"{Left}-{Left + Width - 1}";

    internal override void Check(ImageSize target)
    {
        // sums must not overflow; no image is larger than this
        const int limit = 1 << 28;
        if (Top is < 0 or > limit || Left is < 0 or > limit || Height is < 1 or > limit || Width is < 1 or > limit)
        {
            throw new ArgumentOutOfRangeException(
                "crop", $"The crop is {this}. Expected: Top and Left from 0, Height and Width from 1, none above {limit}.");
        }
    }
}

/// <summary>See <see cref="ImageCrop.Random"/>.</summary>
/// <param name="SmallerSide">What the image's smaller side is scaled to, in pixels.</param>
/// <param name="Seed">Which places.</param>
internal sealed record RandomCrop(int SmallerSide, int Seed = 0) : ImageCrop
{
    internal override ImageWindow? Window(ImageSize image, ImageSize target, long row)
    {
        double scale = (double)SmallerSide / Math.Min(image.Height, image.Width);
        ImageSize scaled = new((int)Math.Round(image.Height * scale), (int)Math.Round(image.Width * scale));
        int rows = scaled.Height - target.Height + 1, columns = scaled.Width - target.Width + 1;
        int place = new GaussianNoise(Seed).Pick(row, checked(rows * columns));
        // the place on the scaled image, told in pixels of the image itself: one resampling instead of two
        double y = (double)image.Height / scaled.Height, x = (double)image.Width / scaled.Width;
        return new(0, 0, image, place / columns * y, place % columns * x, target.Height * y, target.Width * x);
    }

    internal override void Check(ImageSize target)
    {
        if (SmallerSide < Math.Max(target.Height, target.Width) || SmallerSide > 1 << 14)
        {
            throw new ArgumentOutOfRangeException("crop",
                $"The smaller side is {SmallerSide} pixels. Expected: from {Math.Max(target.Height, target.Width)}, as the features need, "
                + $"to {1 << 14}.");
        }
    }
}
