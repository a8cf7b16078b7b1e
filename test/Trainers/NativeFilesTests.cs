using RealNvp.ML.Tests.Transforms.Images;
using RealNvp.ML.Trainers.Native;
using RealNvp.ML.Transforms.Onnx;

namespace RealNvp.ML.Tests.Trainers;

/// <summary>What is said where a native library is missing, and where one is there that does not load.</summary>
[Trait("Area", "DataAsItIs")]
public sealed class NativeFilesTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public NativeFilesTests() => Assert.SkipUnless(OperatingSystem.IsLinux(), "The names of files are those of Linux.");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void TorchSharp_alone_lacks_the_package_of_libtorch()
    {
        // TorchSharp's own package brings this one, which cannot load without libtorch
        Write("libLibTorchSharp.so", "no library");
        Assert.Contains("add the package TorchSharp-cpu", TorchRuntime.Explain(_folder.Root), StringComparison.Ordinal);
        Assert.Contains("add the package TorchSharp-cpu", TorchRuntime.Explain(), StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_there_and_does_not_load_is_told_with_the_systems_reason()
    {
        Write("libLibTorchSharp.so", "no library");
        Write("libtorch_cpu.so", "no library");
        string message = TorchRuntime.Explain(_folder.Root);
        Assert.Contains("libtorch is there, but libtorch_cpu.so does not load: ", message, StringComparison.Ordinal);
        Assert.Contains("file too short", message, StringComparison.Ordinal);
        Assert.DoesNotContain("add the package", message, StringComparison.Ordinal);
        Assert.DoesNotContain("Debian", message, StringComparison.Ordinal);
        Write("libonnxruntime.so", "no library");
        Assert.Contains("is there, but does not load: ", OnnxLibrary.Explain(_folder.Root), StringComparison.Ordinal);
        Assert.Contains("add the package Microsoft.ML.OnnxRuntime", OnnxLibrary.Explain(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/lib/libstdc++.so.6: version `GLIBCXX_3.4.32' not found (required by x)", "MendLibTorchSharp.targets")]
    [InlineData("libtorch_cpu.so: cannot allocate memory in static TLS block", "too little memory")]
    [InlineData("libtorch_cpu.so: failed to map segment from shared object", "too little memory")]
    [InlineData("libgomp.so.1: cannot open shared object file", "")]
    public void The_remedy_is_that_of_the_reason(string reason, string remedy)
    {
        Assert.Equal(remedy.Length == 0, TorchRuntime.Remedy(reason).Length == 0);
        Assert.Contains(remedy, TorchRuntime.Remedy(reason), StringComparison.Ordinal);
    }

    private void Write(string name, string content) => File.WriteAllText(Path.Combine(_folder.Root, name), content);
}
