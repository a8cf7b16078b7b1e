using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Transforms.Rows;

namespace RealNvp.ML.Transforms.Series;

/// <summary>
/// A pipeline over a source that gives one row when it is asked for one: nothing is read ahead, lags keep what they have seen. As a view it
/// can be read once, and has a row whenever <see cref="Take"/> has.
/// </summary>
internal sealed class RowChain : IDataView, IDisposable
{
    private readonly DataViewRowCursor _source;
    private readonly List<LagsCursor> _lags = [];
    private readonly DataViewRow _last;

    /// <summary>A pipeline over a source.</summary>
    /// <param name="model">A transformer, or a chain of them.</param>
    /// <param name="source">Must not read ahead of its reader.</param>
    /// <param name="columns">The columns that will be read, as far as there are such.</param>
    /// <exception cref="ArgumentException">A part of the model is neither lags nor row by row.</exception>
    public RowChain(ITransformer model, IDataView source, IEnumerable<string> columns)
    {
        ArgumentNullException.ThrowIfNull(model);
        var stages = new List<Stage>();
        DataViewSchema schema = source.Schema;
        foreach (ITransformer part in PartsOf(model))
        {
            if (part is not LagsTransformer && !part.IsRowToRowMapper)
            {
                throw new ArgumentException($"The model has a {part.GetType().Name}, which does not go row by row: a stream cannot be "
                    + "scored by it.", nameof(model));
            }
            stages.Add(part is LagsTransformer lags ? new LagsStage(lags.Settings, schema) : new MapperStage(part, schema));
            schema = stages[^1].Schema;
        }
        Schema = schema;
        // what each part needs of the one before it, from the last to the first
        HashSet<string> wanted = [.. columns];
        var needed = new IEnumerable<DataViewSchema.Column>[stages.Count + 1];
        needed[^1] = [.. schema.Where(column => !column.IsHidden && wanted.Contains(column.Name))];
        for (int i = stages.Count - 1; i >= 0; i--)
            needed[i] = [.. stages[i].Dependencies(needed[i + 1])];
        _source = source.GetRowCursor(needed[0].Select(column => source.Schema[column.Index]));
        DataViewRow row = _source;
        for (int i = 0; i < stages.Count; i++)
        {
            row = stages[i].Row(row, needed[i + 1]);
            if (row is LagsCursor lagged)
                _lags.Add(lagged);
        }
        _last = row;
    }

    /// <inheritdoc/>
    public DataViewSchema Schema { get; }

    /// <inheritdoc/>
    public bool CanShuffle => false;

    /// <inheritdoc/>
    public long? GetRowCount() => null;

    /// <summary>Takes the source's next row. False where it is left out.</summary>
    public bool Take() => _source.MoveNext() && _lags.TrueForAll(lags => lags.Take());

    /// <inheritdoc/>
    public DataViewRowCursor GetRowCursor(IEnumerable<DataViewSchema.Column> columnsNeeded, Random? rand = null) => new LastRow(_last);

    /// <inheritdoc/>
    public DataViewRowCursor[] GetRowCursorSet(IEnumerable<DataViewSchema.Column> columnsNeeded, int n, Random? rand = null)
        => [GetRowCursor(columnsNeeded, rand)];

    /// <inheritdoc/>
    public void Dispose()
    {
        _last.Dispose();
        _source.Dispose();
    }

    /// <summary>The transformers of a model, in order: those of a chain, however deep, or the one that it is.</summary>
    public static IEnumerable<ITransformer> PartsOf(ITransformer model)
        => model is IEnumerable<ITransformer> chain ? chain.SelectMany(PartsOf) : [model];

    /// <summary>The last row, which is a new one at every move.</summary>
    private sealed class LastRow(DataViewRow row) : LinkedCursor(row)
    {
        public override bool MoveNext() => true;

        protected override void Dispose(bool disposing) { } // the chain's
    }

    private abstract class Stage
    {
        public abstract DataViewSchema Schema { get; }

        /// <summary>The columns before it that these need.</summary>
        public abstract IEnumerable<DataViewSchema.Column> Dependencies(IEnumerable<DataViewSchema.Column> needed);

        /// <summary>Its row over the row before it.</summary>
        public abstract DataViewRow Row(DataViewRow source, IEnumerable<DataViewSchema.Column> needed);
    }

    private sealed class MapperStage(ITransformer transformer, DataViewSchema input) : Stage
    {
        private readonly IRowToRowMapper _mapper = transformer.GetRowToRowMapper(input);

        public override DataViewSchema Schema => _mapper.OutputSchema;

        public override IEnumerable<DataViewSchema.Column> Dependencies(IEnumerable<DataViewSchema.Column> needed)
            => _mapper.GetDependencies(needed);

        public override DataViewRow Row(DataViewRow source, IEnumerable<DataViewSchema.Column> needed) => _mapper.GetRow(source, needed);
    }

    private sealed class LagsStage(LagSettings settings, DataViewSchema input) : Stage
    {
        private readonly DataViewSchema.Column[] _inputs = settings.FindInputs(input);
        private readonly DataViewSchema.Column? _group = settings.FindGroup(input);

        public override DataViewSchema Schema { get; } = LagsView.OutputSchema(settings, input);

        public override IEnumerable<DataViewSchema.Column> Dependencies(IEnumerable<DataViewSchema.Column> needed)
            => _group is { } group ? Ask(needed).Upstream.Append(group).Distinct() : Ask(needed).Upstream;

        public override DataViewRow Row(DataViewRow source, IEnumerable<DataViewSchema.Column> needed)
            => new LagsCursor(settings, Ask(needed), source, _group, (_, _, _) => { });

        private ActiveColumns Ask(IEnumerable<DataViewSchema.Column> needed) => new(input, Schema, _inputs, needed);
    }
}
