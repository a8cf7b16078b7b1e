using RealNvp.ML.Export;
using RealNvp.ML.Transforms.Onnx;

namespace RealNvp.ML.Transforms.Regression;

/// <summary>
/// Of one label: its quantiles x(z) at z from -4 to 4 in steps of an eighth, for each member of a mixture. The mean is that between the
/// outermost two, 99.99 % of the distribution, by the trapezoidal rule, which for such an integrand is as good as exact; what lies beyond
/// would let a tail that was never seen decide.
/// </summary>
internal sealed class QuantileNodes : LabelNodes
{
    private const double Reach = 4, PerUnit = 8;

    private readonly OnnxBatch _batch;
    private readonly float[] _values;
    private readonly int _width;

    /// <summary>The number of nodes, without exact ones.</summary>
    public static int Count => (int)(2 * Reach * PerUnit) + 1;

    public QuantileNodes(FlowRuntime runtime, FlowModel model, int capacity, double[] exact)
    {
        double[] grid = [.. Enumerable.Range(0, Count).Select(i => i / PerUnit - Reach)];
        // further out values go along straight lines, there too where calibrated labels were given their places
        double[] z = [.. grid.Concat(exact.Where(value => Math.Abs(value) <= Reach).Select(value => (double)(float)value)).Distinct()
            .Order()];
        double Density(double at) => Math.Exp(-at * at / 2);
        double all = grid.Sum(Density);
        Nodes = ([.. z.Select(value => Array.BinarySearch(grid, value) >= 0 ? Density(value) / all : 0)], z);
        _width = z.Length * model.Members.Length;
        var condition = OnnxTensor.Rows("Condition", model.Condition!.Size, capacity);
        var features = OnnxTensor.Rows("Features", _width, capacity);
        (Features, _values) = (condition.Values, features.Values);
        _batch = new OnnxBatch(runtime.Quantiles,
            [OnnxTensor.Fixed("Latent", Array.ConvertAll(z, value => (float)value), [1, z.Length]), condition], [features]);
    }

    /// <inheritdoc/>
    public override float[] Features { get; }

    /// <inheritdoc/>
    protected override (double[] Weights, double[] Z) Nodes { get; }

    /// <inheritdoc/>
    public override void Run(int count) => _batch.Run(count);

    /// <inheritdoc/>
    protected override ReadOnlySpan<float> Values(int row, int label) => _values.AsSpan(row * _width, _width);

    /// <inheritdoc/>
    public override void Dispose() => _batch.Dispose();
}
