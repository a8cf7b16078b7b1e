using RealNvp.ML.Transforms.Onnx;

[assembly: AssemblyFixture(typeof(RealNvp.ML.Tests.NoTelemetry))]

namespace RealNvp.ML.Tests;

/// <summary>Some tests call ONNX Runtime before the library does: its telemetry is off from the start.</summary>
public sealed class NoTelemetry
{
    public NoTelemetry() => OnnxTelemetry.TurnOff();
}
