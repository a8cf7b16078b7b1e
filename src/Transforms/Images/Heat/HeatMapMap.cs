using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Transforms.Image;
using RealNvp.ML.Transforms.Columns;
using RealNvp.ML.Transforms.Rows;

namespace RealNvp.ML.Transforms.Images.Heat;

/// <summary>A score map, and the picture below it where there is one, to the two as an image.</summary>
internal sealed class HeatMapMap(HeatMap heat) : RowMap
{
    /// <summary>The column that is added, as far as it is known without a schema.</summary>
    public DataViewSchema.DetachedColumn Added { get; } = new(heat.Output, new ImageDataViewType());

    /// <inheritdoc/>
    public override DataViewSchema.Column[] FindInputs(DataViewSchema schema)
    {
        DataViewSchema.Column map = MapColumn(schema, heat.Map);
        return heat.Picture is null ? [map] : [map, InputColumn.Find(schema, heat.Picture, "an image", NotAnImage)];
    }

    /// <summary>A column of score maps.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is missing or of another type.</exception>
    public static DataViewSchema.Column MapColumn(DataViewSchema schema, string name) => InputColumn.Find(schema, name,
        "a vector of Single of height x width, as RealNvpColumns.ScoreMap adds it", type
            => type is VectorDataViewType { ItemType: NumberDataViewType item, Dimensions: [> 0, > 0] } && item == NumberDataViewType.Single
                ? null : $"is {type}");

    /// <summary>Requires the columns as far as a schema shape can tell.</summary>
    /// <exception cref="ArgumentOutOfRangeException">One is missing or of another type.</exception>
    public void FindInputs(SchemaShape shape)
    {
        FeatureColumn.Require(shape, heat.Map);
        if (heat.Picture is not null)
            InputColumn.Find(shape, heat.Picture, "an image", column => NotAnImage(column.ItemType));
    }

    /// <inheritdoc/>
    public override DataViewSchema.DetachedColumn[] AddedColumns(DataViewSchema input)
    {
        DataViewSchema.Column[] inputs = FindInputs(input);
        (int height, int width) = Size(inputs[0]);
        return [new(heat.Output, HeatMap.Type(inputs.Length > 1 ? inputs[1].Type as ImageDataViewType : null, height, width))];
    }

    /// <inheritdoc/>
    public override BatchWorker CreateWorker(int capacity, bool[] active) => new Worker(heat);

    /// <summary>Height and width of the maps of a column.</summary>
    public static (int Height, int Width) Size(DataViewSchema.Column map)
        => (((VectorDataViewType)map.Type).Dimensions[0], ((VectorDataViewType)map.Type).Dimensions[1]);

    private static string? NotAnImage(DataViewType type) => type is ImageDataViewType ? null : $"is {type}";

    /// <summary>Paints the map of one row.</summary>
    private sealed class Worker(HeatMap heat) : BatchWorker
    {
        private FeatureReader? _map;
        private ValueGetter<MLImage>? _read;
        private MLImage? _picture; // the last one is left to the collector: it may be the caller's own object
        private float[] _values = [];
        private (int Height, int Width) _size;

        public override void Open(DataViewRow source, DataViewSchema.Column[] inputs)
        {
            _size = Size(inputs[0]);
            _values = new float[_size.Height * _size.Width];
            _map = new FeatureReader(source, inputs[0], _values.Length, _values);
            _read = inputs.Length > 1 ? source.GetGetter<MLImage>(inputs[1]) : null;
        }

        public override void Take(int row, in DataViewRowId id)
        {
            _map!.Take(0);
            _read?.Invoke(ref _picture!);
            if (_read is not null && _picture is null)
                throw new InvalidDataException($"The image in row {id.Low} is missing: the value of column '{heat.Picture}' is empty.");
        }

        public override void Run(int count) { }

        public override Delegate CreateGetter(int added, IBatchPosition position) => (ValueGetter<MLImage>)((ref MLImage value) =>
        {
            value?.Dispose();
            value = null!;
            position.Computed();
            value = heat.Paint(_picture, _values, _size.Height, _size.Width);
            value.Tag = _picture?.Tag;
        });
    }
}
