using Microsoft.ML.Runtime;
using RealNvp.ML.Export;
using RealNvp.ML.Transforms.Onnx;

namespace RealNvp.ML.Transforms;

/// <summary>
/// A transformer's hold on the graphs of a flow in ONNX Runtime. Transformers that differ only in threshold, and the samplers made from them, share the
/// sessions: each has a hold of its own, disposing one does not disturb the others, and the last one frees the sessions. Graphs are built at first use.
/// </summary>
internal sealed class FlowRuntime : IDisposable
{
    private readonly Sessions _sessions;
    private readonly string _owner;
    private int _disposed;

    /// <summary>The first hold on a flow's graphs.</summary>
    /// <param name="host">Says which GPU to use, and takes messages.</param>
    /// <param name="model">The flow.</param>
    /// <param name="owner">The transformer, as errors call it.</param>
    public FlowRuntime(IHost host, FlowModel model, Type owner) : this(new Sessions(host, model), owner) { }

    private FlowRuntime(Sessions sessions, Type owner)
    {
        _sessions = sessions;
        _owner = owner.Name;
    }

    /// <summary>One more hold, for another transformer over the same steps.</summary>
    /// <exception cref="ObjectDisposedException">This hold was disposed.</exception>
    public FlowRuntime Share(Type owner)
    {
        ThrowIfDisposed();
        _sessions.AddReference();
        return new(_sessions, owner);
    }

    /// <summary>The session of the density graph: features to log-likelihood and latent.</summary>
    /// <param name="bulk">For batches (all cores per call) or for single rows (one core).</param>
    /// <exception cref="ObjectDisposedException">This hold was disposed.</exception>
    public OnnxSession Density(bool bulk)
    {
        ThrowIfDisposed();
        return _sessions.Get(sampling: false, bulk);
    }

    /// <summary>The session of the sampling graph: latent to features.</summary>
    /// <inheritdoc cref="Density"/>
    public OnnxSession Sampling(bool bulk)
    {
        ThrowIfDisposed();
        return _sessions.Get(sampling: true, bulk);
    }

    /// <summary>The log-likelihoods, in nats, of rows [n, size], row-major.</summary>
    public float[] LogLikelihoods(float[] rows)
    {
        var features = OnnxTensor.Rows("Features", _sessions.InputSize, rows.Length / _sessions.InputSize);
        var logLikelihoods = OnnxTensor.Rows("LogLikelihood", 1, rows.Length / _sessions.InputSize);
        if (rows.Length == 0)
            return [];
        rows.CopyTo(features.Values, 0);
        using var batch = new OnnxBatch(Density(bulk: true), [features], [logLikelihoods]);
        batch.Run(logLikelihoods.Values.Length);
        return logLikelihoods.Values;
    }

    /// <summary>Requires that this hold was not disposed.</summary>
    /// <exception cref="ObjectDisposedException">It was.</exception>
    public void ThrowIfDisposed()
    {
        if (Volatile.Read(ref _disposed) != 0)
            throw new ObjectDisposedException(_owner);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
            _sessions.Release();
    }

    /// <summary>The sessions of one flow, at most four: two graphs, each for batches and for single rows.</summary>
    private sealed class Sessions(IHost host, FlowModel model)
    {
        private readonly Lock _lock = new();
        private readonly OnnxSession?[] _sessions = new OnnxSession?[4];
        private ExecutionProvider? _provider;
        private int _references = 1;

        public int InputSize => model.InputShape.Size;

        public void AddReference()
        {
            lock (_lock)
            {
                ObjectDisposedException.ThrowIf(_references == 0, typeof(FlowRuntime));
                _references++;
            }
        }

        public void Release()
        {
            lock (_lock)
            {
                if (--_references > 0)
                    return;
                foreach (OnnxSession? session in _sessions)
                    session?.Release();
            }
        }

        public OnnxSession Get(bool sampling, bool bulk)
        {
            lock (_lock)
            {
                ObjectDisposedException.ThrowIf(_references == 0, typeof(FlowRuntime));
                _provider ??= ExecutionProvider.For(host);
                // on a GPU threads make no difference, and a second copy of the weights would be wasted
                bulk |= _provider.IsCuda;
                ref OnnxSession? session = ref _sessions[(sampling ? 2 : 0) + (bulk ? 1 : 0)];
                return session ??= new OnnxSession(
                    sampling ? model.BuildSamplingGraph() : model.BuildDensityGraph(DensityOutputs.Latent), _provider, threads: bulk ? 0 : 1);
            }
        }
    }
}
