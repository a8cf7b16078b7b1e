using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Runtime.ExceptionServices;
using RealNvp.ML.Serving.Models;

namespace RealNvp.ML.Serving;

/// <summary>
/// The models of a store as they are served: looks for changed files, loads what has changed beside what is served, and puts it in its
/// place. Who holds the old version finishes with it. A file that cannot be loaded changes nothing.
/// </summary>
internal sealed class ModelHost : IAsyncDisposable
{
    private readonly IFlowStore _store;
    private readonly BatchingOptions _batching;
    private readonly TimeSpan _interval;
    private readonly bool _onDemand;
    private readonly Action<string, Exception?> _log;
    private readonly ConcurrentDictionary<string, Slot> _places = new(StringComparer.Ordinal);
    private readonly SemaphoreSlim _looking = new(1);
    private readonly CancellationTokenSource _stop = new();
    private Task _watching = Task.CompletedTask;

    /// <param name="store">The files.</param>
    /// <param name="batching">How requests become batches.</param>
    /// <param name="interval">How often files are looked at.</param>
    /// <param name="meters">Makes the meter; null for one of its own.</param>
    /// <param name="log">Is told what was loaded, and with an exception what could not be.</param>
    /// <param name="onDemand">Whether models are loaded when somebody asks for them, rather than all at the start.</param>
    public ModelHost(IFlowStore store, BatchingOptions batching, TimeSpan interval, IMeterFactory? meters = null,
        Action<string, Exception?>? log = null, bool onDemand = false)
    {
        (_store, _batching, _interval, _log, _onDemand) = (store, batching.Checked(), interval, log ?? ((_, _) => { }), onDemand);
        Metrics = new ServingMetrics(meters, () => [.. _places.Values.Select(slot => slot.Current).OfType<ServedModel>()]);
    }

    /// <summary>The measurements.</summary>
    public ServingMetrics Metrics { get; }

    /// <summary>Whether the first look is over and the end has not come.</summary>
    public bool IsReady { get; private set; }

    /// <summary>The models, in the order of their names.</summary>
    public IReadOnlyList<string> Names => [.. _places.Where(slot => slot.Value.Current is not null).Select(slot => slot.Key)
        .Order(StringComparer.Ordinal)];

    /// <summary>What went wrong with the last file of a name, if it did, or null.</summary>
    public string? Failure(string name) => _places.GetValueOrDefault(name)?.Failure;

    /// <summary>Loads all models and goes on looking for changes.</summary>
    /// <exception cref="InvalidDataException">A model that was named cannot be loaded.</exception>
    public async Task Start(CancellationToken cancellation)
    {
        await Look(cancellation).ConfigureAwait(false);
        foreach (string name in (_store as FolderStore)?.Required ?? [])
        {
            if (_places.GetValueOrDefault(name) is { Current: null, Failure: { } failure, Cause: var cause })
                throw new InvalidDataException(cause is InvalidDataException ? failure : $"{failure} {cause?.Message}", cause);
        }
        IsReady = true;
        _watching = Task.Run(Watch, CancellationToken.None);
    }

    /// <summary>A model, held for the caller, who lets go of it by <see cref="ServedModel.Release"/>.</summary>
    /// <returns>Null where there is none of the name.</returns>
    public ServedModel? Hold(string name)
    {
        while (_places.TryGetValue(name, out Slot? slot) && slot.Current is { } model)
        {
            if (model.TryHold())
                return model;
            // replaced since: take what replaces it
        }
        return null;
    }

    /// <summary>A model as <see cref="Hold"/> gives it, loaded first where it is not.</summary>
    /// <returns>Null where the store has none of the name, or its file cannot be loaded.</returns>
    public async Task<ServedModel?> HoldOnDemand(string name)
    {
        await _looking.WaitAsync().ConfigureAwait(false);
        try
        {
            if (Hold(name) is { } model)
                return model; // somebody else was quicker
            await LookAt(name, CancellationToken.None).ConfigureAwait(false);
            return Hold(name);
        }
        finally
        {
            _looking.Release();
        }
    }

    /// <summary>Forgets a model that is loaded on demand; those who hold it finish with it.</summary>
    public async Task LetGo(string name)
    {
        await _looking.WaitAsync().ConfigureAwait(false);
        try
        {
            if (_places.TryRemove(name, out Slot? slot))
                slot.Put(null);
        }
        finally
        {
            _looking.Release();
        }
    }

    /// <summary>Looks at all files once, of those on demand at the loaded ones, and loads what has changed.</summary>
    public async Task Look(CancellationToken cancellation)
    {
        await _looking.WaitAsync(cancellation).ConfigureAwait(false);
        try
        {
            IReadOnlyList<string> names = _onDemand ? [] : await _store.ListAsync(cancellation).ConfigureAwait(false);
            Exception? problem = null;
            foreach (string name in names.Union(_places.Keys, StringComparer.Ordinal))
            {
                try
                {
                    await LookAt(name, cancellation).ConfigureAwait(false);
                }
                catch (Exception e) when (e is not OperationCanceledException)
                {
                    problem ??= e; // one that the store cannot bring does not hold up the others
                }
            }
            if (problem is not null)
                ExceptionDispatchInfo.Throw(problem);
        }
        finally
        {
            _looking.Release();
        }
    }

    /// <summary>Says that no more requests are to come.</summary>
    public void BeginEnd() => IsReady = false;

    /// <summary>Lets go of all models; those in use are freed by the last request.</summary>
    public async ValueTask DisposeAsync()
    {
        IsReady = false;
        if (_stop.IsCancellationRequested)
            return;
        await _stop.CancelAsync().ConfigureAwait(false);
        await _watching.ConfigureAwait(false);
        foreach (Slot slot in _places.Values)
            slot.Put(null);
        _places.Clear();
        Metrics.Dispose();
        _stop.Dispose();
        _looking.Dispose();
    }

    private async Task Watch()
    {
        try
        {
            using var timer = new PeriodicTimer(_interval);
            while (await timer.WaitForNextTickAsync(_stop.Token).ConfigureAwait(false))
            {
                try
                {
                    await Look(_stop.Token).ConfigureAwait(false);
                }
                catch (Exception e) when (e is not OperationCanceledException)
                {
                    _log($"The store of models cannot be read: {e.Message}", e);
                }
            }
        }
        catch (OperationCanceledException)
        {
            // the end
        }
    }

    private async Task LookAt(string name, CancellationToken cancellation)
    {
        string? stamp = await _store.StampAsync(name, cancellation).ConfigureAwait(false);
        Slot? slot = _places.GetValueOrDefault(name);
        if (stamp is null)
        {
            // a file may be away for a moment, while it is replaced: gone is what is missing twice
            if (slot is null || !slot.IsMissing)
            {
                slot?.IsMissing = true;
                return;
            }
            _log($"The model {name} is gone.", null);
            _places.TryRemove(name, out _);
            slot.Put(null);
            return;
        }
        slot ??= _places.GetOrAdd(name, _ => new Slot());
        slot.IsMissing = false;
        if (slot.Stamp == stamp)
            return;
        try
        {
            byte[]? file = await _store.ReadAsync(name, cancellation).ConfigureAwait(false);
            if (file is null)
                return;
            if (slot.Current?.Version is not { } version || version != LoadedPipeline.VersionOf(file))
            {
                // who sees the model finds it told: logged and counted first
                var model = ServedModel.Load(name, file, _batching, Metrics);
                Metrics.Loaded(name, isGood: true);
                _log($"The model {name} is served, version {model.Version}.", null);
                slot.Put(model);
            }
            slot.Failure = null;
        }
        catch (Exception e) when (e is InvalidDataException or IOException or UnauthorizedAccessException)
        {
            // callers are told what is wrong with a model, but not where files are
            bool isBad = e is InvalidDataException;
            string failure = $"The model {name} cannot be loaded: {(isBad ? e.Message : "its file cannot be read.")}";
            if (isBad || slot.Failure != failure)
            {
                Metrics.Loaded(name, isGood: false);
                string told = isBad ? failure : $"{failure} {e.Message}";
                _log(slot.Current is { } old ? $"{told} Version {old.Version} is served on." : told, e);
            }
            (slot.Failure, slot.Cause) = (failure, e);
            if (!isBad)
                return; // it is tried again: rights and networks change, and no stamp tells
        }
        slot.Stamp = stamp; // also of a file that cannot be loaded: it is read again when it changes
    }

    /// <summary>What is served by a name.</summary>
    private sealed class Slot
    {
        private ServedModel? _current;

        public ServedModel? Current => Volatile.Read(ref _current);

        public string? Stamp { get; set; }

        public string? Failure { get; set; }

        public Exception? Cause { get; set; }

        public bool IsMissing { get; set; }

        public void Put(ServedModel? model) => Interlocked.Exchange(ref _current, model)?.Release();
    }
}
