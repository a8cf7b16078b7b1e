using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Transforms.Rows;

namespace RealNvp.ML.Transforms.Missing;

/// <summary>Columns as they are, but for the numbers that stand for missing ones, which become NaN.</summary>
internal sealed class MissingCodesMap(MissingCodes codes) : RowMap
{
    /// <inheritdoc/>
    public override DataViewSchema.Column[] FindInputs(DataViewSchema schema) => codes.Find(schema);

    /// <inheritdoc/>
    public override DataViewSchema.DetachedColumn[] AddedColumns(DataViewSchema input)
        => [.. codes.Find(input).Select(column => new DataViewSchema.DetachedColumn(column.Name, column.Type, column.Annotations))];

    /// <inheritdoc/>
    public override BatchWorker CreateWorker(int capacity, bool[] active) => new Worker(codes);

    /// <summary>Reads a column when it is asked for, and no other.</summary>
    private sealed class Worker(MissingCodes codes) : BatchWorker
    {
        private DataViewRow _source = null!;
        private DataViewSchema.Column[] _columns = [];

        public override void Open(DataViewRow source, DataViewSchema.Column[] inputs) => (_source, _columns) = (source, inputs);

        public override void Take(int row, in DataViewRowId id) { }

        public override void Run(int count) { }

        public override Delegate CreateGetter(int added, IBatchPosition position)
        {
            if (_columns[added].Type is VectorDataViewType)
                return Vectors(_source.GetGetter<VBuffer<float>>(_columns[added]));
            ValueGetter<float> get = _source.GetGetter<float>(_columns[added]);
            return (ValueGetter<float>)((ref float value) =>
            {
                get(ref value);
                if (codes.Contain(value))
                    value = float.NaN;
            });
        }

        private ValueGetter<VBuffer<float>> Vectors(ValueGetter<VBuffer<float>> get)
        {
            VBuffer<float> held = default;
            return (ref VBuffer<float> value) =>
            {
                get(ref held);
                VBufferEditor<float> editor = VBufferEditor.Create(ref value, held.Length);
                held.CopyTo(editor.Values);
                foreach (ref float number in editor.Values)
                {
                    if (codes.Contain(number))
                        number = float.NaN;
                }
                value = editor.Commit();
            };
        }
    }
}
