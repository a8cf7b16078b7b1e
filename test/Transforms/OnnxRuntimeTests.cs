using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.Runtime;
using RealNvp.ML.Export;
using RealNvp.ML.Transforms;
using RealNvp.ML.Transforms.Onnx;

namespace RealNvp.ML.Tests.Transforms;

public class OnnxRuntimeTests
{
    private readonly FlowModel _model = Flows.Random();

    [Fact]
    public void A_library_that_is_too_old_is_named_with_what_is_needed()
    {
        Assert.Equal(OrtEnv.Instance().GetVersionString(), OnnxLibrary.NativeVersion());
        Assert.Null(OnnxLibrary.TooOld(OnnxLibrary.NativeVersion()));
        Assert.All(["1.31.0", "1.31.0-dev", "2.0.1", "unknown"], version => Assert.Null(OnnxLibrary.TooOld(version)));
        Assert.StartsWith("RealNvp.ML needs ONNX Runtime 1.31 or newer, found API 30 (version 1.30.2): reference ",
            OnnxLibrary.TooOld("1.30.2"), StringComparison.Ordinal);
    }

    [Fact]
    public void Gpu_without_provider_falls_back_to_cpu_and_says_so()
    {
        Assert.SkipWhen(OrtEnv.Instance().GetAvailableProviders().Contains("CUDAExecutionProvider"), "this ONNX Runtime has CUDA");
        var ml = new MLContext { GpuDeviceId = 0, FallbackToCpu = true };
        List<string> messages = [];
        ml.Log += (_, e) => messages.Add(e.Message);
        using RealNvpTransformer transformer = new(ml, _model);
        Assert.All(ScoredRow.All(ml, transformer.Transform(ml.Data.LoadFromEnumerable(FeatureRow.Many(_model, 20)))), row
            => row.AssertFits(_model));
        Assert.Contains(messages, message => message.Contains("Microsoft.ML.OnnxRuntime.Gpu", StringComparison.Ordinal));
    }

    [Fact]
    public void Gpu_without_provider_and_fallback_is_an_error_that_names_the_package()
    {
        Assert.SkipWhen(OrtEnv.Instance().GetAvailableProviders().Contains("CUDAExecutionProvider"), "this ONNX Runtime has CUDA");
        var ml = new MLContext { GpuDeviceId = 0, FallbackToCpu = false };
        using RealNvpTransformer transformer = new(ml, _model);
        IDataView scored = transformer.Transform(ml.Data.LoadFromEnumerable(FeatureRow.Many(_model, 20)));
        Assert.Contains("Microsoft.ML.OnnxRuntime.Gpu",
            Assert.Throws<InvalidOperationException>(() => scored.GetColumn<float>("Score").First()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Provider_follows_what_is_asked_and_what_works()
    {
        IHost host = ((IHostEnvironment)new MLContext()).Register("test");
        Assert.False(ExecutionProvider.Choose(host, null, false, () => true, _ => { }).IsCuda);
        Assert.True(ExecutionProvider.Choose(host, 1, false, () => true, _ => { }).IsCuda);
        Assert.False(ExecutionProvider.Choose(host, 1, true, () => false, _ => { }).IsCuda);
        Assert.Throws<InvalidOperationException>(() => ExecutionProvider.Choose(host, 1, false, () => false, _ => { }));
    }

    [Theory]
    [InlineData("/src/bridge.cc:2043 : FAIL : Failed to load x.so with error: libcublasLt.so.13: no such file\n",
        "libcublasLt.so.13: no such file")]
    [InlineData("invalid device ordinal.", "invalid device ordinal")]
    public void Reason_names_what_is_missing_without_the_places_in_the_source_of_ONNX_Runtime(string message, string reason)
        => Assert.Equal(reason, ExecutionProvider.Reason(message));

    [Fact]
    public void Missing_native_library_is_one_sentence_that_names_the_package()
    {
        var missing = new TypeInitializationException("NativeMethods", new DllNotFoundException("onnxruntime"));
        string message = Assert.Throws<InvalidOperationException>(() => OnnxLibrary.Call<int>(() => throw missing)).Message;
        Assert.Contains("Microsoft.ML.OnnxRuntime ", message, StringComparison.Ordinal);
        Assert.Throws<FormatException>(() => OnnxLibrary.Call<int>(() => throw new FormatException()));
    }
}
