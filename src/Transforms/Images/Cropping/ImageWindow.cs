namespace RealNvp.ML.Transforms.Images.Cropping;

/// <summary>
/// The part of an image that is resampled: the box (Y, X, BoxHeight, BoxWidth), whose edges may lie between pixels, and the whole pixels
/// around it that may be read: a rectangle that was cut out must not mix with what lies outside of it, an image that was scaled as a whole
/// may.
/// </summary>
/// <param name="Top">The first row that may be read.</param>
/// <param name="Left">The first column that may be read.</param>
/// <param name="Readable">How many rows and columns may be read.</param>
/// <param name="Y">The box's upper edge, in pixels of the image.</param>
/// <param name="X">The box's left edge.</param>
/// <param name="BoxHeight">The box's height.</param>
/// <param name="BoxWidth">The box's width.</param>
internal readonly record struct ImageWindow(int Top, int Left, ImageSize Readable, double Y, double X, double BoxHeight, double BoxWidth)
{
    /// <summary>The largest centred box with the aspect of <paramref name="target"/> inside a rectangle.</summary>
    public static ImageWindow Centered(int top, int left, ImageSize rectangle, ImageSize target)
    {
        long byHeight = (long)rectangle.Height * target.Width, byWidth = (long)rectangle.Width * target.Height;
        double height = byHeight <= byWidth ? rectangle.Height : (double)byWidth / target.Width;
        double width = byHeight <= byWidth ? (double)byHeight / target.Height : rectangle.Width;
        return new(top, left, rectangle, top + (rectangle.Height - height) / 2, left + (rectangle.Width - width) / 2, height, width);
    }
}
