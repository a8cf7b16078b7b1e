using System.Text.Json;

namespace RealNvp.ML.Tests.Eng;

/// <summary>The property Backend picks the native packages of executables (eng/Backend.props).</summary>
[Collection<Builds>]
public class BackendTests
{
    private static readonly string[] s_torch = ["TorchSharp-cpu", "TorchSharp-cuda-linux", "TorchSharp-cuda-windows"];
    private static readonly string[] s_onnxRuntime = ["Microsoft.ML.OnnxRuntime", "Microsoft.ML.OnnxRuntime.Gpu"];
    private static readonly string s_cudaTorch = OperatingSystem.IsWindows() ? "TorchSharp-cuda-windows" : "TorchSharp-cuda-linux";

    [Fact]
    public void Cpu_is_the_default() =>
        Assert.Equal(["Microsoft.ML.OnnxRuntime", "TorchSharp-cpu"], NativePackages());

    [Fact]
    public void Cpu_takes_the_cpu_packages() =>
        Assert.Equal(["Microsoft.ML.OnnxRuntime", "TorchSharp-cpu"], NativePackages("-p:Backend=cpu"));

    [Fact]
    public void Cuda_takes_the_cuda_packages() =>
        Assert.Equal(["Microsoft.ML.OnnxRuntime.Gpu", s_cudaTorch], NativePackages("-p:Backend=cuda"));

    [Fact]
    public void Host_takes_no_libtorch() =>
        Assert.Equal(["Microsoft.ML.OnnxRuntime"], NativePackages("-p:Backend=host"));

    [Fact]
    public void Without_torch_only_onnx_runtime_remains() =>
        Assert.Equal(["Microsoft.ML.OnnxRuntime"], NativePackages("-p:NeedsTorch=false"));

    [Fact]
    public void Another_backend_is_refused()
    {
        var (exitCode, output, _) = Msbuild("-p:Backend=gpu", "-t:CheckBackend");
        Assert.NotEqual(0, exitCode);
        Assert.Contains("Backend is 'gpu'; it must be cpu, cuda or host.", output, StringComparison.Ordinal);
    }

    private static string[] NativePackages(params string[] arguments)
    {
        var (exitCode, output, error) = Msbuild([.. arguments, "-getItem:PackageReference"]);
        Assert.True(exitCode == 0, output + error);
        using var json = JsonDocument.Parse(output);
        return [.. json.RootElement.GetProperty("Items").GetProperty("PackageReference").EnumerateArray()
            .Select(item => item.GetProperty("Identity").GetString()!)
            .Where(name => s_torch.Contains(name) || s_onnxRuntime.Contains(name))
            .Order(StringComparer.Ordinal)];
    }

    private static (int ExitCode, string Output, string Error) Msbuild(params string[] arguments) =>
        Repository.Dotnet(["msbuild", Path.Combine("test", "RealNvp.ML.Tests.csproj"), "-nologo", .. arguments]);
}
