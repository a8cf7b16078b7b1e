using RealNvp.ML.Export;
using RealNvp.ML.Export.Steps;

namespace RealNvp.ML.Tests.Exports;

/// <summary>What a frozen sinh-arcsinh map refuses.</summary>
public sealed class SinhArcsinhTests
{
    [Theory]
    [InlineData(new float[] { 1, 1 }, new float[] { 0 }, "found 2 and 1")]
    [InlineData(new float[] { }, new float[] { }, "found 0 and 0")]
    [InlineData(new float[] { 1, 0 }, new float[] { 0, 0 }, "positive")]
    [InlineData(new[] { 1, float.PositiveInfinity }, new float[] { 0, 0 }, "positive")]
    [InlineData(new float[] { 1, 1 }, new[] { 0, float.NaN }, "finite")]
    public void Other_parameters_are_refused(float[] tail, float[] skew, string reason)
        => Assert.Contains(reason, Assert.Throws<FlowModelException>(() => new SinhArcsinh([.. tail], [.. skew])).Message,
        StringComparison.Ordinal);
}
