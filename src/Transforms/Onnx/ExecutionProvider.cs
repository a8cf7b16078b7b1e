using System.Globalization;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.Runtime;
using RealNvp.ML.Transforms.MlNet;

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
    /// What <c>MLContext.GpuDeviceId</c> asks for. Where the GPU cannot be used, <c>MLContext.FallbackToCpu</c> decides between the CPU,
    /// with a warning on the host's channel, and an error.
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
            problem = $"GPU {device} is asked for, but this ONNX Runtime has no CUDA provider: use the package "
                + "Microsoft.ML.OnnxRuntime.Gpu in place of Microsoft.ML.OnnxRuntime";
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
                problem = $"GPU {device} is asked for, but ONNX Runtime cannot use it ({Reason(e.Message)})";
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
            AppendCuda(options, device);
    }

    /// <summary>Adds CUDA to the options of a session.</summary>
    /// <param name="options">The options.</param>
    /// <param name="device">The number of the GPU.</param>
    /// <param name="useTf32">
    /// Whether matrix products may round their factors to 10 bits. ONNX Runtime's own default does, and log-likelihoods then differ from
    /// the trained flow's by more than rounding in float32.
    /// </param>
    /// <param name="searches">
    /// Whether each convolution is run in all ways there are to find the fastest, anew for every number of images. ONNX Runtime's own
    /// default does: scoring and drawing a few hundred images by several graphs then takes half a minute longer, and two sessions may
    /// differ in their last bits.
    /// </param>
    /// <exception cref="OnnxRuntimeException">The CUDA libraries are missing, or the device does not exist.</exception>
    internal static void AppendCuda(SessionOptions options, int device, bool useTf32 = false, bool searches = false)
    {
        using var cuda = new OrtCUDAProviderOptions();
        cuda.UpdateOptions(new Dictionary<string, string>
        {
            ["device_id"] = device.ToString(CultureInfo.InvariantCulture),
            ["use_tf32"] = useTf32 ? "1" : "0",
            ["cudnn_conv_algo_search"] = searches ? "EXHAUSTIVE" : "HEURISTIC",
        });
        options.AppendExecutionProvider_CUDA(cuda);
    }

    /// <summary>
    /// The end of ONNX Runtime's message, which names the missing library, without the places in its own source before it.
    /// </summary>
    internal static string Reason(string message)
    {
        const string mark = "with error: ";
        int at = message.LastIndexOf(mark, StringComparison.Ordinal);
        return (at < 0 ? message : message[(at + mark.Length)..]).TrimEnd('.', '\n', ' ');
    }

    private static void TryCuda(int device)
    {
        // loads the CUDA libraries, which fails here where they are missing or the device does not exist
        using var options = new SessionOptions();
        AppendCuda(options, device);
    }
}
