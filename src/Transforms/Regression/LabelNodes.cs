using RealNvp.ML.Export;
using RealNvp.ML.Transforms.Onnx;

namespace RealNvp.ML.Transforms.Regression;

/// <summary>
/// The distributions of the labels of a batch of rows given their features, by the flow backwards: give features, run, read. The same
/// features give the same distributions, whatever rows stand beside them.
/// </summary>
internal abstract class LabelNodes : IDisposable
{
    /// <summary>The features, [capacity, C].</summary>
    public abstract float[] Features { get; }

    /// <summary>The weight of each node in a mean, and their z.</summary>
    protected abstract (double[] Weights, double[] Z) Nodes { get; }

    /// <summary>Computes the first <paramref name="count"/> rows.</summary>
    public abstract void Run(int count);

    /// <summary>The distribution of a label of a row.</summary>
    public LabelDistribution Of(int row, int label) => new(Values(row, label), Nodes.Z);

    /// <summary>Its mean.</summary>
    public double MeanOf(int row, int label) => Of(row, label).Mean(Nodes.Weights);

    /// <summary>Its values at the nodes.</summary>
    protected abstract ReadOnlySpan<float> Values(int row, int label);

    /// <summary>Nodes of the flow's labels.</summary>
    /// <param name="runtime">Runs the graphs.</param>
    /// <param name="model">A flow of labels given features.</param>
    /// <param name="capacity">Rows that are computed together.</param>
    /// <param name="exact">Places z at which one label of one flow is known without interpolation.</param>
    public static LabelNodes Create(FlowRuntime runtime, FlowModel model, int capacity, params double[] exact)
        => model.InputShape.Size == 1 ? new QuantileNodes(runtime, model, capacity, exact) : new DrawnNodes(runtime, model, capacity);

    /// <summary>How many numbers a row of this flow takes while it is computed.</summary>
    public static int ValuesPerRow(FlowModel model) => model.InputShape.Size == 1
        ? QuantileNodes.Count * model.Members.Length
        : DrawnNodes.DrawsOf(model) * (2 * model.InputShape.Size + model.Condition!.Size);

    /// <inheritdoc/>
    public abstract void Dispose();
}
