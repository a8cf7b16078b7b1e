using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Export;
using RealNvp.ML.Transforms.MlNet;
using RealNvp.ML.Transforms.Onnx;

namespace RealNvp.ML.Transforms.Rows;

/// <summary>
/// What a transformer computes, batch by batch, from one vector column: the input it requires, the columns it adds, and workers that compute them.
/// Immutable and used by many cursors and threads at once; <see cref="BatchView"/> and <see cref="BatchRowMapper"/> run it.
/// </summary>
/// <param name="runtime">The transformer's hold on the flow's graphs.</param>
internal abstract class BatchMap(FlowRuntime runtime)
{
    /// <summary>The transformer's hold on the flow's graphs.</summary>
    protected FlowRuntime Runtime { get; } = runtime;

    /// <summary>The vector column that is read.</summary>
    public abstract string InputColumnName { get; }

    /// <summary>What it must hold.</summary>
    public abstract FlowShape InputShape { get; }

    /// <summary>The number of values in it.</summary>
    public int InputSize => InputShape.Size;

    /// <summary>Rows per batch of a cursor.</summary>
    public abstract int BatchSize { get; }

    /// <summary>The columns that are added behind those of the input, in the order that <see cref="CreateWorker"/> counts them.</summary>
    public abstract DataViewSchema.DetachedColumn[] OutputColumns(DataViewSchema input);

    /// <summary>A worker for one cursor or row mapper.</summary>
    /// <param name="capacity">The most rows per batch.</param>
    /// <param name="active">Which output columns will be read.</param>
    /// <exception cref="ObjectDisposedException">The transformer was disposed.</exception>
    public abstract BatchWorker CreateWorker(int capacity, bool[] active);

    /// <summary>A transformer's <see cref="ITransformer.Transform"/>: adds the columns; nothing is read or computed until the result is.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The input column is missing or of another type.</exception>
    /// <exception cref="ObjectDisposedException">The transformer was disposed.</exception>
    public IDataView Transform(IDataView input)
    {
        Runtime.ThrowIfDisposed();
        return MlNetInternals.RefusingOnnx(new BatchView(this, input), input,
            "ConvertToOnnx cannot convert a Real NVP flow as a part of a pipeline. ExportDensity and ExportSampler of the flow's transformer write its graphs by themselves.");
    }

    /// <summary>A transformer's <see cref="ITransformer.GetRowToRowMapper"/>.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The input column is missing or of another type.</exception>
    /// <exception cref="ObjectDisposedException">The transformer was disposed.</exception>
    public IRowToRowMapper RowMapper(DataViewSchema input)
    {
        Runtime.ThrowIfDisposed();
        return new BatchRowMapper(this, input);
    }

    /// <summary>The columns of the input and the added ones; an added one hides an input of the same name.</summary>
    public DataViewSchema OutputSchema(DataViewSchema input)
    {
        FindInput(input);
        var builder = new DataViewSchema.Builder();
        builder.AddColumns(input);
        builder.AddColumns(OutputColumns(input));
        return builder.ToSchema();
    }

    /// <summary>The input column: a vector of Single of the right, known size.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is missing or of another type.</exception>
    public DataViewSchema.Column FindInput(DataViewSchema schema) => FeatureColumn.Find(schema, InputColumnName, InputShape);

    /// <summary>What an estimator can tell before there is data: the shape of the input with columns added.</summary>
    /// <param name="input">The shape of the input; sizes of vectors are unknown in it.</param>
    /// <param name="inputColumnName">The vector column that is read.</param>
    /// <param name="added">The columns that are added, whose shapes are exact because they are made from these.</param>
    /// <exception cref="ArgumentOutOfRangeException">The input column is missing or of another type.</exception>
    public static SchemaShape OutputShape(SchemaShape input, string inputColumnName, DataViewSchema.DetachedColumn[] added)
    {
        FeatureColumn.Require(input, inputColumnName);
        var builder = new DataViewSchema.Builder();
        builder.AddColumns(added);
        SchemaShape shape = MlNetInternals.ShapeOf(builder.ToSchema());
        return new SchemaShape(input.Where(column => shape.All(other => other.Name != column.Name)).Concat(shape));
    }
}
