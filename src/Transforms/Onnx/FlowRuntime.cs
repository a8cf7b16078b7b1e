using Microsoft.ML.Runtime;
using RealNvp.ML.Export;

namespace RealNvp.ML.Transforms.Onnx;

/// <summary>
/// A transformer's hold on the graphs of a flow in ONNX Runtime. Transformers that differ only in threshold, and the samplers made from
/// them, share the sessions: each has a hold of its own, disposing one does not disturb the others, and the last one frees the sessions.
/// Graphs are built at first use.
/// </summary>
internal sealed class FlowRuntime : IDisposable
{
    /// <summary>Rows per batch on a CPU where none are asked for: larger batches gain 15% where many rows are read.</summary>
    public const int DefaultBatchSize = 256;

    /// <summary>Rows per batch on a CPU where many rows are read.</summary>
    public const int LargeBatchSize = 1024;

    /// <summary>No more rows are taken: a batch is held in memory.</summary>
    private const int MostBatchSize = 1 << 20;

    /// <summary>The same on a GPU, fewer where rows are long: a call takes a millisecond whatever its size.</summary>
    public const int DefaultGpuBatchSize = 16_384;

    /// <summary>Drawn values beyond this are near the end of float32, where they are cut off.</summary>
    public const float Extreme = 1e30f;

    private readonly Sessions _sessions;
    private readonly string _owner;
    private readonly bool _counts = true;
    private int _disposed;

    /// <summary>The first hold on a flow's graphs.</summary>
    /// <param name="host">Says which GPU to use, and takes messages.</param>
    /// <param name="model">The flow.</param>
    /// <param name="owner">The transformer, as errors call it.</param>
    public FlowRuntime(IHost host, FlowModel model, Type owner) : this(new Sessions(host, model), owner) { }

    private FlowRuntime(Sessions sessions, Type owner, bool counts = true)
    {
        _sessions = sessions;
        _owner = owner.Name;
        _counts = counts;
    }

    /// <summary>Requires a number of rows per batch that there can be; null leaves it to the device.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is below 1, or more than a batch in memory may have.</exception>
    public static void CheckBatchSize(int? batchSize)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(batchSize ?? 1, 1, nameof(batchSize));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(batchSize ?? 1, MostBatchSize, nameof(batchSize));
    }

    /// <summary>One more hold, for another transformer over the same steps.</summary>
    /// <exception cref="ObjectDisposedException">This hold was disposed.</exception>
    public FlowRuntime Share(Type owner)
    {
        ThrowIfDisposed();
        _sessions.AddReference();
        return new(_sessions, owner);
    }

    /// <summary>
    /// The same sessions without a hold on them: good for as long as others hold them, and disposing it does not disturb those.
    /// </summary>
    /// <exception cref="ObjectDisposedException">This hold was disposed.</exception>
    public FlowRuntime Borrow(Type owner)
    {
        ThrowIfDisposed();
        return new(_sessions, owner, counts: false);
    }

    /// <summary>The session of the density graph: features to log-likelihood and latent.</summary>
    /// <exception cref="ObjectDisposedException">This hold was disposed.</exception>
    public OnnxSession Density => Get(GraphKind.Density);

    /// <summary>The session of the density graph with the score map: of a flow over images.</summary>
    /// <exception cref="ObjectDisposedException">This hold was disposed.</exception>
    public OnnxSession ScoreMap => Get(GraphKind.ScoreMap);

    /// <summary>The session of the sampling graph: latent to features.</summary>
    /// <exception cref="ObjectDisposedException">This hold was disposed.</exception>
    public OnnxSession Sampling => Get(GraphKind.Sampling);

    /// <summary>The session of the quantile graph: of a flow of one feature given a condition.</summary>
    /// <exception cref="ObjectDisposedException">This hold was disposed.</exception>
    public OnnxSession Quantiles => Get(GraphKind.Quantiles);

    /// <summary>
    /// Rows per batch: those that are asked for or, where that is null, what this device does best. Large images take fewer in any case.
    /// </summary>
    public int RowsPerBatch(int? asked) => _sessions.RowsPerBatch(asked);

    /// <summary>The same where a reader goes on reading.</summary>
    public int MostRowsPerBatch(int? asked) => _sessions.MostRowsPerBatch(asked);

    /// <summary>
    /// Whether batches are to be computed side by side, each on one core: not where a call takes all cores or a GPU, nor where batches are
    /// asked for that are smaller than usual, for who does so wants few rows to be read ahead.
    /// </summary>
    public static bool RunsSideBySide(OnnxSession session, int? asked)
        => session.TakesOneCore && (asked ?? DefaultBatchSize) >= DefaultBatchSize;

    /// <summary>The log-likelihoods, in nats, of rows [n, size], row-major, given conditions [n, values] where the flow has them.</summary>
    public float[] LogLikelihoods(float[] rows, float[]? conditions = null, CancellationToken cancellation = default)
        => Run(() => Density, "Features", rows, "LogLikelihood", 1, conditions, cancellation);

    /// <summary>The latents of rows, both [n, size]; not for a mixture.</summary>
    public float[] Latents(float[] rows, float[]? conditions = null, CancellationToken cancellation = default)
        => Run(() => Density, "Features", rows, "Latent", _sessions.InputSize, conditions, cancellation);

    /// <summary>The score maps of rows, [n, height * width]; of a flow over images.</summary>
    public float[] ScoreMaps(float[] rows, float[]? conditions = null, CancellationToken cancellation = default)
        => Run(() => ScoreMap, "Features", rows, "ScoreMap", _sessions.Positions, conditions, cancellation);

    /// <summary>The rows of latents, both [n, size]; of a mixture by the members [n] that are named.</summary>
    public float[] Features(float[] latents, float[]? members = null, float[]? conditions = null, CancellationToken cancellation = default)
        => Run(() => Sampling, "Latent", latents, "Features", _sessions.InputSize, conditions, cancellation, members);

    /// <summary>Says that drawn rows come near the end of float32: once, however many transformers share the sessions.</summary>
    public void TellOfExtremes() => _sessions.TellOfExtremes();

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
        if (Interlocked.Exchange(ref _disposed, 1) == 0 && _counts)
            _sessions.Release();
    }

    private float[] Run(Func<OnnxSession> session, string inputName, float[] rows, string outputName, int width,
        float[]? conditions, CancellationToken cancellation, float[]? members = null)
    {
        int size = _sessions.InputSize, count = rows.Length / size, chunk = _sessions.RowsPerBatch(null);
        if (count == 0)
            return [];
        List<(OnnxTensor Tensor, float[] Values)> inputs = [];
        void Give(string name, float[]? values)
        {
            if (values is { Length: > 0 })
                inputs.Add((OnnxTensor.Rows(name, values.Length / count, Math.Min(count, chunk)), values));
        }
        Give(inputName, rows);
        Give("Member", members);
        Give("Condition", conditions);
        var output = OnnxTensor.Rows(outputName, width, Math.Min(count, chunk));
        var results = new float[count * width];
        cancellation.ThrowIfCancellationRequested(); // loading a session takes long
        using var batch = new OnnxBatch(session(), [.. inputs.Select(input => input.Tensor)], [output]);
        for (int start = 0; start < count; start += chunk)
        {
            cancellation.ThrowIfCancellationRequested();
            int take = Math.Min(chunk, count - start);
            foreach ((OnnxTensor tensor, float[] values) in inputs)
                values.AsSpan(start * tensor.Width, take * tensor.Width).CopyTo(tensor.Values);
            batch.Run(take);
            output.Values.AsSpan(0, take * width).CopyTo(results.AsSpan(start * width));
        }
        return results;
    }

    private OnnxSession Get(GraphKind graph)
    {
        ThrowIfDisposed();
        return _sessions.Get(graph);
    }

    /// <summary>The graphs of a flow.</summary>
    private enum GraphKind
    {
        Density,
        Sampling,
        Quantiles,
        ScoreMap,
    }

    /// <summary>The sessions of one flow: one per graph.</summary>
    private sealed class Sessions(IHost host, FlowModel model)
    {
        /// <summary>
        /// A flow over vectors runs on one core per call unless its graph is larger than this: splitting a batch of a millisecond gains 10%
        /// on idle cores and halves the throughput on busy ones, where several cursors or other processes run.
        /// </summary>
        private const int SmallGraph = 4 << 20;

        /// <summary>
        /// Values in a batch of images: their nets take a hundred times the memory, and on a CPU batches of 8 images of 3 x 32 x 32 are as
        /// fast as any larger.
        /// </summary>
        private const int MaxImageValues = 1 << 18;

        /// <summary>
        /// On a GPU, which computes 256 images of 3 x 32 x 32 at more than twice the rate of 64 (bench/results/gpu-h200-2.md).
        /// </summary>
        private const int MaxGpuImageValues = 1 << 20;

        /// <summary>Values in a batch of vectors, whatever number of rows is asked for: 64 MiB.</summary>
        private const int MaxValues = 1 << 24;

        /// <summary>Values in a batch on a GPU: 16 MiB, which cursors hold along with the columns that pass through.</summary>
        private const int MaxGpuValues = 1 << 22;

        private readonly Lock _lock = new();
        private readonly OnnxSession?[] _loaded = new OnnxSession?[Enum.GetValues<GraphKind>().Length];
        private ExecutionProvider? _provider;
        private int _references = 1, _toldOfExtremes;

        public int InputSize => model.InputShape.Size;

        public int Positions => model.InputShape.Dimensions[1] * model.InputShape.Dimensions[2];

        public int RowsPerBatch(int? asked)
        {
            int rows = asked ?? (Provider().IsCuda
                ? Math.Clamp(MaxGpuValues / InputSize, DefaultBatchSize, DefaultGpuBatchSize)
                : DefaultBatchSize);
            int most = !model.InputShape.IsImage ? MaxValues : Provider().IsCuda ? MaxGpuImageValues : MaxImageValues;
            return Math.Clamp(most / InputSize, 1, rows);
        }

        public int MostRowsPerBatch(int? asked)
            => asked is not null || model.InputShape.IsImage || Provider().IsCuda ? RowsPerBatch(asked)
                : Math.Max(RowsPerBatch(null), Math.Min(LargeBatchSize, MaxValues / InputSize));

        public void TellOfExtremes()
        {
            if (Interlocked.Exchange(ref _toldOfExtremes, 1) != 0)
                return;
            using IChannel channel = host.Start("Sampling");
            channel.Warning(MessageSensitivity.None, $"Drawn rows have values beyond {Extreme:G1}, near the end of float32: what lies far "
                + "out is compressed in training, and drawing undoes that exponentially. Leave such rows out, or lower the temperature"
                + (model.Condition is null ? "." : "; and draw given conditions like those of training."));
        }

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
                foreach (OnnxSession? session in _loaded)
                    session?.Release();
            }
        }

        public OnnxSession Get(GraphKind graph)
        {
            lock (_lock)
            {
                ObjectDisposedException.ThrowIf(_references == 0, typeof(FlowRuntime));
                return _loaded[(int)graph] ??= Load(graph switch
                {
                    GraphKind.Density => model.BuildDensityGraph(DensityOutputs.Latent),
                    GraphKind.Sampling => model.BuildSamplingGraph(),
                    GraphKind.ScoreMap => model.BuildDensityGraph(DensityOutputs.Latent | DensityOutputs.ScoreMap),
                    _ => model.BuildQuantileGraph(),
                });
            }
        }

        private ExecutionProvider Provider()
        {
            lock (_lock)
                return _provider ??= ExecutionProvider.For(host);
        }

        private OnnxSession Load(byte[] graph)
            => new(graph, Provider(), threads: model.InputShape.IsImage || graph.Length > SmallGraph ? 0 : 1);
    }
}
