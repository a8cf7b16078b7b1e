using System.Runtime.InteropServices;

namespace RealNvp.ML.Transforms.Onnx;

/// <summary>
/// ONNX Runtime keeps a device id and a database of events under the user's cache folder and reports them over the network, unless a
/// variable of the environment forbids it before the first session. Here it is set, where the application has not done so.
/// </summary>
internal static partial class OnnxTelemetry
{
    /// <summary>ONNX Runtime's variable: 1 turns telemetry off.</summary>
    public const string Variable = "ORT_DISABLE_TELEMETRY";

    private static readonly Lazy<bool> s_off = new(() => Set(Variable));

    /// <summary>Turns telemetry off, once, unless the application has chosen; must come before anything of ONNX Runtime.</summary>
    public static void TurnOff() => _ = s_off.Value;

    /// <summary>Sets a variable to 1 for native code, unless it has a value in .NET's environment or in the native one.</summary>
    internal static bool Set(string variable)
    {
        string value = Environment.GetEnvironmentVariable(variable) ?? "1";
        if (OperatingSystem.IsWindows())
        {
            Environment.SetEnvironmentVariable(variable, value);
            return true;
        }
        try
        {
            // elsewhere .NET's environment is a copy, which native code does not see; a value in the native one stays
            return SetNative(variable, value, overwrite: 0) == 0;
        }
        catch (Exception e) when (e is DllNotFoundException or EntryPointNotFoundException)
        {
            return false; // no reason not to score
        }
    }

    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetNative(string name, string value, int overwrite);
}
