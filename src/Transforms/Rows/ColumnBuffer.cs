using Microsoft.ML;
using Microsoft.ML.Data;

namespace RealNvp.ML.Transforms.Rows;

/// <summary>
/// One pass-through column of a batch: values are taken from the upstream cursor as it reads ahead, and given out row by row.
/// </summary>
internal abstract class ColumnBuffer
{
    /// <summary>Takes the value of the upstream cursor's current row as row <paramref name="row"/> of the batch.</summary>
    public abstract void Take(int row);

    /// <summary>A <c>ValueGetter</c> that gives the values out again.</summary>
    public abstract Delegate CreateGetter(RowBatch batch);

    /// <summary>A buffer that fits the type of a column.</summary>
    public static ColumnBuffer Create(DataViewRow source, DataViewSchema.Column column, int capacity)
    {
        Type raw = column.Type.RawType;
        Type buffer = raw == typeof(MLImage) ? typeof(ImageBuffer)
            : raw.IsGenericType && raw.GetGenericTypeDefinition() == typeof(VBuffer<>)
                ? typeof(VectorBuffer<>).MakeGenericType(raw.GenericTypeArguments)
            : typeof(ValueBuffer<>).MakeGenericType(raw);
        return (ColumnBuffer)Activator.CreateInstance(buffer, source, column, capacity)!;
    }
}

/// <summary>Numbers, text, keys, dates and objects of custom types.</summary>
internal sealed class ValueBuffer<T>(DataViewRow source, DataViewSchema.Column column, int capacity) : ColumnBuffer
{
    private readonly ValueGetter<T> _getter = source.GetGetter<T>(column);
    private readonly T[] _values = new T[capacity];

    /// <inheritdoc/>
    public override void Take(int row)
    {
        // an object that was given out belongs to the reader: the source must not write the next value into it
        if (!typeof(T).IsValueType)
            _values[row] = default!;
        _getter(ref _values[row]);
    }

    /// <inheritdoc/>
    public override Delegate CreateGetter(RowBatch batch) => (ValueGetter<T>)((ref T value) => value = _values[batch.Row]);
}

/// <summary>Vectors: copied, because a reader may write into the buffers it was given.</summary>
internal sealed class VectorBuffer<T>(DataViewRow source, DataViewSchema.Column column, int capacity) : ColumnBuffer
{
    private readonly ValueGetter<VBuffer<T>> _getter = source.GetGetter<VBuffer<T>>(column);
    private readonly VBuffer<T>[] _values = new VBuffer<T>[capacity];

    /// <inheritdoc/>
    public override void Take(int row) => _getter(ref _values[row]);

    /// <inheritdoc/>
    public override Delegate CreateGetter(RowBatch batch)
        => (ValueGetter<VBuffer<T>>)((ref VBuffer<T> value) => _values[batch.Row].CopyTo(ref value));
}

/// <summary>
/// Images. ML.NET's convention: a reader owns the image it is given, hands it back for the next row, and then the getter disposes it. So
/// upstream is read through one image, only its pixels wait in the batch, and every read gives a fresh image.
/// </summary>
internal sealed class ImageBuffer(DataViewRow source, DataViewSchema.Column column, int capacity) : ColumnBuffer
{
    private readonly ValueGetter<MLImage> _getter = source.GetGetter<MLImage>(column);
    private readonly HeldImage[] _images = new HeldImage[capacity];
    private MLImage? _upstream; // the last one is left to the collector: it may be the caller's own object

    /// <inheritdoc/>
    public override void Take(int row)
    {
        _getter(ref _upstream!);
        _images[row].Take(_upstream);
    }

    /// <inheritdoc/>
    public override Delegate CreateGetter(RowBatch batch) => (ValueGetter<MLImage>)((ref MLImage value) =>
    {
        value?.Dispose();
        value = _images[batch.Row].ToImage()!;
    });
}
