using Microsoft.ML;
using Microsoft.ML.Data;

namespace RealNvp.ML.Transforms.Rows;

/// <summary>A map row by row, which is what <c>PredictionEngine</c> uses: the batch of one.</summary>
internal sealed class BatchRowMapper : IRowToRowMapper
{
    private readonly BatchMap _map;
    private readonly DataViewSchema.Column _feature;

    /// <summary>A mapper for rows of a schema.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The input column is missing or of another type.</exception>
    public BatchRowMapper(BatchMap map, DataViewSchema input)
    {
        _map = map;
        _feature = map.FindInput(input);
        InputSchema = input;
        OutputSchema = map.OutputSchema(input);
    }

    /// <inheritdoc/>
    public DataViewSchema InputSchema { get; }

    /// <inheritdoc/>
    public DataViewSchema OutputSchema { get; }

    /// <inheritdoc/>
    public IEnumerable<DataViewSchema.Column> GetDependencies(IEnumerable<DataViewSchema.Column> dependingColumns) => Ask(dependingColumns).Upstream;

    /// <inheritdoc/>
    public DataViewRow GetRow(DataViewRow input, IEnumerable<DataViewSchema.Column> activeColumns)
    {
        ArgumentNullException.ThrowIfNull(input);
        if (input.Schema != InputSchema)
            throw new ArgumentException("The row has another schema than the one this mapper was made for.", nameof(input));
        return new MappedRow(_map, Ask(activeColumns), input);
    }

    private ActiveColumns Ask(IEnumerable<DataViewSchema.Column> columns) => new(InputSchema, OutputSchema, _feature, columns);

    private sealed class MappedRow : DataViewRow, IBatchPosition
    {
        private readonly ActiveColumns _columns;
        private readonly DataViewRow _input;
        private readonly BatchWorker? _worker;
        private readonly FeatureReader? _features;
        private long _computedAt = long.MinValue;
        private bool _disposed;

        public MappedRow(BatchMap map, ActiveColumns columns, DataViewRow input)
        {
            _columns = columns;
            _input = input;
            if (!columns.AnyAdded)
                return;
            _worker = map.CreateWorker(1, columns.Added);
            _features = new FeatureReader(input, columns.Feature, map.InputSize, _worker.Input);
        }

        public override DataViewSchema Schema => _columns.Output;

        public override long Position => _input.Position;

        public override long Batch => _input.Batch;

        public int Computed()
        {
            if (_computedAt != _input.Position)
            {
                _features!.Take(0);
                _worker!.Run(1);
                _computedAt = _input.Position;
            }
            return 0;
        }

        public override bool IsColumnActive(DataViewSchema.Column column)
            => _columns.IsPassedThrough(column, out DataViewSchema.Column upstream) ? _input.IsColumnActive(upstream) : _columns.Contains(column);

        public override ValueGetter<TValue> GetGetter<TValue>(DataViewSchema.Column column)
        {
            if (_columns.IsPassedThrough(column, out DataViewSchema.Column upstream))
                return _input.GetGetter<TValue>(upstream);
            _columns.Require(column);
            return ActiveColumns.Cast<TValue>(_worker!.CreateGetter(_columns.AddedIndex(column), this), column);
        }

        public override ValueGetter<DataViewRowId> GetIdGetter() => _input.GetIdGetter();

        protected override void Dispose(bool disposing)
        {
            if (disposing && !_disposed)
            {
                _disposed = true;
                _worker?.Dispose();
                _input.Dispose();
            }
            base.Dispose(disposing);
        }
    }
}
