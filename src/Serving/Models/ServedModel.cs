using System.Diagnostics;
using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Export;
using RealNvp.ML.Serving.Batching;
using RealNvp.ML.Serving.Rows;
using RealNvp.ML.Transforms;
using RealNvp.ML.Transforms.Onnx;
using RealNvp.ML.Transforms.Rows;

namespace RealNvp.ML.Serving.Models;

/// <summary>
/// One version of a model, with the coalescers of its requests. Callers hold it while they need it: what replaces it is served to those who
/// come later, and its sessions are freed when the last one has let go.
/// </summary>
internal sealed class ServedModel
{
    private readonly LoadedPipeline _pipeline;
    private readonly ServingMetrics _metrics;
    private readonly Coalescer<RowsRequest> _scores;
    private readonly Lazy<Coalescer<RowsRequest>> _all, _latents;
    private readonly FlowRuntime _runtime; // for the sampler; borrowed of the pipeline's flow
    private readonly MLContext _context = new();
    private readonly SemaphoreSlim _drawing;
    private readonly int[] _scalars;
    private readonly bool _hasVectors;
    private readonly Dictionary<int, float[]> _conditionCodes;
    private int _references = 1;

    private ServedModel(string name, LoadedPipeline pipeline, BatchingOptions options, ServingMetrics metrics)
    {
        (Name, _pipeline, _metrics) = (name, pipeline, metrics);
        PipelinePlan plan = pipeline.Plan;
        RealNvpColumns? columns = pipeline.Steps.OfType<RealNvpTransformer>().SingleOrDefault()?.Columns;
        Watch = new RowWatch(name, metrics, columns is not null && plan.IsOfTheFlow(columns.PValue) ? columns.PValue : null,
            columns?.PredictedLabel, Flow.Model.Calibration);
        // a vector per row, of latents or contributions, is computed for those alone who want it
        _scalars = [.. plan.Outputs.Index().Where(output => output.Item.Size == 1).Select(output => output.Index)];
        _hasVectors = _scalars.Length < plan.Outputs.Count;
        string[]? usual = columns is null ? null : [columns.Score, columns.PValue, columns.PredictedLabel, columns.LogLikelihood];
        Usual = [.. plan.Outputs.Index().Where(output => usual is null || usual.Contains(output.Item.Name, StringComparer.Ordinal))
            .Select(output => output.Index)];

        _conditionCodes = ConditionGroups.Where(group => group.Categories.Count == 0)
            .ToDictionary(group => group.First, group => ColumnCodes.Of(pipeline.Steps, group.Name));

        BatchPlan batches = plan.Map.Batches!;
        int capacity = options.MaxBatchRows is { } asked ? Flow.Runtime.RowsPerBatch(asked) : batches.Most;
        int engines = batches.SideBySide ? options.Engines ?? RealNvpCores.Max : 1;
        _drawing = new SemaphoreSlim(engines);
        _runtime = Flow.Runtime;
        int[] everything = [.. Enumerable.Range(0, plan.Outputs.Count)];
        _scores = NewCoalescer(() => new PipelineEngine(plan, _scalars.Length > 0 ? _scalars : everything, capacity, Watch));
        _all = new(() => NewCoalescer(() => new PipelineEngine(plan, everything, capacity, Watch)));
        _latents = new(() => NewCoalescer(() => new SamplerEngine(_runtime, Flow.Model, capacity)));

        Coalescer<RowsRequest> NewCoalescer(Func<IBatchEngine<RowsRequest>> newEngine)
            => new(capacity, engines, options, newEngine, (rows, _) => metrics.Batch(name, rows));
    }

    /// <summary>The name by which callers know it.</summary>
    public string Name { get; }

    /// <summary>What tells this file from others of the name.</summary>
    public string Version => _pipeline.Version;

    /// <summary>When it was loaded.</summary>
    public DateTimeOffset LoadedAt { get; } = DateTimeOffset.UtcNow;

    /// <summary>The flow.</summary>
    public RealNvpTransformer Flow => _pipeline.Flow;

    /// <summary>The columns of drawn rows; empty where features have no names.</summary>
    public IReadOnlyList<FeatureGroup> FeatureGroups => _pipeline.Groups;

    /// <summary>The columns of a condition; empty where there is none, or its values have no names.</summary>
    public IReadOnlyList<FeatureGroup> ConditionGroups => _pipeline.Given;

    /// <summary>Whether a number of the condition stands for a missing one, by the model's own step before the flow.</summary>
    /// <param name="place">Of the condition's values.</param>
    /// <param name="value">The number.</param>
    public bool IsMissing(int place, float value) => _conditionCodes.TryGetValue(place, out float[]? codes) && codes.Contains(value);

    /// <summary>The columns that callers bring to have rows scored.</summary>
    public IReadOnlyList<ModelColumn> Inputs => _pipeline.Plan.Inputs;

    /// <summary>The columns that they may want.</summary>
    public IReadOnlyList<ModelColumn> Outputs => _pipeline.Plan.Outputs;

    /// <summary>The places of those that they get where they name none.</summary>
    public IReadOnlyList<int> Usual { get; }

    /// <summary>The columns that callers bring to have latents turned into rows.</summary>
    public IReadOnlyList<ModelColumn> SamplerInputs => SamplerEngine.InputsOf(Flow.Model);

    /// <summary>What they get.</summary>
    public IReadOnlyList<ModelColumn> SamplerOutputs => SamplerEngine.OutputsOf(Flow.Model);

    /// <summary>What became of the rows so far.</summary>
    public RowWatch Watch { get; }

    /// <summary>Rows that wait for a batch.</summary>
    public int WaitingRows => _scores.Waiting + (_all.IsValueCreated ? _all.Value.Waiting : 0)
        + (_latents.IsValueCreated ? _latents.Value.Waiting : 0);

    /// <summary>Whether its sessions are freed.</summary>
    public bool IsFreed => Volatile.Read(ref _references) == 0;

    /// <summary>Loads a model and scores a row with it, so that the first caller does not wait.</summary>
    /// <exception cref="InvalidDataException">The file is no model, is damaged, or cannot be served.</exception>
    public static ServedModel Load(string name, byte[] file, BatchingOptions options, ServingMetrics metrics)
    {
        LoadedPipeline pipeline = LoadedPipeline.Load(file, options.GpuDeviceId);
        try
        {
            var model = new ServedModel(name, pipeline, options, metrics);
            model.WarmUp();
            return model;
        }
        catch (Exception e)
        {
            pipeline.Model.Dispose();
            throw e is InvalidDataException ? e : new InvalidDataException(e.Message, e);
        }
    }

    /// <summary>Becomes one more holder.</summary>
    /// <returns>False where the last one has let go.</returns>
    public bool TryHold()
    {
        int count = Volatile.Read(ref _references);
        while (count > 0)
        {
            int seen = Interlocked.CompareExchange(ref _references, count + 1, count);
            if (seen == count)
                return true;
            count = seen;
        }
        return false;
    }

    /// <summary>Lets go; the last one frees the sessions.</summary>
    public void Release()
    {
        if (Interlocked.Decrement(ref _references) > 0)
            return;
        _scores.Dispose();
        foreach (Lazy<Coalescer<RowsRequest>> lane in new[] { _all, _latents })
        {
            if (lane.IsValueCreated)
                lane.Value.Dispose();
        }
        _pipeline.Model.Dispose();
    }

    /// <summary>Scores rows. The caller holds the model meanwhile.</summary>
    /// <exception cref="ServiceBusyException">Too many rows wait.</exception>
    public Task Score(RowsRequest request, CancellationToken cancellation)
    {
        bool needsVectors = _hasVectors && _scalars.Length > 0 && request.Wanted.Any(place => Outputs[place].Size > 1);
        return Measured(() => (needsVectors ? _all.Value : _scores).Compute(request, cancellation));
    }

    /// <summary>Turns latents into rows. The caller holds the model meanwhile.</summary>
    /// <exception cref="ServiceBusyException">Too many rows wait.</exception>
    public async Task RowsOfLatents(RowsRequest request, CancellationToken cancellation)
    {
        await Measured(() => _latents.Value.Compute(request, cancellation)).ConfigureAwait(false);
        _metrics.Drawn(Name, request.Rows);
    }

    /// <summary>
    /// Draws rows in order and in constant memory; as many callers at a time as there are engines. The caller holds the model meanwhile.
    /// </summary>
    /// <param name="count">How many; of a flow with a condition for each of the conditions.</param>
    /// <param name="seed">Which.</param>
    /// <param name="temperature">Multiplies the noise.</param>
    /// <param name="conditions">What rows are drawn given, or null.</param>
    /// <param name="take">
    /// Reads the rows, which are computed meanwhile. What it gives to the function that it gets is awaited while others draw: who reads
    /// slowly holds up nobody.
    /// </param>
    /// <param name="cancellation">Ends it between two rows.</param>
    /// <exception cref="InvalidOperationException">The flow needs a condition, or has none.</exception>
    public async Task Draw(int count, int seed, float temperature, float[][]? conditions,
        Func<IEnumerable<float[]>, Func<Func<Task>, Task>, Task> take, CancellationToken cancellation)
    {
        IDataView drawn = conditions is null ? Flow.Sample(count, seed, temperature)
            : Flow.Sample(ViewOf(conditions), count, seed, temperature);
        bool isIn = false;
        await Enter().ConfigureAwait(false);
        try
        {
            await Measured(() => take(drawn.GetColumn<float[]>(Flow.FeatureColumnName).Select(row =>
            {
                cancellation.ThrowIfCancellationRequested();
                return row;
            }), Outside)).ConfigureAwait(false);
        }
        finally
        {
            Leave();
        }
        _metrics.Drawn(Name, (long)count * (conditions?.Length ?? 1));

        async Task Enter()
        {
            await _drawing.WaitAsync(cancellation).ConfigureAwait(false);
            isIn = true;
        }

        void Leave()
        {
            if (isIn)
                _drawing.Release();
            isIn = false;
        }

        async Task Outside(Func<Task> work)
        {
            Leave();
            await work().ConfigureAwait(false);
            await Enter().ConfigureAwait(false);
        }
    }

    private async Task Measured(Func<Task> work)
    {
        long start = Stopwatch.GetTimestamp();
        string outcome = "failed";
        try
        {
            await work().ConfigureAwait(false);
            outcome = "ok";
        }
        catch (ServiceBusyException)
        {
            outcome = "busy";
            throw;
        }
        catch (OperationCanceledException)
        {
            outcome = "gone";
            throw;
        }
        finally
        {
            _metrics.Answered(Name, start, outcome);
        }
    }

    private void WarmUp()
    {
        Array[] row = [.. Inputs.Select(input => input.NewValues(1))];
        int[] wanted = _scalars.Length > 0 ? _scalars : [0];
        var request = new RowsRequest(1, row, Outputs, wanted);
        using var engine = new PipelineEngine(_pipeline.Plan, wanted, capacity: 1);
        engine.Take(request, 0, 1, 0);
        engine.Run(1);
        engine.Give(request, 0, 1, 0);
    }

    private IDataView ViewOf(float[][] conditions)
    {
        string name = Flow.ConditionColumnName
            ?? throw new InvalidOperationException("The flow has no condition to draw rows for: leave it out.");
        SchemaDefinition schema = SchemaDefinition.Create(typeof(ConditionRow), SchemaDefinition.Direction.Read);
        SchemaDefinition.Column column = schema[nameof(ConditionRow.Values)]; // it is found by its column's name, which changes
        column.ColumnName = name;
        column.ColumnType = new VectorDataViewType(NumberDataViewType.Single, Flow.Model.Condition!.Size);
        return _context.Data.LoadFromEnumerable(conditions.Select(values => new ConditionRow { Values = values }), schema);
    }

    private sealed class ConditionRow
    {
        public float[] Values { get; set; } = [];
    }
}
