using System.Collections.Immutable;
using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Runtime;
using RealNvp.ML.Transforms.MlNet;

namespace RealNvp.ML.Transforms.Pipelines;

/// <summary>
/// A flow in a graph of the whole pipeline: its own graph, which its probes have certified, after the steps before it; then rows of the
/// data go through both, pipeline and graph, which must agree.
/// </summary>
internal abstract class FlowPart(IHost host, string name) : IPipelinePart
{
    /// <summary>Rows of the data that are compared, fewer where they are long.</summary>
    private const int MostRows = 64;

    /// <summary>Values that the flow computes with in the comparison, unless one or two rows have more.</summary>
    private const int MostValues = 1 << 18;

    /// <inheritdoc/>
    public string Name => name;

    /// <inheritdoc/>
    public virtual string? Refusal => null;

    /// <summary>The columns that are read.</summary>
    public abstract ImmutableArray<PipelineInput> Inputs { get; }

    /// <summary>The columns that are added, in the order of the view.</summary>
    public abstract ImmutableArray<PipelineOutput> Outputs { get; }

    /// <summary>Values that one row takes within the flow.</summary>
    protected virtual long ValuesPerRow => Outputs.Max(output => output.Width);

    /// <summary>Rows that a comparison takes.</summary>
    protected int RowsToCheck => (int)Math.Clamp(MostValues / ValuesPerRow, 2, MostRows);

    /// <inheritdoc/>
    public void AddTo(PipelineGraph graph, IDataView view, IDataView source)
    {
        string[] tensors = graph.Add(Build(), Inputs, Outputs);
        byte[]? model = graph.ToModel(tensors.Select((tensor, i)
            => (tensor, i >= Inputs.Length && Outputs[i - Inputs.Length].Type is BooleanDataViewType)));
        string byRows = new RowCheck(this, view, source, graph.Start).Run(model, tensors, RowsToCheck);
        using IChannel channel = host.Start("ConvertToOnnx");
        channel.Info(MessageSensitivity.None, "{0} is certified by its probes, {1}.", name, byRows);
    }

    /// <summary>The flow's own graph, of the opset of ML.NET's, as its probes have certified it.</summary>
    /// <exception cref="FlowParityException">It disagrees with the trained flow.</exception>
    protected abstract byte[] Build();

    /// <summary>What a value of an added column may be off by, where graph and pipeline have the same inputs.</summary>
    /// <param name="expected">The added columns as the pipeline gives them: one matrix [rows, width] each.</param>
    /// <param name="output">Which column.</param>
    /// <param name="row">Which row.</param>
    /// <param name="element">Which element of its vector.</param>
    public abstract double Allowed(float[][] expected, int output, int row, int element);
}
