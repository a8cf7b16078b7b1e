using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Tests.Transforms.Images;
using RealNvp.ML.Trainers;
using RealNvp.ML.Transforms;
using TorchSharp;

namespace RealNvp.ML.Tests.Trainers;

/// <summary>The device to train on: named, missing, or there.</summary>
public sealed class DeviceTests
{
    private const string Missing = "but libtorch sees no CUDA: reference TorchSharp-cuda-linux or TorchSharp-cuda-windows instead of "
        + "TorchSharp-cpu, on a machine with an NVIDIA driver.";

    [Theory]
    [InlineData("cuda", "CUDA device 0 was asked for, " + Missing + " Device \"cpu\" trains on the CPU.")]
    [InlineData("cuda:0", "CUDA device 0 was asked for, " + Missing + " Device \"cpu\" trains on the CPU.")]
    [InlineData("CUDA:3", "CUDA device 3 was asked for, " + Missing + " Device \"cpu\" trains on the CPU.")]
    public void A_named_gpu_that_is_missing_is_an_error_whatever_the_context_falls_back_to(string device, string expected)
    {
        Assert.SkipWhen(torch.cuda.is_available(), "CUDA is there.");
        Assert.Equal(expected, Assert.Throws<InvalidOperationException>(()
            => Fit(new MLContext(1) { FallbackToCpu = true }, device)).Message);
    }

    [Theory, InlineData("nonsense"), InlineData("cuda:-1"), InlineData("cuda:x"), InlineData("cpu:0"), InlineData("")]
    public void Another_name_is_refused(string device)
        => Assert.Equal($"Device is '{device}', expected cpu, cuda or cuda:N.",
        Assert.Throws<ArgumentException>(() => Fit(new MLContext(1), device)).Message);

    [Theory, InlineData(true), InlineData(false)]
    public void A_gpu_of_the_context_that_is_missing_is_replaced_with_a_message_or_refused(bool fallback)
    {
        Assert.SkipWhen(torch.cuda.is_available(), "CUDA is there.");
        var log = new List<string>();
        var ml = new MLContext(1) { GpuDeviceId = 2, FallbackToCpu = fallback };
        ml.Log += (_, e) => log.Add(e.RawMessage);
        const string Sentence = "CUDA device 2 was asked for, " + Missing;
        if (fallback)
        {
            using RealNvpTransformer model = Fit(ml, null);
            Assert.Equal("cpu", model.Model.Metadata.Training["device"]);
            Assert.Contains(Sentence + " Training on the CPU.", log);
        }
        else
        {
            Assert.Equal(Sentence + " FallbackToCpu of the MLContext trains on the CPU instead.",
                Assert.Throws<InvalidOperationException>(() => Fit(ml, null)).Message);
        }
    }

    [Fact]
    public void The_cpu_by_name_goes_before_the_gpu_of_the_context()
    {
        var log = new List<string>();
        var ml = new MLContext(1) { GpuDeviceId = 0, FallbackToCpu = true };
        ml.Log += (_, e) => log.Add(e.RawMessage);
        using RealNvpTransformer model = Fit(ml, "cpu");
        Assert.Equal("cpu", model.Model.Metadata.Training["device"]);
        // ONNX Runtime has a message of its own
        Assert.DoesNotContain(log, message => message.Contains("libtorch sees", StringComparison.Ordinal));
    }

    [Fact]
    public void A_flow_that_a_gpu_trained_is_saved_and_loaded_on_a_cpu()
    {
        Assert.SkipUnless(torch.cuda.is_available(), "There is no CUDA: build with -p:Backend=cuda on a machine with an NVIDIA GPU.");
        using var folder = new TemporaryFolder();
        string path = Path.Combine(folder.Root, "model.zip");
        float[] expected;
        using (RealNvpTransformer model = Fit(new MLContext(1), "cuda:0"))
        {
            Assert.Equal("cuda:0", model.Model.Metadata.Training["device"]);
            IDataView data = Rows(new MLContext(1));
            expected = [.. model.Transform(data).GetColumn<float>("Score")];
            new MLContext(1).Model.Save(model, data.Schema, path);
        }
        var cpu = new MLContext(1);
        using var loaded = (IDisposable)cpu.Model.Load(path, out _);
        float[] found = [.. ((ITransformer)loaded).Transform(Rows(cpu)).GetColumn<float>("Score")];
        Tolerance.LogLikelihoods([.. expected.Select(value => (double)value)], found, 2);
    }

    private static RealNvpTransformer Fit(MLContext ml, string? device)
        => ml.AnomalyDetection.Trainers.RealNvp(new RealNvpTrainer.Options { Device = device, Steps = 5,
        Table = new() { Couplings = 2, HiddenUnits = 4 } }).Fit(Rows(ml));

    private static IDataView Rows(MLContext ml) => Tables.Load(ml, Tables.Gaussian(50, 2, 1));
}
