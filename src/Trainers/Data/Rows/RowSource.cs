using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Export;
using RealNvp.ML.Transforms.Columns;
using RealNvp.ML.Transforms.Rows;

namespace RealNvp.ML.Trainers.Data.Rows;

/// <summary>
/// Where rows come from: a view's feature column and, where they are named, its condition column, whose values follow those of the
/// features, and its weight column.
/// </summary>
internal sealed class RowSource
{
    private readonly IDataView _data;
    private readonly DataViewSchema.Column[] _vectors;
    private readonly int[] _sizes;
    private readonly DataViewSchema.Column? _weight;
    private readonly DataViewSchema.Column? _key;

    /// <summary>A source of rows of <paramref name="features"/> values, and those of a condition.</summary>
    /// <param name="data">The view.</param>
    /// <param name="featureColumn">The features.</param>
    /// <param name="features">D.</param>
    /// <param name="weightColumn">The weights; null for none.</param>
    /// <param name="conditionColumn">The conditions; null for none.</param>
    /// <param name="conditions">C, 0 without conditions.</param>
    /// <param name="mayBeUnknown">Whether rows with NaN in their conditions are of use.</param>
    /// <param name="keyColumn">The sampling keys; null for none.</param>
    /// <exception cref="ArgumentException">A column is missing or of another type.</exception>
    public RowSource(IDataView data, string featureColumn, int features, string? weightColumn, string? conditionColumn = null,
        int conditions = 0, bool mayBeUnknown = false, string? keyColumn = null)
    {
        _data = data;
        _vectors = [FeatureColumn.Find(data.Schema, featureColumn, FlowShape.Vector(features))];
        _sizes = [features];
        if (conditionColumn is not null)
        {
            _vectors = [.. _vectors, FeatureColumn.Find(data.Schema, conditionColumn, FlowShape.Vector(conditions))];
            _sizes = [features, conditions];
        }
        MayBeUnknown = mayBeUnknown;
        _key = keyColumn is null ? null : GroupColumn.Find(data.Schema, keyColumn);
        if (weightColumn is null)
            return;
        _weight = InputColumn.FindSingle(data.Schema, weightColumn, "a weight, a Single (Conversion.ConvertType converts)");
    }

    /// <summary>Whether rows with NaN in their conditions are of use.</summary>
    private bool MayBeUnknown { get; }

    /// <summary>Whether rows have weights of their own.</summary>
    public bool HasWeights => _weight is not null;

    /// <summary>Whether rows have sampling keys.</summary>
    public bool HasKeys => _key is not null;

    /// <summary>A new pass over the rows.</summary>
    public Pass Open() => new(this);

    /// <summary>One pass over the rows that are of use; the others are counted.</summary>
    internal sealed class Pass : IDisposable
    {
        private readonly DataViewRowCursor _cursor;
        private readonly ValueGetter<VBuffer<float>>[] _getVectors;
        private readonly ValueGetter<float>? _getWeight;
        private readonly string? _weightName;
        private readonly KeyReader? _keys;
        private readonly RowSource _source;
        private readonly float[] _row;
        private readonly long[] _notFinite;
        private VBuffer<float> _buffer;
        private double _weights, _squares; // sums over the rows of use

        public Pass(RowSource source)
        {
            _source = source;
            _row = new float[source._sizes.Sum()];
            _notFinite = new long[_row.Length];
            _cursor = source._data.GetRowCursor(
                [.. source._vectors, .. new[] { source._weight, source._key }.Where(one => one.HasValue).Select(one => one!.Value)]);
            _getVectors = Array.ConvertAll(source._vectors, _cursor.GetGetter<VBuffer<float>>);
            _getWeight = source._weight is { } column ? _cursor.GetGetter<float>(column) : null;
            _weightName = source._weight?.Name;
            _keys = source._key is { } key ? KeyReader.Create(_cursor, key) : null;
        }

        /// <summary>The values of the present row: its features, then its condition.</summary>
        public ReadOnlySpan<float> Row => _row;

        /// <summary>Its weight, above 0.</summary>
        public float Weight { get; private set; } = 1;

        /// <summary>Its sampling key; 0 where rows have none.</summary>
        public ulong Key { get; private set; }

        /// <summary>Rows left out so far for a NaN or infinite value.</summary>
        public long Skipped { get; private set; }

        /// <summary>Rows left out so far for a weight of 0.</summary>
        public long Weightless { get; private set; }

        /// <summary>
        /// As how many rows of one weight the rows of use so far count: the square of the sum of their weights over the sum of the squares
        /// (Kish 1965). 0 before the first.
        /// </summary>
        public double EffectiveRows => _weights == 0 ? 0 : _weights * _weights / _squares;

        /// <summary>For each value of a row the rows in which it was NaN or infinite.</summary>
        public ReadOnlySpan<long> NotFinite => _notFinite;

        /// <summary>Moves to the next row with finite values and a weight above 0.</summary>
        /// <exception cref="ArgumentException">A weight is negative or not finite, or a vector is not as long as its column
        /// says.</exception>
        public bool MoveNext()
        {
            while (_cursor.MoveNextOrTell())
            {
                if (_getWeight is not null)
                {
                    float weight = 0;
                    _getWeight(ref weight);
                    if (!(weight >= 0 && float.IsFinite(weight)))
                        throw new ArgumentException($"Row {_cursor.Position} has a weight of {weight} in column '{_weightName}', "
                            + "expected 0 or more.");
                    if (weight == 0)
                    {
                        Weightless++;
                        continue;
                    }
                    Weight = weight;
                }
                for (int i = 0, from = 0; i < _getVectors.Length; from += _source._sizes[i++])
                {
                    _getVectors[i](ref _buffer);
                    if (FeatureReader.WrongLength(_source._vectors[i], _cursor.Position, _buffer.Length, _source._sizes[i]) is { } problem)
                        throw new ArgumentException(problem);
                    _buffer.CopyTo(_row.AsSpan(from, _source._sizes[i]));
                }
                if (AllFinite())
                {
                    Key = _keys?.Current() ?? 0;
                    _weights += Weight;
                    _squares += (double)Weight * Weight;
                    return true;
                }
                Skipped++;
            }
            return false;
        }

        public void Dispose() => _cursor.Dispose();

        private bool AllFinite()
        {
            bool all = true;
            for (int j = 0; j < _row.Length; j++)
            {
                if (float.IsFinite(_row[j]) || (_source.MayBeUnknown && j >= _source._sizes[0] && float.IsNaN(_row[j])))
                    continue;
                _notFinite[j]++;
                all = false;
            }
            return all;
        }
    }
}
