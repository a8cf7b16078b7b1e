using RealNvp.ML.Export;
using RealNvp.ML.Export.Steps;

namespace RealNvp.ML.Tests.Exports;

/// <summary>What a frozen linear map computes of its matrix.</summary>
public sealed class InvertibleLinearTests
{
    [Fact]
    public void The_inverse_and_the_log_determinant_are_those_of_the_matrix()
    {
        // by hand: a zero where the first pivot would be; det = -8
        var linear = new InvertibleLinear(3, [0, 2, 0, 4, 0, 0, 1, 0, 1]);
        Assert.Equal([0f, 0.25f, 0, 0.5f, 0, 0, 0, -0.25f, 1], linear.Inverse);
        Assert.Equal(Math.Log(8), linear.LogAbsDet, 1e-12);
    }

    [Fact]
    public void Matrix_times_inverse_is_the_identity_of_any_size()
    {
        const int size = 40;
        var random = new Random(5);
        var linear = new InvertibleLinear(size, [.. Enumerable.Range(0, size * size).Select(_ => (float)random.NextDouble() - 0.5f)]);
        for (int row = 0; row < size; row++)
        {
            for (int column = 0; column < size; column++)
            {
                double product = Enumerable.Range(0, size)
                    .Sum(k => (double)linear.Matrix[row * size + k] * linear.Inverse[k * size + column]);
                Assert.Equal(row == column ? 1 : 0, product, 1e-4);
            }
        }
    }

    [Theory]
    [InlineData(2, new float[] { 1, 2, 2, 4 }, "singular")]
    [InlineData(2, new float[] { 0, 0, 0, 0 }, "singular")]
    [InlineData(2, new float[] { 1, 2, 2 }, "found 3 values")]
    [InlineData(2, new[] { 1, float.NaN, 2, 4 }, "finite")]
    [InlineData(1, new[] { float.Epsilon }, "overflows")]
    public void Other_matrices_are_refused(int features, float[] matrix, string reason)
        => Assert.Contains(reason, Assert.Throws<FlowModelException>(() => new InvertibleLinear(features, [.. matrix])).Message,
        StringComparison.Ordinal);
}
