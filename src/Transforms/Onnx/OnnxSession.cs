using Microsoft.ML.OnnxRuntime;

namespace RealNvp.ML.Transforms.Onnx;

/// <summary>
/// One graph in ONNX Runtime, shared by all cursors and threads. Owners and running calls are counted together: the native session is freed
/// when the last of them lets go, so that disposing a transformer never pulls a session from under a thread that is inside it.
/// </summary>
internal sealed class OnnxSession
{
    private readonly InferenceSession _session;
    private int _references = 1;

    /// <summary>Loads a graph. The caller is its first owner.</summary>
    /// <param name="graph">The ONNX bytes.</param>
    /// <param name="provider">Where to run.</param>
    /// <param name="threads">Threads within one call; 0 for all cores.</param>
    /// <exception cref="InvalidOperationException">
    /// The native library of ONNX Runtime is missing, or the provider cannot be used.
    /// </exception>
    public OnnxSession(byte[] graph, ExecutionProvider provider, int threads)
    {
        TakesOneCore = threads == 1 && !provider.IsCuda;
        _session = OnnxLibrary.Call(() =>
        {
            using SessionOptions options = CreateOptions(threads);
            provider.AppendTo(options);
            return new InferenceSession(graph, options);
        });
    }

    /// <summary>Whether a call runs on the thread that makes it, and on no other.</summary>
    public bool TakesOneCore { get; }

    /// <summary>The options of every session; the caller disposes them.</summary>
    /// <param name="threads">Threads within one call; 0 for all cores.</param>
    /// <param name="spinning">
    /// Whether threads spin while they wait for their next part of a call: fastest for one caller, and keeps other work from the cores.
    /// </param>
    public static SessionOptions CreateOptions(int threads, bool spinning = false)
    {
        var options = new SessionOptions
        {
            IntraOpNumThreads = threads,
            InterOpNumThreads = 1,
            // warnings speak of the graph's layout, which a user cannot change
            LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR,
        };
        options.AddSessionConfigEntry("session.intra_op.allow_spinning", spinning ? "1" : "0");
        return options;
    }

    /// <summary>Becomes one more owner.</summary>
    /// <exception cref="ObjectDisposedException">All owners have let go.</exception>
    public void AddReference()
    {
        int count = Volatile.Read(ref _references);
        while (true)
        {
            ObjectDisposedException.ThrowIf(count == 0, this);
            int seen = Interlocked.CompareExchange(ref _references, count + 1, count);
            if (seen == count)
                return;
            count = seen;
        }
    }

    /// <summary>Stops being an owner; the last one frees the native session.</summary>
    public void Release()
    {
        if (Interlocked.Decrement(ref _references) == 0)
            _session.Dispose();
    }

    /// <summary>Runs the graph on given inputs into given outputs, computing only those.</summary>
    /// <exception cref="ObjectDisposedException">All owners have let go.</exception>
    public void Run(RunOptions options, string[] inputNames, OrtValue[] inputs, string[] outputNames, OrtValue[] outputs)
    {
        AddReference();
        try
        {
            _session.Run(options, inputNames, inputs, outputNames, outputs);
        }
        finally
        {
            Release();
        }
    }
}
