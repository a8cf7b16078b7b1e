using System.Runtime.InteropServices;
using Microsoft.ML.OnnxRuntime;

namespace RealNvp.ML.Transforms.Onnx;

/// <summary>
/// The native library of ONNX Runtime, which the application chooses: what it can do, and what to say where it is missing.
/// </summary>
internal static unsafe partial class OnnxLibrary
{
    /// <summary>The oldest native library that the managed one, whose version this package names, can call.</summary>
    private static readonly Version s_needed = new(1, 31);

    private static readonly Lazy<string?> s_tooOld = new(() => TooOld(NativeVersion()));

    /// <summary>What is said where the library is missing.</summary>
    public const string Missing =
        "The native library of ONNX Runtime was not found: add the package Microsoft.ML.OnnxRuntime (CPU) or "
        + "Microsoft.ML.OnnxRuntime.Gpu (CUDA) to the application.";

    /// <summary>Calls into the library, without its telemetry, and says in one sentence where it is missing.</summary>
    /// <exception cref="InvalidOperationException">The library is missing or too old.</exception>
    public static T Call<T>(Func<T> call)
    {
        OnnxTelemetry.TurnOff();
        try
        {
            if (s_tooOld.Value is { } message)
                throw new InvalidOperationException(message);
            return call();
        }
        catch (Exception e) when (IsMissing(e))
        {
            throw new InvalidOperationException(Explain(NativeFiles.Folders), e);
        }
    }

    /// <summary>Why the library cannot be called: it is in none of the folders, or does not load.</summary>
    internal static string Explain(params IEnumerable<string> folders)
        => NativeFiles.Find("onnxruntime", folders) is { } file && NativeFiles.WhyNotLoaded(file) is { } reason
            ? $"The native library of ONNX Runtime is there, but does not load: {reason}"
            : Missing;

    /// <summary>Loads the library.</summary>
    /// <exception cref="InvalidOperationException">It is missing.</exception>
    public static void Require() => Call(OrtEnv.Instance);

    /// <summary>What is said of a library of some version; null where it will do. API 30 is that of 1.30.</summary>
    public static string? TooOld(string version)
        => !Version.TryParse(version.Split('-', '+')[0], out Version? found) || found >= s_needed ? null
        : $"RealNvp.ML needs ONNX Runtime {s_needed} or newer, found API {found.Minor} (version {version}): reference "
            + "Microsoft.ML.OnnxRuntime or Microsoft.ML.OnnxRuntime.Gpu in a version from there on.";

    /// <summary>The version of the native library, asked before anything else: the managed one would fail without a reason.</summary>
    public static string NativeVersion()
        => Marshal.PtrToStringUTF8((nint)((delegate* unmanaged<byte*>)OrtGetApiBase()[1])()) ?? "";

    /// <summary>Whether the library has ONNX Runtime's CUDA provider built in.</summary>
    public static bool HasCuda() => Call(() => OrtEnv.Instance().GetAvailableProviders().Contains("CUDAExecutionProvider"));

    /// <summary>Whether an error, or one that caused it, is a library that could not be loaded.</summary>
    public static bool IsMissing(Exception error)
    {
        for (Exception? e = error; e is not null; e = e.InnerException)
        {
            if (e is DllNotFoundException)
                return true;
        }
        return false;
    }

    // OrtApiBase of onnxruntime_c_api.h: GetApi, GetVersionString
    [LibraryImport("onnxruntime")]
    private static partial nint* OrtGetApiBase();
}
