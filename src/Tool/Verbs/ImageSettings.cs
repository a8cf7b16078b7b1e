using System.CommandLine;
using System.Globalization;
using Microsoft.ML;
using RealNvp.ML.Tool.Running;
using RealNvp.ML.Tool.Tables;
using RealNvp.ML.Trainers;
using RealNvp.ML.Transforms;

namespace RealNvp.ML.Tool.Verbs;

/// <summary>The options of training on a folder of images.</summary>
internal sealed class ImageSettings
{
    private readonly Option<string> _size = VerbOptions.Checked(new Option<string>("--size")
    {
        Description = "Images: height x width that they are scaled to, after the largest centred part with that aspect is cut out.",
        HelpName = "HxW",
        DefaultValueFactory = _ => "32x32",
    }, text => Size(text) is not null, "expected height x width in pixels, as 32x32");
    private readonly Option<bool> _grey = new("--grey") { Description = "Images: one channel instead of red, green and blue." };
    private readonly Option<int?> _maps = VerbOptions.Count("--maps", "Images: maps of the first nets. Default: by the size.");
    private readonly Option<int?> _blocks = VerbOptions.Count("--blocks", "Images: residual blocks of each net. Default: by the size.");

    /// <summary>All of them.</summary>
    public IReadOnlyList<Option> All => [_size, _grey, _maps, _blocks];

    /// <summary>Adds them to a verb.</summary>
    public void AddTo(Command verb)
    {
        foreach (Option option in All)
            verb.Add(option);
    }

    /// <summary>The pipeline from the paths of files, and those paths.</summary>
    public (IEstimator<ITransformer>, IDataView, DataViewSchema) Pipeline(
        ParseResult said, MLContext context, ImageTable images, RealNvpTrainer.Options options, Terminal terminal)
    {
        (int height, int width) = Size(said.GetRequiredValue(_size))!.Value;
        var preset = new ImagePreset(said.GetValue(_grey) ? 1 : 3, height, width);
        options.Image = new() { BaseWidth = said.GetValue(_maps), Blocks = said.GetValue(_blocks) };
        options.FeatureColumnName = "Features";
        IDataView paths = new TableView([(ImageTable.PathColumn, CellKind.Text)],
            () => images.Read([new(0, CellKind.Text)], Kept.None, Range.All));
        terminal.Note($"images of {images.Name} as {preset.Channels}x{height}x{width}");
        return (context.Transforms.LoadImageFeatures(preset, "Features", ImageTable.PathColumn)
            .Append(context.AnomalyDetection.Trainers.RealNvp(options)), paths, paths.Schema);
    }

    private static (int Height, int Width)? Size(string? text)
        => text?.Split('x') is [var first, var second]
        && int.TryParse(first, NumberStyles.None, CultureInfo.InvariantCulture, out int height)
        && int.TryParse(second, NumberStyles.None, CultureInfo.InvariantCulture, out int width)
        && height > 0 && width > 0 ? (height, width) : null;
}
