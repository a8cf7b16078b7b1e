using System.Globalization;
using RealNvp.ML.Transforms;
using RealNvp.ML.Transforms.Images.Files;

namespace Microsoft.ML;

/// <summary>
/// Data views of images: folders of files, CIFAR-10 and IDX. All are lazy and may be read many times and by several cursors at once.
/// </summary>
public static class ImageDataCatalog
{
    /// <summary>
    /// The images (.png, .jpg, .jpeg, .webp, .bmp, .gif) of a folder and of the folders in it; of an animation the first picture.
    /// </summary>
    /// <param name="catalog">The data catalog.</param>
    /// <param name="path">The folder.</param>
    /// <param name="preset">The shape of the features, and the part of each image.</param>
    /// <returns>
    /// <c>ImagePath</c> (text) and <c>Features</c> (Vector of Single: channels, height, width; planar red, green and blue, levels 0 to
    /// 255), in the ordinal order of the paths. Reading throws <see cref="InvalidDataException"/>, which names the file, for an image that
    /// cannot be read or is too small.
    /// </returns>
    /// <exception cref="DirectoryNotFoundException">There is no such folder.</exception>
    /// <exception cref="FileNotFoundException">There is no image in it.</exception>
    /// <example>
    /// <code>
    /// IDataView faces = mlContext.Data.LoadImageFolder("img_align_celeba", ImagePreset.CelebA);
    /// </code>
    /// </example>
    public static IDataView LoadImageFolder(this DataOperationsCatalog catalog, string path, ImagePreset preset)
    {
        ArgumentNullException.ThrowIfNull(catalog);
        ArgumentNullException.ThrowIfNull(preset);
        // any catalog of transforms would do; a data catalog leads to none
        IEstimator<ITransformer> pipeline = new MLContext().Transforms
            .LoadImageFeatures(preset, nameof(ImageRow.Features), nameof(ImageFile.ImagePath));
        IDataView files = catalog.LoadFromEnumerable(ImageFile.In(path));
        return new ImageFolderView(pipeline.Fit(files).Transform(files));
    }

    /// <summary>As the other overload, in three channels or in one.</summary>
    /// <param name="catalog">The data catalog.</param>
    /// <param name="path">The folder.</param>
    /// <param name="height">The height of the features in pixels.</param>
    /// <param name="width">The width of the features in pixels.</param>
    /// <param name="crop">The part of each image; by default the largest centred one with the aspect of the features.</param>
    /// <param name="grayscale">Whether to make one channel, of 0.3 red + 0.59 green + 0.11 blue.</param>
    public static IDataView LoadImageFolder(
        this DataOperationsCatalog catalog, string path, int height, int width, ImageCrop? crop = null, bool grayscale = false)
        => LoadImageFolder(catalog, path, new ImagePreset(grayscale ? 1 : 3, height, width) { Crop = crop ?? ImageCrop.Center });

    /// <summary>CIFAR-10 in its binary version: records of one byte of label, then 1024 of red, 1024 of green and 1024 of blue.</summary>
    /// <param name="catalog">The data catalog.</param>
    /// <param name="paths">
    /// Files (.bin, or .bin.gz compressed), read in this order. A folder stands for its training files, <c>data_batch_*.bin</c> or
    /// <c>cifar10-train-*.bin</c>, compressed or not; name the test file to read that.
    /// </param>
    /// <returns>
    /// <c>Features</c> (Vector of Single: 3, 32, 32; levels 0 to 255) and <c>Label</c> (Key of UInt32, its values the names of the ten
    /// classes). The row count is known unless a file is compressed.
    /// </returns>
    /// <exception cref="FileNotFoundException">A file is missing, or a folder has no training files.</exception>
    /// <exception cref="InvalidDataException">A file is not whole records; of a compressed one this shows when it is read.</exception>
    /// <example>
    /// <code>
    /// IDataView train = mlContext.Data.LoadCifar10("cifar-10-batches-bin");
    /// IDataView test = mlContext.Data.LoadCifar10("cifar-10-batches-bin/test_batch.bin");
    /// </code>
    /// </example>
    public static IDataView LoadCifar10(this DataOperationsCatalog catalog, params string[] paths)
    {
        ArgumentNullException.ThrowIfNull(catalog);
        var files = new Cifar10Files(paths);
        return LabelledImageRow.View(catalog, files.Rows(), files.Count, (3, 32, 32), Cifar10Files.ClassNames);
    }

    /// <summary>Images in IDX files, the format of MNIST and its likes, compressed (.gz) or not.</summary>
    /// <param name="catalog">The data catalog.</param>
    /// <param name="imagesPath">Unsigned bytes in three dimensions, for example <c>train-images-idx3-ubyte.gz</c>.</param>
    /// <param name="labelsPath">Unsigned bytes in one dimension, for example <c>train-labels-idx1-ubyte.gz</c>; or null.</param>
    /// <returns>
    /// <c>Features</c> (Vector of Single: 1, height, width; levels 0 to 255) and, where there are labels, <c>Label</c> (Key of UInt32 with
    /// values "0", "1" ... up to the highest label, at least to "9").
    /// </returns>
    /// <exception cref="FileNotFoundException">A file is missing.</exception>
    /// <exception cref="InvalidDataException">
    /// A file is no such IDX file, or is not as long as it says; of compressed images this shows when they are read.
    /// </exception>
    public static IDataView LoadIdx(this DataOperationsCatalog catalog, string imagesPath, string? labelsPath = null)
    {
        ArgumentNullException.ThrowIfNull(catalog);
        var images = new IdxImages(imagesPath);
        (int, int, int) shape = (1, images.Height, images.Width);
        if (labelsPath is null)
            return ImageRow.View(catalog, images.Rows(), images.Count, shape);
        byte[] labels = IdxLabels.Read(labelsPath, images);
        int classes = Math.Max(10, labels.Max() + 1);
        string[] names = [.. Enumerable.Range(0, classes).Select(label => label.ToString(CultureInfo.InvariantCulture))];
        return LabelledImageRow.View(catalog, images.Rows(labels), images.Count, shape, names);
    }
}
