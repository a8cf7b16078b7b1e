using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Serving.Batching;
using RealNvp.ML.Transforms.Rows;

namespace RealNvp.ML.Serving.Rows;

/// <summary>Rows through a model, the flow in it as one batch.</summary>
internal sealed class PipelineEngine : IBatchEngine<RowsRequest>
{
    private readonly GivenRow _row;
    private readonly GivenBatch _batch;
    private readonly DataViewRow _last;
    private readonly Action<Array, int>?[] _readers;
    private readonly IRowObserver? _observer;
    private readonly ValueGetter<float>? _pValue;
    private readonly ValueGetter<bool>? _flag;
    private readonly float[] _pValues;
    private readonly int _capacity;
    private long _base;
    private int _flagged, _observed;

    /// <param name="plan">The model.</param>
    /// <param name="given">Which of its results will be read, by their places.</param>
    /// <param name="capacity">The most rows of a batch.</param>
    /// <param name="observer">Is told the p-values and flags of the rows, where the model gives them.</param>
    public PipelineEngine(PipelinePlan plan, IReadOnlyList<int> given, int capacity, IRowObserver? observer = null)
    {
        DataViewSchema.Column[] columns = [.. given.Select(place => plan.Given[place])];
        ActiveColumns asked = plan.Ask(columns);
        _capacity = capacity;
        _row = new GivenRow(plan.Schema, plan.Read);
        DataViewRow before = plan.Before?.GetRow(_row, asked.Upstream) ?? _row;
        _batch = new GivenBatch(plan.Map, asked, before, capacity);
        _last = plan.Behind?.GetRow(_batch, columns) ?? _batch;
        _readers = [.. plan.Given.Select((column, i) => given.Contains(i) ? Reader(column, plan.Outputs[i].Size) : null)];
        _observer = observer;
        _pValues = new float[observer is null ? 0 : capacity];
        if (observer is null)
            return;
        _pValue = Getter<float>(columns, observer.PValueColumnName, NumberDataViewType.Single);
        _flag = Getter<bool>(columns, observer.FlagColumnName, BooleanDataViewType.Instance);
    }

    /// <inheritdoc/>
    public void Take(RowsRequest request, int from, int count, int place)
    {
        if (place == 0)
            _base += _capacity; // never the same position again
        for (int i = 0; i < count; i++)
        {
            _row.MoveTo(request.Inputs, from + i, _base + place + i);
            _batch.Take(place + i);
        }
    }

    /// <inheritdoc/>
    public void Run(int rows) => _batch.Run(rows);

    /// <inheritdoc/>
    public void Give(RowsRequest request, int from, int count, int place)
    {
        for (int i = 0; i < count; i++)
        {
            _row.MoveTo(request.Inputs, from + i, _base + place + i);
            _batch.Row = place + i;
            foreach (int wanted in request.Wanted)
                _readers[wanted]!(request.Results[wanted]!, from + i);
            Observe();
        }
        _observer?.Observe(_pValues.AsSpan(0, _observed), count, _flagged);
        (_flagged, _observed) = (0, 0);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _last.Dispose();
        _batch.Dispose();
        _row.Dispose();
    }

    private void Observe()
    {
        if (_flag is not null)
        {
            bool flagged = false;
            _flag(ref flagged);
            _flagged += flagged ? 1 : 0;
        }
        _pValue?.Invoke(ref _pValues[_observed++]);
    }

    private ValueGetter<TValue>? Getter<TValue>(DataViewSchema.Column[] columns, string? name, DataViewType type)
        => columns.Any(column => column.Name == name && column.Type == type)
            ? _last.GetGetter<TValue>(columns.Single(column => column.Name == name)) : null;

    private Action<Array, int> Reader(DataViewSchema.Column column, int size)
    {
        DataViewType item = column.Type is VectorDataViewType vector ? vector.ItemType : column.Type;
        return item == BooleanDataViewType.Instance ? Reader<bool>(column, size) : Reader<float>(column, size);
    }

    private Action<Array, int> Reader<TValue>(DataViewSchema.Column column, int size)
    {
        if (column.Type is not VectorDataViewType)
        {
            ValueGetter<TValue> getter = _last.GetGetter<TValue>(column);
            return (values, row) => getter(ref ((TValue[])values)[row]);
        }
        ValueGetter<VBuffer<TValue>> vectors = _last.GetGetter<VBuffer<TValue>>(column);
        VBuffer<TValue> vector = default;
        return (values, row) =>
        {
            vectors(ref vector);
            vector.CopyTo(((TValue[])values).AsSpan(row * size, size));
        };
    }
}
