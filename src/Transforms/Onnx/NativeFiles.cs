using System.Runtime.InteropServices;

namespace RealNvp.ML.Transforms.Onnx;

/// <summary>
/// The native libraries beside an application: whether one is there, and what the system says of one that does not load. A package that is
/// missing, a library that lacks another and a machine without memory fail alike at the first call.
/// </summary>
internal static class NativeFiles
{
    /// <summary>Where .NET looks for the native libraries of packages.</summary>
    public static string[] Folders => [.. ((AppContext.GetData("NATIVE_DLL_SEARCH_DIRECTORIES") as string)?.Split(Path.PathSeparator) ?? [])
        .Append(AppContext.BaseDirectory)
        .Append(Path.Combine(AppContext.BaseDirectory, "runtimes", RuntimeInformation.RuntimeIdentifier, "native"))
        .Where(folder => folder.Length > 0).Distinct()];

    /// <summary>The first file that bears the system's name for a library, or null.</summary>
    /// <param name="library">As "torch_cpu".</param>
    /// <param name="folders">Where to look.</param>
    public static string? Find(string library, params IEnumerable<string> folders)
    {
        string name = OperatingSystem.IsWindows() ? library + ".dll" : "lib" + library + (OperatingSystem.IsMacOS() ? ".dylib" : ".so");
        return folders.Select(folder => Path.Combine(folder, name)).FirstOrDefault(File.Exists);
    }

    /// <summary>What the system says of a library that does not load, in one line; null where it loads.</summary>
    public static string? WhyNotLoaded(string file)
    {
        try
        {
            NativeLibrary.Load(file); // and stays loaded: what asks is about to use it
            return null;
        }
        catch (Exception e) when (e is DllNotFoundException or BadImageFormatException)
        {
            const StringSplitOptions parts = StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries;
            return string.Join(' ', e.Message.Split('\n', parts).Distinct());
        }
    }
}
