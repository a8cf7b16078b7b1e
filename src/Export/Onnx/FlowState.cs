namespace RealNvp.ML.Export.Onnx;

/// <summary>
/// One flow on its way through a graph: what the steps so far have made of the rows, or of the latents. Steps are emitted into it one after
/// the other; it knows none of them.
/// </summary>
internal class FlowState
{
    /// <summary>The state before the first step.</summary>
    /// <param name="nodes">The graph.</param>
    /// <param name="rows">[N, size].</param>
    /// <param name="shape">The dimensions of a row.</param>
    protected FlowState(GraphNodes nodes, string rows, ReadOnlySpan<int> shape)
    {
        Nodes = nodes;
        if (shape.Length == 1) Vector = new VectorState(nodes, rows, shape[0]);
        else Image = ImageState.FromRows(nodes, rows, shape);
    }

    /// <summary>The state after the last step, for the way back.</summary>
    /// <param name="nodes">The graph.</param>
    /// <param name="latent">[N, size].</param>
    /// <param name="shapes">The dimensions of each part of the latent, in its order.</param>
    public FlowState(GraphNodes nodes, string latent, int[][] shapes)
    {
        Nodes = nodes;
        if (shapes[0].Length == 1) Vector = new VectorState(nodes, latent, shapes[0][0]);
        else Image = ImageState.FromLatent(nodes, latent, shapes);
    }

    /// <summary>The graph.</summary>
    public GraphNodes Nodes { get; }

    /// <summary>What nets read beside the rows, [N, inputs]; null where the flow has no condition.</summary>
    public string? Condition { get; init; }

    /// <summary>The vector as the steps so far have left it; only where rows are vectors.</summary>
    public VectorState Vector { get; } = null!;

    /// <summary>The image as the steps so far have left it; only where rows are images.</summary>
    public ImageState Image { get; } = null!;

    /// <summary>The rows as one flat tensor, [N, size].</summary>
    public string Rows() => Image is null ? Vector.Whole() : Image.Flat(Image.Tensor);
}
