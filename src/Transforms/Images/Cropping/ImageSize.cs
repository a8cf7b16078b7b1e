namespace RealNvp.ML.Transforms.Images.Cropping;

/// <summary>A size in pixels.</summary>
internal readonly record struct ImageSize(int Height, int Width)
{
    /// <inheritdoc/>
    public override string ToString() => $"{Height} x {Width}";
}
