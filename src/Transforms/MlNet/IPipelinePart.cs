using System.Collections.Immutable;
using Microsoft.ML;
using Microsoft.ML.Data;

namespace RealNvp.ML.Transforms.MlNet;

/// <summary>
/// A transformer of ours as ML.NET's <c>ConvertToOnnx</c> meets it. It knows no internal type of ML.NET, so that it is there where those
/// are not.
/// </summary>
internal interface IPipelinePart
{
    /// <summary>The transformer, as errors call it.</summary>
    string Name { get; }

    /// <summary>Why it cannot be part of a graph, and what to do, as sentences; null where it can.</summary>
    string? Refusal { get; }

    /// <summary>The columns that are read.</summary>
    ImmutableArray<PipelineInput> Inputs { get; }

    /// <summary>Adds itself to a graph that holds the steps before it.</summary>
    /// <param name="graph">The graph.</param>
    /// <param name="view">The transformer's own view, with its results.</param>
    /// <param name="source">The view that it reads.</param>
    /// <exception cref="InvalidOperationException">The graph lacks what it reads.</exception>
    /// <exception cref="FlowParityException">The graph does not give its results.</exception>
    void AddTo(PipelineGraph graph, IDataView view, IDataView source);
}

/// <summary>A transformer that no graph can hold.</summary>
/// <param name="Name">The transformer, as errors call it.</param>
/// <param name="Refusal">Why, and what to do.</param>
internal sealed record RefusedPart(string Name, string Refusal) : IPipelinePart
{
    /// <inheritdoc/>
    public ImmutableArray<PipelineInput> Inputs => [];

    /// <inheritdoc/>
    public void AddTo(PipelineGraph graph, IDataView view, IDataView source) => throw new InvalidOperationException(Refusal);
}

/// <summary>A column that a part of a graph reads.</summary>
/// <param name="Column">Its name in ML.NET.</param>
/// <param name="Tensor">The input of the part's own graph, [N, <paramref name="Width"/>].</param>
/// <param name="Width">Values per row.</param>
internal sealed record PipelineInput(string Column, string Tensor, int Width);

/// <summary>A column that a part of a graph adds.</summary>
/// <param name="Column">Its name in ML.NET.</param>
/// <param name="Tensor">The output of the part's own graph, [N, values].</param>
/// <param name="Type">Its type in ML.NET.</param>
internal sealed record PipelineOutput(string Column, string Tensor, DataViewType Type)
{
    /// <summary>Values per row.</summary>
    public int Width => (Type as VectorDataViewType)?.Size ?? 1;
}
