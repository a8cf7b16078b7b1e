using System.Runtime.InteropServices;
using Microsoft.ML;
using RealNvp.ML.Tests.Transforms.Images;
using RealNvp.ML.Transforms.Onnx;

namespace RealNvp.ML.Tests.Transforms;

/// <summary>ONNX Runtime reports nothing unless the application lets it.</summary>
public sealed class TelemetryTests
{
    [Fact]
    public void A_process_that_scores_leaves_no_trace_of_telemetry()
    {
        using var home = new TemporaryFolder();
        var ml = new MLContext();
        IDataView data = ml.Data.LoadFromEnumerable(FreshProcess.Rows);
        ITransformer chain = ml.Transforms.ApplyRealNvp(Flows.Random()).Append(ml.Transforms.CopyColumns("Copy", "Score")).Fit(data);
        string path = Path.Combine(home.Root, "model.zip");
        ml.Model.Save(chain, data.Schema, path);
        // it writes to .cache/Microsoft/DeveloperTools/.onnxruntime at once, and sends some seconds later
        string[] lines = FreshProcess.Load(path, ("HOME", home.Root), ("XDG_CACHE_HOME", null), ("LOCALAPPDATA", home.Root),
            (OnnxTelemetry.Variable, null), (FreshProcess.LingerVariable, "4"));
        Assert.Equal(1 + FreshProcess.Rows.Length, lines.Length);
        Assert.DoesNotContain(Directory.EnumerateFileSystemEntries(home.Root, "*", SearchOption.AllDirectories),
            file => file.Contains("onnxruntime", StringComparison.OrdinalIgnoreCase));
    }
}

/// <summary>The variable that ONNX Runtime reads, which the native side of the process has too.</summary>
[Collection<Alone>]
public sealed class TelemetryVariableTests
{
    [Theory]
    [InlineData(null, "1"), InlineData("0", "0"), InlineData("1", "1")]
    public void What_the_application_has_chosen_stays(string? chosen, string expected)
    {
        string variable = $"REALNVP_TESTS_CHOSEN_{chosen}";
        Environment.SetEnvironmentVariable(variable, chosen);
        Assert.True(OnnxTelemetry.Set(variable));
        Assert.Equal(expected, Native(variable));
        Environment.SetEnvironmentVariable(variable, null);
        Assert.True(OnnxTelemetry.Set(variable));
        if (!OperatingSystem.IsWindows()) // where there is one environment only
            Assert.Equal(expected, Native(variable));
    }

    private static string? Native(string variable)
        => OperatingSystem.IsWindows() ? Environment.GetEnvironmentVariable(variable) : Marshal.PtrToStringUTF8(GetNative(variable));

    [DllImport("libc", EntryPoint = "getenv", CharSet = CharSet.Ansi, BestFitMapping = false, ThrowOnUnmappableChar = true)]
    private static extern nint GetNative(string name);
}
