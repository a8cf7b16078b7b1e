using Google.Protobuf;
using Microsoft.ML.Runtime;
using RealNvp.ML.Transforms.Onnx;

namespace RealNvp.ML.Pretrained.Features;

/// <summary>
/// The session from pixels to features, which cursors share; loaded at first use, for the net's file takes a moment. On a CPU a call takes
/// all cores: batches of pictures are large.
/// </summary>
/// <param name="host">Says which GPU to use, and takes messages.</param>
/// <param name="settings">What the graph computes.</param>
/// <param name="owner">The transformer, as errors call it.</param>
internal sealed class FeatureNet(IHost host, FeatureSettings settings, Type owner) : IDisposable
{
    private readonly Lock _lock = new();
    private OnnxSession? _session;
    private bool _disposed;

    /// <summary>The session.</summary>
    /// <exception cref="ObjectDisposedException">The transformer was disposed.</exception>
    public OnnxSession Session
    {
        get
        {
            lock (_lock)
            {
                ObjectDisposedException.ThrowIf(_disposed, owner);
                return _session ??= new(settings.BuildGraph().ToByteArray(), ExecutionProvider.For(host), threads: 0);
            }
        }
    }

    /// <summary>Requires that the transformer was not disposed.</summary>
    /// <exception cref="ObjectDisposedException">It was.</exception>
    public void ThrowIfDisposed() => ObjectDisposedException.ThrowIf(_disposed, owner);

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_lock)
        {
            if (_disposed)
                return;
            _disposed = true;
            _session?.Release();
        }
    }
}
