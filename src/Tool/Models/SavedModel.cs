using System.Reflection;
using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Runtime;
using Microsoft.ML.Transforms;
using RealNvp.ML.Export;
using RealNvp.ML.Serving.Rows;
using RealNvp.ML.Tool.Running;
using RealNvp.ML.Tool.Tables;
using RealNvp.ML.Transforms;

namespace RealNvp.ML.Tool.Models;

/// <summary>A pipeline with a flow in it, as ML.NET saved it.</summary>
internal sealed class SavedModel : IDisposable
{
    private readonly string _path;
    private readonly ITransformer _model;
    private readonly ITransformer[] _steps;

    private SavedModel(string path, MLContext context, ITransformer model, DataViewSchema inputs)
    {
        (_path, Context, _model) = (path, context, model);
        _steps = [.. Steps(model)];
        Flow = _steps.OfType<RealNvpTransformer>().Count() == 1 ? _steps.OfType<RealNvpTransformer>().Single() : model.FindRealNvp();
        Inputs = [.. inputs.Where(column => !column.IsHidden
            && (column.Type is TextDataViewType || column.Type == NumberDataViewType.Single))
            .Select(column => (column.Name, column.Type is TextDataViewType ? CellKind.Text : CellKind.Number))];
        Groups = model.FindFeatureGroups(inputs);
        ConditionGroups = model.FindConditionGroups(inputs);
    }

    /// <summary>The context that it runs in.</summary>
    public MLContext Context { get; }

    /// <summary>The flow, which is the model's.</summary>
    public RealNvpTransformer Flow { get; }

    /// <summary>The columns that it was fitted to, as far as they are numbers and texts.</summary>
    public IReadOnlyList<(string Name, CellKind Kind)> Inputs { get; }

    /// <summary>Their names, by which a header is known.</summary>
    public IReadOnlyCollection<string> InputNames => [.. Inputs.Select(input => input.Name)];

    /// <summary>The features, those of one category together.</summary>
    public IReadOnlyList<FeatureGroup> Groups { get; }

    /// <summary>The parts of the condition, those of one category together; empty where there is none.</summary>
    public IReadOnlyList<FeatureGroup> ConditionGroups { get; }

    /// <summary>Whether it reads the paths of images.</summary>
    public bool ReadsImages => Flow.Model.InputShape.IsImage;

    /// <summary>Whether features are normalised before they reach the flow, which then draws normalised ones.</summary>
    public bool IsNormalised => _steps.TakeWhile(step => step is not RealNvpTransformer).Any(step => step is NormalizingTransformer);

    /// <summary>The numbers that stand for missing ones in an input.</summary>
    public float[] CodesOf(string input) => ColumnCodes.Of(_steps, input);

    /// <summary>Whether rows are flagged behind the flow, by what their groups have for thresholds.</summary>
    public bool HasGroupThresholds => _steps.Any(step => step is GroupThresholdsTransformer);

    /// <summary>Loads a model.</summary>
    /// <exception cref="ToolException">There is none at the path, or what is there is none.</exception>
    public static SavedModel Load(string path, string? device, Terminal terminal)
    {
        if (!File.Exists(path))
            throw new ToolException($"There is no model {path}. `realnvp train DATA -o {path}` makes one.");
        MLContext context = NewContext(device, terminal);
        ITransformer model;
        DataViewSchema inputs;
        try
        {
            model = context.Model.Load(path, out inputs);
        }
        catch (Exception e) when (e is FormatException or InvalidOperationException or InvalidDataException or ArgumentException
            or NotSupportedException or TargetInvocationException)
        {
            // ML.NET calls the loaders of steps by reflection: what one of them says is inside
            Exception cause = e is TargetInvocationException || e.GetBaseException() is FlowModelException ? e.GetBaseException() : e;
            throw new ToolException(IsFlow(path)
                ? $"{path} is a flow alone: `realnvp serve` and ApplyRealNvp of an application take it; this takes what `realnvp train`, "
                    + "or Model.Save in an application, has saved."
                : $"{path} cannot be loaded as a model: {Guard.Message(cause)}");
        }
        return inputs is null ? throw new ToolException($"{path} was saved without its input columns.")
            : new(path, context, model, inputs);
    }

    /// <summary>Loads a model for rows that are computed in blocks, by which one that looks at rows before would lose some.</summary>
    /// <exception cref="ToolException">There is none, or its rows do not stand alone.</exception>
    public static SavedModel LoadForRows(string path, string? device, Terminal terminal)
    {
        SavedModel model = Load(path, device, terminal);
        // lags say that they go row by row, to be asked why they do not
        if (model._steps.FirstOrDefault(step => !step.IsRowToRowMapper || step is LagsTransformer) is not { } step)
            return model;
        model.Dispose();
        throw new ToolException($"{path}: " + StandaloneRows.Refusal(step, "here each row is taken alone: transform the rows in an "
            + "application (mlContext.Model.Load)").Message);
    }

    /// <summary>A context whose warnings go to the terminal.</summary>
    public static MLContext NewContext(string? device, Terminal terminal, int? seed = null)
    {
        var context = new MLContext(seed) { GpuDeviceId = Device.Number(device), FallbackToCpu = false };
        context.Log += (_, message) =>
        {
            if (message.Kind >= ChannelMessageKind.Warning)
                terminal.Warn(LibraryWords.Of(message.RawMessage));
        };
        return context;
    }

    /// <summary>The columns of a table that the model reads.</summary>
    /// <param name="table">The rows.</param>
    /// <param name="conditionAlone">Whether only the condition is needed, as for sampling.</param>
    /// <returns>For each input its place, or null where the model does without.</returns>
    /// <exception cref="ToolException">A column that it needs is missing.</exception>
    public IReadOnlyList<Wanted?> Find(ITable table, bool conditionAlone = false)
    {
        string[] missing = [.. InputNames.Where(name => table.Columns.IndexOf(name) < 0)
            .Where(name => !conditionAlone || ConditionGroups.Any(group => group.Name == name))];
        if (missing.Length > 0 && (conditionAlone || !DoesWithout(missing)))
        {
            string columns = missing.Length == 1 ? $"column '{missing[0]}'" : $"columns '{string.Join("', '", missing)}'";
            throw new ToolException($"{table.Name} has no {columns}, which {_path} reads. It has: {Names.Listed(table.Columns)}"
                + (table is CsvTable { Format.HasHeader: false } ? " (no header, it seems; --header yes says that there is one)." : "."));
        }
        return [.. Inputs.Select(input => table.Columns.IndexOf(input.Name) < 0 ? (Wanted?)null
            : new Wanted(table.Find(input.Name), input.Kind))];
    }

    /// <summary>A view of blocks that were read as <see cref="Find"/> says.</summary>
    public TableView View(IReadOnlyList<Wanted?> found, Func<IEnumerable<Block>> blocks)
        => new([.. Inputs.Zip(found).Where(input => input.Second is not null)
            .Select(input => ((string?)input.First.Name, input.First.Kind))],
            blocks);

    /// <summary>A view of all columns and no rows.</summary>
    public TableView NoRows() => new([.. Inputs.Select(input => ((string?)input.Name, input.Kind))], () => []);

    /// <summary>Rows after all steps.</summary>
    /// <param name="rows">The input.</param>
    /// <param name="flow">Stands in for the model's flow, with another threshold or other columns.</param>
    public IDataView Transform(IDataView rows, RealNvpTransformer? flow = null)
        => _steps.Aggregate(rows, (data, step) => (step is RealNvpTransformer ? flow ?? step : step).Transform(data));

    /// <summary>Rows as the flow gets them.</summary>
    public IDataView BeforeFlow(IDataView rows)
        => _steps.TakeWhile(step => step is not RealNvpTransformer).Aggregate(rows, (data, step) => step.Transform(data));

    /// <summary>
    /// Writes all of it as one ONNX graph, from the columns that it reads to those that the flow adds. What the flow computes in it is
    /// tried before it is written.
    /// </summary>
    /// <param name="rows">Rows by which the steps before the flow are tried too; a view may have none.</param>
    /// <param name="stream">Where to.</param>
    /// <exception cref="InvalidOperationException">A step has no form in ONNX; others are of ML.NET's own kinds.</exception>
    /// <exception cref="FlowParityException">The graph computes something else.</exception>
    public void ConvertToOnnx(IDataView rows, Stream stream)
    {
        RealNvpColumns columns = Flow.Columns;
        DataViewSchema given = _model.GetOutputSchema(rows.Schema);
        string[] results = [.. ColumnChoice.ResultNames(columns).Append(columns.Latent)
            .Where(name => given.GetColumnOrNull(name) is not null)];
        Context.Model.ConvertToOnnx(_model, rows, stream, results);
    }

    public void Dispose() => (_model as IDisposable)?.Dispose();

    private static bool IsFlow(string path)
    {
        try
        {
            FlowModel.Load(path);
            return true;
        }
        catch (Exception e) when (e is FlowModelException or IOException)
        {
            return false;
        }
    }

    private bool DoesWithout(string[] missing)
    {
        try
        {
            var view = new TableView([.. Inputs.Where(input => !missing.Contains(input.Name, StringComparer.Ordinal))
                .Select(input => ((string?)input.Name, input.Kind))], () => []);
            _ = Transform(view).Schema;
            return true;
        }
        catch (ArgumentException)
        {
            return false;
        }
    }

    private static IEnumerable<ITransformer> Steps(ITransformer model)
        => model is IEnumerable<ITransformer> chain ? chain.SelectMany(Steps) : [model];
}
