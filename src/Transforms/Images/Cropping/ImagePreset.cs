namespace RealNvp.ML.Transforms;

/// <summary>
/// How the images of a data set become features: their shape and the part that is cut out. Whether training mirrors them is an option of
/// the flow. The members are the data sets of Dinh et al., "Density estimation using Real NVP" (ICLR 2017), section 4.1, as published
/// there; make another for other images.
/// </summary>
/// <param name="Channels">3 for red, green and blue; 1 for grey.</param>
/// <param name="Height">In pixels.</param>
/// <param name="Width">In pixels.</param>
/// <example>
/// <code>
/// var faces = ImagePreset.CelebA with { Height = 32, Width = 32 };
/// IDataView data = mlContext.Data.LoadImageFolder("img_align_celeba", faces);
/// </code>
/// </example>
public sealed record ImagePreset(int Channels, int Height, int Width)
{
    /// <summary>The part of an image that is taken.</summary>
    public ImageCrop Crop { get; init; } = ImageCrop.Center;

    /// <summary>CIFAR-10: 32 x 32.</summary>
    public static ImagePreset Cifar10 { get; } = new(3, 32, 32);

    /// <summary>Small ImageNet: 32 x 32.</summary>
    public static ImagePreset ImageNet32 { get; } = new(3, 32, 32);

    /// <summary>Small ImageNet: 64 x 64.</summary>
    public static ImagePreset ImageNet64 { get; } = new(3, 64, 64);

    /// <summary>CelebA, aligned: rows 40-187 and columns 15-162 of 218 x 178, scaled to 64 x 64.</summary>
    public static ImagePreset CelebA { get; } = new(3, 64, 64) { Crop = ImageCrop.Rectangle(40, 15, 148, 148) };

    /// <summary>LSUN: scaled to a smaller side of 96, random parts of 64 x 64.</summary>
    public static ImagePreset Lsun { get; } = new(3, 64, 64) { Crop = ImageCrop.Random(96) };
}
