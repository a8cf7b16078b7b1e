using System.Collections.Immutable;
using Google.Protobuf.Collections;
using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using RealNvp.ML.Export.Onnx;
using RealNvp.ML.Transforms.Columns;
using RealNvp.ML.Transforms.MlNet;
using RealNvp.ML.Transforms.Onnx;

namespace RealNvp.ML.Transforms.Pipelines;

/// <summary>
/// Runs rows of the data through a graph of a whole pipeline, up to one of its flows, and compares with what the pipeline makes of them:
/// where a step of ML.NET's became something else in the graph, before it came to the flow, is found here. The rows are the first ones, and
/// of those that follow the ones that hold what none before held: another category, a first missing value, a text beyond ASCII.
/// </summary>
/// <param name="part">The flow.</param>
/// <param name="view">The flow's view, with its results.</param>
/// <param name="source">The view before it.</param>
/// <param name="start">The view whose columns are the graph's inputs.</param>
internal sealed class RowCheck(FlowPart part, IDataView view, IDataView source, IDataView start)
{
    private const double Relative = 1e-4;

    /// <summary>Rows that are looked at for what is new, for each that is compared anyway.</summary>
    private const int Looked = 64;

    /// <summary>Compares, and says what was done.</summary>
    /// <param name="model">The graph, which gives out what the flow reads and adds; null where there is none to be had.</param>
    /// <param name="tensors">The names of these, in this order.</param>
    /// <param name="most">Rows to compare.</param>
    /// <exception cref="FlowParityException">They disagree: the worst value of a column is named.</exception>
    /// <exception cref="InvalidOperationException">Rows cannot be read, or the graph cannot be run.</exception>
    public string Run(byte[]? model, string[] tensors, int most)
    {
        if (model is null)
            return "not by rows of the data: this version of ML.NET does not show the graph before it is written";
        using InferenceSession session = Load(model);
        RepeatedField<ValueInfoProto> declared = ModelProto.Parser.ParseFrom(model).Graph.Input;
        if (WhyNotReadable(declared) is { } why)
            return $"not by rows of the data, {why}";
        SortedDictionary<string, InputBlock> inputs, again;
        float[][] expected;
        int[] rows;
        try
        {
            rows = Choose(declared, most);
            inputs = ReadInputs(declared, rows);
            expected = ReadColumns(rows);
            again = ReadInputs(declared, rows);
        }
        catch (Exception e)
        {
            throw new InvalidOperationException("ConvertToOnnx runs rows of the data through pipeline and graph, and they cannot be read: "
                + $"{e.Message} Convert with a view of rows that the pipeline can score, or of none.", e);
        }
        if (rows.Length == 0)
            return "not by rows of the data, which has none";
        if (!inputs.All(input => input.Value.Equals(again[input.Key])))
            return "not by rows of the data, which are others each time they are read";
        float[][] found = Compute(session, declared, inputs, tensors, rows.Length);
        for (int i = 0; i < tensors.Length; i++)
            Compare(i, expected, found, rows);
        return $"and the pipeline up to it by {rows.Length} rows of the data";
    }

    private ImmutableArray<PipelineInput> Inputs => part.Inputs;

    private string? WhyNotReadable(RepeatedField<ValueInfoProto> declared)
    {
        foreach (ValueInfoProto input in declared)
        {
            if (start.Schema.GetColumnOrNull(input.Name) is not { } column)
            {
                if (start.Schema.Any(other => other.IsHidden))
                    return "where columns share a name";
            }
            else if (InputBlock.For(column) is null)
            {
                return $"whose column '{column.Name}' is {column.Type}";
            }
        }
        return null;
    }

    /// <summary>The numbers of the rows to compare, ascending: the first ones, and later ones with something new.</summary>
    private int[] Choose(RepeatedField<ValueInfoProto> declared, int most)
    {
        using DataViewRowCursor cursor = Open(declared, out SortedDictionary<string, InputBlock> blocks);
        var chosen = new List<int>();
        int others = 0;
        for (int row = 0; row < most * Looked && cursor.MoveNext(); row++)
        {
            News news = News.None;
            foreach (InputBlock block in blocks.Values)
            {
                if (block.Look() is var found && found > news)
                    news = found;
            }
            if (row < most || news == News.Kind || news == News.Value && others++ < most)
                chosen.Add(row);
        }
        return [.. chosen];
    }

    /// <summary>Rows of the columns that are inputs of the graph, by their names.</summary>
    private SortedDictionary<string, InputBlock> ReadInputs(RepeatedField<ValueInfoProto> declared, int[] rows)
    {
        using DataViewRowCursor cursor = Open(declared, out SortedDictionary<string, InputBlock> blocks);
        foreach (int _ in Each(cursor, rows))
        {
            foreach (InputBlock block in blocks.Values)
                block.Take();
        }
        return blocks;
    }

    /// <summary>Moves to these rows, one after the other, and gives their places.</summary>
    private static IEnumerable<int> Each(DataViewRowCursor cursor, int[] rows)
    {
        int at = 0;
        for (int row = 0; at < rows.Length && cursor.MoveNext(); row++)
        {
            if (row == rows[at])
                yield return at++;
        }
    }

    private DataViewRowCursor Open(RepeatedField<ValueInfoProto> declared, out SortedDictionary<string, InputBlock> opened)
    {
        var blocks = new SortedDictionary<string, InputBlock>(StringComparer.Ordinal);
        foreach (DataViewSchema.Column column in
            declared.Select(input => start.Schema.GetColumnOrNull(input.Name)).OfType<DataViewSchema.Column>())
            blocks.Add(column.Name, InputBlock.For(column)!);
        DataViewRowCursor cursor = start.GetRowCursor(
            start.Schema.Where(column => blocks.ContainsKey(column.Name) && !column.IsHidden));
        foreach (InputBlock block in blocks.Values)
            block.Open(cursor);
        opened = blocks;
        return cursor;
    }

    /// <summary>Rows of what the flow reads and adds, as the pipeline has them: [rows, width] each.</summary>
    private float[][] ReadColumns(int[] rows)
    {
        DataViewSchema.Column[] columns =
        [
            .. Inputs.Select(input => view.Schema[source.Schema[input.Column].Index]),
            .. part.Outputs.Select((_, i) => view.Schema[source.Schema.Count + i]),
        ];
        float[][] values = [.. Enumerable.Range(0, columns.Length).Select(i => new float[rows.Length * Width(i)])];
        using DataViewRowCursor cursor = view.GetRowCursor(columns);
        Action<int>[] takes = [.. columns.Select((column, i) => Take(cursor, column, values[i], Width(i)))];
        foreach (int place in Each(cursor, rows))
        {
            foreach (Action<int> take in takes)
                take(place);
        }
        return values;
    }

    private static Action<int> Take(DataViewRow source, DataViewSchema.Column column, float[] values, int width)
    {
        if (column.Type is VectorDataViewType)
            return new FeatureReader(source, column, width, values).Take;
        if (column.Type is BooleanDataViewType)
        {
            ValueGetter<bool> flag = source.GetGetter<bool>(column);
            return row =>
            {
                bool value = false;
                flag(ref value);
                values[row] = value ? 1 : 0;
            };
        }
        ValueGetter<float> number = source.GetGetter<float>(column);
        return row => number(ref values[row]);
    }

    private int Width(int tensor) => tensor < Inputs.Length ? Inputs[tensor].Width : part.Outputs[tensor - Inputs.Length].Width;

    private InferenceSession Load(byte[] model)
    {
        using SessionOptions options = OnnxSession.CreateOptions(threads: 0);
        try
        {
            return OnnxLibrary.Call(() => new InferenceSession(model, options));
        }
        catch (OnnxRuntimeException e)
        {
            throw Unusable("cannot load", e);
        }
    }

    private float[][] Compute(InferenceSession session, RepeatedField<ValueInfoProto> declared,
        SortedDictionary<string, InputBlock> inputs, string[] tensors, int rows)
    {
        var values = new Dictionary<string, OrtValue>();
        try
        {
            foreach (ValueInfoProto input in declared)
                values[input.Name] = inputs.TryGetValue(input.Name, out InputBlock? block) ? block.ToValue() : Zeros(input, rows);
            using var run = new RunOptions();
            using IDisposableReadOnlyCollection<OrtValue> results = session.Run(run, values, tensors);
            return [.. results.Select(result => result.GetTensorTypeAndShape().ElementDataType == TensorElementType.Bool
                ? Array.ConvertAll(result.GetTensorDataAsSpan<bool>().ToArray(), flag => flag ? 1f : 0f)
                : result.GetTensorDataAsSpan<float>().ToArray())];
        }
        catch (OnnxRuntimeException e)
        {
            throw Unusable("cannot run rows of the data through", e);
        }
        finally
        {
            foreach (OrtValue value in values.Values)
                value.Dispose();
        }
    }

    /// <summary>The flow's own graph has run by itself: what is wrong comes before it.</summary>
    private InvalidOperationException Unusable(string what, OnnxRuntimeException reason) => new(
        $"ConvertToOnnx cannot convert the column '{Inputs[0].Column}', which {part.Name} reads: ONNX Runtime {what} "
        + $"the ONNX form that ML.NET has given the steps before ({reason.Message.TrimEnd('.', ' ')}). "
        + $"{PipelineGraph.LeftOutside(Inputs[0].Column)}", reason);

    private void Compare(int tensor, float[][] expected, float[][] found, int[] rows)
    {
        int width = Width(tensor);
        bool isInput = tensor < Inputs.Length;
        string column = isInput ? Inputs[tensor].Column : part.Outputs[tensor - Inputs.Length].Column;
        (float[] values, float[] results) = (expected[tensor], found[tensor]);
        if (results.Length != rows.Length * width)
        {
            throw new InvalidOperationException($"ConvertToOnnx cannot convert the column '{Inputs[0].Column}', which "
                + $"{part.Name} reads: for {rows.Length} rows the graph has {results.Length} values of '{column}' in place of "
                + $"{rows.Length} x {width}, so the ONNX form that ML.NET has given the steps before takes one row per call. "
                + $"{PipelineGraph.LeftOutside(Inputs[0].Column)}");
        }
        int worst = -1;
        double most = 1, allowedThere = 0;
        for (int i = 0; i < results.Length; i++)
        {
            if (results[i].Equals(values[i])) // NaN for NaN, and infinities
                continue;
            double allowed = isInput ? Relative * Math.Max(1, Math.Abs((double)values[i]))
                : part.Allowed(expected[Inputs.Length..], tensor - Inputs.Length, i / width, i % width);
            double excess = Math.Abs((double)results[i] - values[i]) / allowed;
            if (!(excess <= most)) // NaN counts as the worst
                (most, worst, allowedThere) = (excess, i, allowed);
        }
        if (worst < 0)
            return;
        string cause = isInput || InputsDiffer(expected, found, worst / width)
            ? $"{(isInput ? $"{part.Name} reads it" : $"What {part.Name} reads differs already")}: the ONNX "
                + $"form that ML.NET has given the steps before does not give their values. {PipelineGraph.LeftOutside(Inputs[0].Column)}"
            : "No graph is written.";
        throw new FlowParityException(column, rows[worst / width], worst % width, results[worst], values[worst], allowedThere, cause);
    }

    private bool InputsDiffer(float[][] expected, float[][] found, int row) => Inputs.Select((input, i) => (input.Width, i))
        .Any(input => !expected[input.i].AsSpan(row * input.Width, input.Width).SequenceEqual(
            found[input.i].AsSpan(row * input.Width, input.Width)));

    /// <summary>For an input that is no column of the data any more: nothing reads it.</summary>
    private static OrtValue Zeros(ValueInfoProto input, int rows)
    {
        long[] shape = [rows, .. input.Type.TensorType.Shape.Dim.Skip(1).Select(dim => Math.Max(1, dim.DimValue))];
        var type = (TensorElementType)input.Type.TensorType.ElemType;
        return type == TensorElementType.String
            ? OrtValue.CreateTensorWithEmptyStrings(OrtAllocator.DefaultInstance, shape)
            : OrtValue.CreateAllocatedTensorValue(OrtAllocator.DefaultInstance, type, shape);
    }
}
