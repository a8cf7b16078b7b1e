using Orleans;
using Orleans.Concurrency;
using Orleans.Runtime;
using RealNvp.ML.Export;
using RealNvp.ML.Serving;
using RealNvp.ML.Serving.Batching;
using RealNvp.ML.Serving.Models;
using RealNvp.ML.Serving.Rows;

namespace RealNvp.ML.Orleans;

/// <summary>
/// A model in a silo: one activation, in which calls run interleaved, so that the model's coalescer sees the rows of all of them. What
/// computes does so on the thread pool, never in a grain's turn.
/// </summary>
[StatelessWorker(maxLocalWorkers: 1)]
[Reentrant]
internal sealed class FlowGrain(SiloModels models, ILocalSiloDetails silo) : Grain, IFlowGrain
{
    /// <inheritdoc/>
    public override Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken)
        => models.Host.LetGo(this.GetPrimaryKeyString());

    /// <inheritdoc/>
    public Task<FlowTable> Score(FlowTable rows, string[]? outputs, CancellationToken cancellation) => With(async model =>
    {
        if (rows.Rows > models.Options.MaxRows)
            throw new ArgumentException($"There are {rows.Rows} rows, at most {models.Options.MaxRows} are scored at once: send several.");
        RowsRequest request = TableRows.Read(rows, model, outputs);
        try
        {
            await model.Score(request, cancellation);
        }
        catch (ServiceBusyException e)
        {
            throw new FlowBusyException(e.Message);
        }
        return TableRows.Write(request, model);
    });

    /// <inheritdoc/>
    public Task<FlowTable> Sample(int count, int seed, float temperature, float[][]? conditions, CancellationToken cancellation)
        => With(async model =>
    {
        FlowModel flow = model.Flow.Model;
        if (count < 0 || (long)count * (conditions?.Length ?? 1) is var rows && rows > models.Options.MaxDrawnRows)
            throw new ArgumentException($"{count} rows are asked for{(conditions is null ? "" : $" for {conditions.Length} conditions")}: "
                + $"from 0 to {models.Options.MaxDrawnRows} are drawn at once.");
        if (!(temperature >= 0 && float.IsFinite(temperature)))
            throw new ArgumentException($"The temperature is {temperature}, expected a number, 0 or more.");
        if (conditions is not null && flow.Condition is null)
            throw new ArgumentException("The flow has no condition to draw rows for: leave it out.");
        if (conditions is null && flow.Condition is { MayBeUnknown: false } needed)
            throw new ArgumentException($"The flow draws rows given a condition of {needed.Size} values: bring conditions.");
        if (flow.Condition is { } condition)
        {
            foreach (float[]? values in conditions ?? [])
            {
                if (values?.Length != condition.Size)
                    throw new ArgumentException($"A condition has {values?.Length ?? 0} values, expected {condition.Size}.");
            }
        }
        int width = flow.InputShape.Size;
        float[] features = new float[(int)rows * width];
        await Task.Run(() => model.Draw(count, seed, temperature, conditions, (drawn, _) =>
        {
            foreach ((int i, float[] row) in drawn.Index())
                row.CopyTo(features, i * width);
            return Task.CompletedTask;
        }, cancellation), cancellation);
        return new FlowTable((int)rows, model.Version, new(StringComparer.Ordinal) { ["Features"] = features });
    });

    /// <inheritdoc/>
    public Task<FlowDescription> Describe() => With(model => Task.FromResult(new FlowDescription
    {
        Name = model.Name,
        Version = model.Version,
        Silo = silo.Name,
        LoadedAt = model.LoadedAt,
        Failure = models.Host.Failure(model.Name),
        Reads = [.. model.Inputs.Select(TableRows.Describe)],
        Gives = [.. model.Outputs.Select(TableRows.Describe)],
        Threshold = model.Flow.Model.Calibration.Count > 0 ? model.Flow.Threshold : float.NaN,
        Rows = model.Watch.Rows,
        FlaggedShare = model.Watch.FlaggedShare,
        HasDrifted = model.Watch.HasDrifted,
    }));

    /// <summary>Holds the model until the call is answered, so that what replaces it meanwhile does not free it.</summary>
    private async Task<TResult> With<TResult>(Func<ServedModel, Task<TResult>> answer)
    {
        string name = this.GetPrimaryKeyString();
        ServedModel? model = models.Host.Hold(name) ?? await Task.Run(() => models.Host.HoldOnDemand(name));
        if (model is null)
        {
            DeactivateOnIdle(); // a name that somebody made up is not remembered
            throw models.Host.Failure(name) is { } failure ? new InvalidDataException(failure)
                : new KeyNotFoundException($"There is no model '{name}' in the store.");
        }
        try
        {
            return await answer(model);
        }
        finally
        {
            model.Release();
        }
    }
}
