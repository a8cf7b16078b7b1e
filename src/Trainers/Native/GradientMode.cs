using static TorchSharp.torch;

namespace RealNvp.ML.Trainers.Native;

/// <summary>
/// Gradients are recorded as long as it lives, whatever the application has set for the thread: under its no_grad nothing would be learned,
/// and tensors made in its inference mode can never take part in a backward pass.
/// </summary>
internal sealed class GradientMode : IDisposable
{
    private readonly IDisposable _noInference = inference_mode(false);
    private readonly IDisposable _gradients = enable_grad();

    public void Dispose()
    {
        _gradients.Dispose();
        _noInference.Dispose();
    }
}
