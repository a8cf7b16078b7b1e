using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.Runtime;

namespace RealNvp.ML.Transforms.Onnx;

/// <summary>Where graphs run: on the CPU, or through CUDA on the GPU that the MLContext names.</summary>
internal sealed class ExecutionProvider
{
    private readonly int? _cudaDevice;

    private ExecutionProvider(int? cudaDevice) => _cudaDevice = cudaDevice;

    /// <summary>The CPU.</summary>
    public static ExecutionProvider Cpu { get; } = new(null);

    /// <summary>Whether this is a GPU.</summary>
    public bool IsCuda => _cudaDevice is not null;

    /// <summary>
    /// What <c>MLContext.GpuDeviceId</c> asks for. Where the GPU cannot be used, <c>MLContext.FallbackToCpu</c> decides between the CPU, with a warning
    /// on the host's channel, and an error.
    /// </summary>
    /// <exception cref="InvalidOperationException">A GPU is asked for, cannot be used, and falling back is not allowed.</exception>
    public static ExecutionProvider For(IHost host)
        => Choose(host, MlNetInternals.GpuDeviceId(host), MlNetInternals.FallbackToCpu(host), OnnxLibrary.HasCuda, TryCuda);

    /// <summary>As <see cref="For"/>, from its parts.</summary>
    /// <param name="host">Takes the warning.</param>
    /// <param name="gpuDeviceId">The GPU asked for, or null.</param>
    /// <param name="fallbackToCpu">Whether the CPU may replace it.</param>
    /// <param name="hasCuda">Whether ONNX Runtime has its CUDA provider.</param>
    /// <param name="tryDevice">Tries a device; throws where it does not work.</param>
    internal static ExecutionProvider Choose(IHost host, int? gpuDeviceId, bool fallbackToCpu, Func<bool> hasCuda, Action<int> tryDevice)
    {
        if (gpuDeviceId is not { } device)
            return Cpu;
        string problem;
        Exception? cause = null;
        if (!hasCuda())
        {
            problem = $"GPU {device} is asked for, but this ONNX Runtime has no CUDA provider: use the package Microsoft.ML.OnnxRuntime.Gpu in place of Microsoft.ML.OnnxRuntime";
        }
        else
        {
            try
            {
                tryDevice(device);
                return new(device);
            }
            catch (OnnxRuntimeException e)
            {
                cause = e;
                problem = $"GPU {device} is asked for, but ONNX Runtime cannot use it ({e.Message.TrimEnd('.', '\n')})";
            }
        }
        if (!fallbackToCpu)
            throw new InvalidOperationException($"{problem}. Or set MLContext.FallbackToCpu to run on the CPU.", cause);
        using IChannel channel = host.Start("ONNX Runtime");
        channel.Warning(MessageSensitivity.None, "{0}. Running on the CPU.", problem);
        return Cpu;
    }

    /// <summary>Adds this provider to the options of a session.</summary>
    public void AppendTo(SessionOptions options)
    {
        if (_cudaDevice is { } device)
            options.AppendExecutionProvider_CUDA(device);
    }

    private static void TryCuda(int device)
    {
        // loads the CUDA libraries, which fails here where they are missing or the device does not exist
        using var options = new SessionOptions();
        options.AppendExecutionProvider_CUDA(device);
    }
}
