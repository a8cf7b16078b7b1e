using System.Reflection;
using System.Runtime.InteropServices;
using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Tests.Eng;

/// <summary>
/// Executables run a mended copy of libLibTorchSharp.so (eng/MendLibTorchSharp.targets), and torch loads and learns with it.
/// </summary>
public class MendTests
{
    [Fact]
    public void The_mended_library_differs_by_the_weak_flag_alone()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux() && RuntimeInformation.ProcessArchitecture == Architecture.X64,
            "Only linux-x64 has libLibTorchSharp.so.");
        var package = typeof(MendTests).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>()
            .Single(a => a.Key == "TorchSharpPackage").Value!;
        var original = File.ReadAllBytes(Path.Combine(package, "runtimes", "linux-x64", "native", "libLibTorchSharp.so"));
        var mended = File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "libLibTorchSharp.so"));

        Assert.Equal(original.Length, mended.Length);
        var changed = Assert.Single(Enumerable.Range(0, original.Length), i => original[i] != mended[i]);
        Assert.Equal((0, 2), (original[changed], mended[changed]));
    }

    [Fact]
    public void Torch_loads_and_fits_a_line()
    {
        using var scope = NewDisposeScope();
        var x = linspace(-1, 1, 64).unsqueeze(1);
        var y = 2 * x + 1;
        using var line = nn.Linear(1, 1);
        using var optimizer = optim.Adam(line.parameters(), lr: 0.1);
        for (int step = 0; step < 200; step++)
        {
            optimizer.zero_grad();
            (line.forward(x) - y).square().mean().backward();
            optimizer.step();
        }
        Assert.Equal(2, line.weight!.item<float>(), 0.01);
        Assert.Equal(1, line.bias!.item<float>(), 0.01);
    }
}
