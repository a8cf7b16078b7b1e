using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Transforms.Rows;

namespace RealNvp.ML.Transforms.Images.Cropping;

/// <summary>Crops images row by row, which is what <c>PredictionEngine</c> uses.</summary>
internal sealed class ImageCroppingMapper(ImageCropping cropping, DataViewSchema input) : IRowToRowMapper
{
    /// <inheritdoc/>
    public DataViewSchema InputSchema => input;

    /// <inheritdoc/>
    public DataViewSchema OutputSchema { get; } = cropping.OutputSchema(input);

    /// <inheritdoc/>
    public IEnumerable<DataViewSchema.Column> GetDependencies(IEnumerable<DataViewSchema.Column> dependingColumns)
        => cropping.Upstream(Ask(dependingColumns), input);

    /// <inheritdoc/>
    public DataViewRow GetRow(DataViewRow input, IEnumerable<DataViewSchema.Column> activeColumns)
    {
        ArgumentNullException.ThrowIfNull(input);
        if (input.Schema != InputSchema)
            throw new ArgumentException("The row has another schema than the one this mapper was made for.", nameof(input));
        return new Row(cropping, Ask(activeColumns), input);
    }

    private ActiveColumns Ask(IEnumerable<DataViewSchema.Column> columns) => new(InputSchema, OutputSchema, cropping.Find(InputSchema).Image, columns);

    private sealed class Row(ImageCropping cropping, ActiveColumns columns, DataViewRow source) : DataViewRow
    {
        private bool _disposed;

        public override DataViewSchema Schema => columns.Output;

        public override long Position => source.Position;

        public override long Batch => source.Batch;

        public override bool IsColumnActive(DataViewSchema.Column column)
            => columns.IsPassedThrough(column, out DataViewSchema.Column upstream) ? source.IsColumnActive(upstream) : columns.Contains(column);

        public override ValueGetter<TValue> GetGetter<TValue>(DataViewSchema.Column column)
        {
            if (columns.IsPassedThrough(column, out DataViewSchema.Column upstream))
                return source.GetGetter<TValue>(upstream);
            columns.Require(column);
            return ActiveColumns.Cast<TValue>(cropping.CreateGetter(source), column);
        }

        public override ValueGetter<DataViewRowId> GetIdGetter() => source.GetIdGetter();

        protected override void Dispose(bool disposing)
        {
            if (disposing && !_disposed)
            {
                _disposed = true;
                source.Dispose();
            }
            base.Dispose(disposing);
        }
    }
}
