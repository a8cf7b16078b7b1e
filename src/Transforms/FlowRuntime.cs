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
    /// <exception cref="ObjectDisposedException">This hold was disposed.</exception>
    public OnnxSession Density => Get(sampling: false);

    /// <summary>The session of the sampling graph: latent to features.</summary>
    /// <exception cref="ObjectDisposedException">This hold was disposed.</exception>
    public OnnxSession Sampling => Get(sampling: true);

    /// <summary>The log-likelihoods, in nats, of rows [n, size], row-major.</summary>
    public float[] LogLikelihoods(float[] rows)
    {
        var features = OnnxTensor.Rows("Features", _sessions.InputSize, rows.Length / _sessions.InputSize);
        var logLikelihoods = OnnxTensor.Rows("LogLikelihood", 1, rows.Length / _sessions.InputSize);
        if (rows.Length == 0)
            return [];
        rows.CopyTo(features.Values, 0);
        using var batch = new OnnxBatch(Density, [features], [logLikelihoods]);
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

    private OnnxSession Get(bool sampling)
    {
        ThrowIfDisposed();
        return _sessions.Get(sampling);
    }

    /// <summary>The sessions of one flow: one per graph.</summary>
    private sealed class Sessions(IHost host, FlowModel model)
    {
        /// <summary>
        /// A flow over vectors runs on one core per call unless its graph is larger than this: splitting a batch of a millisecond gains 10% on idle cores
        /// and halves the throughput on busy ones, where several cursors or other processes run.
        /// </summary>
        private const int SmallGraph = 4 << 20;

        private readonly Lock _lock = new();
        private OnnxSession? _density;
        private OnnxSession? _sampling;
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
                _density?.Release();
                _sampling?.Release();
            }
        }

        public OnnxSession Get(bool sampling)
        {
            lock (_lock)
            {
                ObjectDisposedException.ThrowIf(_references == 0, typeof(FlowRuntime));
                return sampling
                    ? _sampling ??= Load(model.BuildSamplingGraph())
                    : _density ??= Load(model.BuildDensityGraph(DensityOutputs.Latent));
            }
        }

        private OnnxSession Load(byte[] graph)
        {
            _provider ??= ExecutionProvider.For(host);
            return new OnnxSession(graph, _provider, threads: model.InputShape.IsImage || graph.Length > SmallGraph ? 0 : 1);
        }
    }
}
