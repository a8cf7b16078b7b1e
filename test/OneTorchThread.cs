using TorchSharp;

[assembly: AssemblyFixture(typeof(RealNvp.ML.Tests.OneTorchThread))]

namespace RealNvp.ML.Tests;

/// <summary>
/// Tests train with one thread, in this process and in those that they start: their nets are small, and a second thread that spins while
/// another test has its core makes them ten times slower.
/// </summary>
public sealed class OneTorchThread
{
    public OneTorchThread()
    {
        torch.set_num_threads(1);
        Environment.SetEnvironmentVariable("OMP_NUM_THREADS", "1"); // which processes inherit
    }
}
