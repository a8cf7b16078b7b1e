using TorchSharp;

[assembly: AssemblyFixture(typeof(RealNvp.ML.Tests.OneTorchThread))]

namespace RealNvp.ML.Tests;

/// <summary>
/// Tests train with one thread: their nets are small, and a second thread that spins while another process has its core makes them ten
/// times slower.
/// </summary>
public sealed class OneTorchThread
{
    public OneTorchThread() => torch.set_num_threads(1);
}
