using Microsoft.ML.OnnxRuntime;

namespace RealNvp.ML.Transforms.Onnx;

/// <summary>
/// The native library of ONNX Runtime, which the application chooses: what it can do, and what to say where it is missing.
/// </summary>
internal static class OnnxLibrary
{
    /// <summary>What is said where the library is missing.</summary>
    public const string Missing =
        "The native library of ONNX Runtime was not found: add the package Microsoft.ML.OnnxRuntime (CPU) or "
        + "Microsoft.ML.OnnxRuntime.Gpu (CUDA) to the application.";

    /// <summary>Calls into the library, without its telemetry, and says in one sentence where it is missing.</summary>
    /// <exception cref="InvalidOperationException">The library is missing.</exception>
    public static T Call<T>(Func<T> call)
    {
        OnnxTelemetry.TurnOff();
        try
        {
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
}
