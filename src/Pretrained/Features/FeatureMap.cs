using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Transforms.Image;
using RealNvp.ML.Pretrained.Graphs;
using RealNvp.ML.Transforms.Columns;
using RealNvp.ML.Transforms.Images.Cropping;
using RealNvp.ML.Transforms.Onnx;
using RealNvp.ML.Transforms.Rows;

namespace RealNvp.ML.Pretrained.Features;

/// <summary>Pictures to features, in batches.</summary>
internal sealed class FeatureMap(FeatureNet net, FeatureSettings settings, int batchSize) : RowMap
{
    /// <summary>Pictures of a batch: more are no faster on a CPU, and a net's inner maps take 10 MB and more of each.</summary>
    public const int DefaultBatchSize = 16;

    /// <summary>The column that is added to any schema.</summary>
    public DataViewSchema.DetachedColumn Added { get; }
        = new(settings.Cropping.Output, new VectorDataViewType(NumberDataViewType.Single, settings.Shape));

    /// <inheritdoc/>
    public override BatchPlan? Batches => new(First: Math.Min(4, batchSize), batchSize, batchSize, SideBySide: false);

    /// <inheritdoc/>
    public override DataViewSchema.Column[] FindInputs(DataViewSchema schema)
    {
        DataViewSchema.Column image = InputColumn.Find(schema, settings.Cropping.Input, Expected, NotAnImage);
        return settings.Cropping.Path is { } path ? [image, InputColumn.Find(schema, path, "text", NotText)] : [image];
    }

    /// <summary>The same as far as a schema shape can tell.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The column is missing or of another type.</exception>
    public static void FindInputs(SchemaShape shape, ImageCropping cropping)
    {
        InputColumn.Find(shape, cropping.Input, Expected, column => NotAnImage(column.ItemType));
        if (cropping.Path is { } path)
            InputColumn.Find(shape, path, "text", column => NotText(column.ItemType));
    }

    /// <inheritdoc/>
    public override DataViewSchema.DetachedColumn[] AddedColumns(DataViewSchema input) => [Added];

    /// <inheritdoc/>
    public override BatchWorker CreateWorker(int capacity, bool[] active) => new Worker(net, settings, capacity);

    private const string Expected = "an image, as LoadImages, LoadRawImageBytes with ConvertToImage and the like give it";

    private static string? NotAnImage(DataViewType type) => type is ImageDataViewType ? null
        : $"is {type}{(type is VectorDataViewType ? " (ConvertToImage makes images of pixels)" : "")}";

    private static string? NotText(DataViewType type) => type is TextDataViewType ? null : $"is {type}";

    private sealed class Worker : BatchWorker
    {
        private const int Samples = 4; // bytes of a pixel

        private readonly FeatureNet _net;
        private readonly ImageCropping _cropping;
        private readonly OnnxTensor _pixels, _features;
        private readonly OnnxBatch _batch;
        private readonly int _capacity;
        private ImageSource? _images;
        private HeldImage[]? _held;
        private ValueGetter<ReadOnlyMemory<char>>? _path;
        private ReadOnlyMemory<char>[]? _heldPaths;

        public Worker(FeatureNet net, FeatureSettings settings, int capacity)
        {
            (_net, _cropping, _capacity) = (net, settings.Cropping, capacity);
            _pixels = OnnxTensor.Rows(FeatureGraph.Pixels, settings.Recipe.PixelCount, capacity);
            _features = OnnxTensor.Rows(FeatureGraph.Features, settings.Size, capacity);
            _batch = new OnnxBatch(net.Session, [_pixels], [_features]);
        }

        public override void Open(DataViewRow source, DataViewSchema.Column[] inputs)
        {
            _images = new(source, inputs[0], inputs.Length > 1 ? inputs[1] : null);
            _path = inputs.Length > 1 ? source.GetGetter<ReadOnlyMemory<char>>(inputs[1]) : null;
        }

        public override void Keep(int input)
        {
            if (input == 0)
                _held = new HeldImage[_capacity];
            else
                _heldPaths = new ReadOnlyMemory<char>[_capacity];
        }

        public override void Take(int row, in DataViewRowId id)
        {
            MLImage image = _images!.Read(id);
            _held?[row].Take(image);
            if (_heldPaths is not null)
                _path!(ref _heldPaths[row]);
            byte[] bytes = ImageResampler.Resample(image, _cropping.Window(image, id, _images.Name), _cropping.Target);
            int size = _cropping.Target.Height * _cropping.Target.Width, red = image.PixelFormat == MLPixelFormat.Bgra32 ? 2 : 0;
            Span<float> pixels = _pixels.Values.AsSpan(row * _pixels.Width, _pixels.Width);
            Span<float> reds = pixels[..size], greens = pixels.Slice(size, size), blues = pixels[(2 * size)..];
            for (int i = 0, at = 0; i < size; i++, at += Samples)
                (reds[i], greens[i], blues[i]) = (bytes[at + red], bytes[at + 1], bytes[at + 2 - red]);
        }

        public override void Run(int count)
        {
            _net.ThrowIfDisposed();
            _batch.Run(count);
        }

        public override Delegate CreateGetter(int added, IBatchPosition position)
            => (ValueGetter<VBuffer<float>>)((ref VBuffer<float> value)
                => FeatureReader.CopyRow(_features.Values, position.Computed(), _features.Width, ref value));

        public override Delegate CreateInputGetter(int input, IBatchPosition position) => input == 0
            ? (ValueGetter<MLImage>)((ref MLImage value) =>
            {
                value?.Dispose();
                value = _held![position.Row].ToImage()!;
            })
            : (ValueGetter<ReadOnlyMemory<char>>)((ref ReadOnlyMemory<char> value) => value = _heldPaths![position.Row]);

        public override void Dispose() => _batch.Dispose();
    }
}
