namespace RealNvp.ML.Export.Onnx;

/// <summary>
/// The image on its way through a graph: one tensor [N, C, H, W] that the steps work on, and the channels that were factored out before
/// it. The latent of the whole flow is flat, the coarsest scale first: what the last scale yields, then what was set aside, the latest
/// first; every part is planar.
/// </summary>
internal sealed class ImageState
{
    private readonly GraphNodes _nodes;
    private readonly string _rows;
    private readonly Stack<(string Tensor, int Channels, int Height, int Width)> _setAside = new();

    private ImageState(GraphNodes nodes, string rows, string part, ReadOnlySpan<int> shape)
    {
        _nodes = nodes;
        _rows = rows;
        Tensor = ToImage(part, shape);
        (Channels, Height, Width) = (shape[0], shape[1], shape[2]);
    }

    /// <summary>The tensor that the steps work on.</summary>
    public string Tensor { get; private set; }

    public int Channels { get; private set; }

    public int Height { get; private set; }

    public int Width { get; private set; }

    /// <summary>The flow's latent in its order, as flat tensors [N, Width].</summary>
    public IEnumerable<(string Tensor, int Width)> Latent
        => Parts.Select(part => (Flat(part.Tensor), part.Channels * part.Height * part.Width));

    /// <summary>The same as tensors [N, Channels, Height, Width].</summary>
    public IEnumerable<(string Tensor, int Channels, int Height, int Width)> Parts
        => _setAside.Prepend((Tensor, Channels, Height, Width));

    /// <summary>The state before the first step.</summary>
    /// <param name="nodes">The graph.</param>
    /// <param name="rows">[N, C * H * W], planar.</param>
    /// <param name="shape">C, H and W.</param>
    public static ImageState FromRows(GraphNodes nodes, string rows, ReadOnlySpan<int> shape) => new(nodes, rows, rows, shape);

    /// <summary>The state after the last step, for the way back.</summary>
    /// <param name="nodes">The graph.</param>
    /// <param name="latent">Flat latents, [N, C * H * W].</param>
    /// <param name="shapes">C, H and W of every part of the latent, in its order.</param>
    public static ImageState FromLatent(GraphNodes nodes, string latent, int[][] shapes)
    {
        string[] parts = shapes.Length == 1 ? [latent] : nodes.Split(latent, Array.ConvertAll(shapes, shape => (long)Size(shape)));
        var state = new ImageState(nodes, latent, parts[0], shapes[0]);
        for (int i = shapes.Length - 1; i > 0; i--)
            state._setAside.Push((state.ToImage(parts[i], shapes[i]), shapes[i][0], shapes[i][1], shapes[i][2]));
        return state;
    }

    /// <summary>Replaces the tensor by one of the same shape.</summary>
    public void Replace(string tensor) => Tensor = tensor;

    /// <summary>Replaces the tensor by one of another shape.</summary>
    public void Replace(string tensor, int channels, int height, int width)
        => (Tensor, Channels, Height, Width) = (tensor, channels, height, width);

    /// <summary>Keeps the first half of the channels and sets the second aside for the latent.</summary>
    public void SetHalfAside()
    {
        string[] halves = Halves();
        Replace(halves[0], Channels / 2, Height, Width);
        _setAside.Push((halves[1], Channels, Height, Width));
    }

    /// <summary>Takes back what was set aside last.</summary>
    public void TakeHalfBack()
        => Replace(_nodes.Node("Concat", [Tensor, _setAside.Pop().Tensor], [("axis", 1L)]), 2 * Channels, Height, Width);

    /// <summary>The tensor's two halves along the channels.</summary>
    public string[] Halves() => _nodes.Split(Tensor, Channels / 2, Channels / 2);

    /// <summary>A constant [C, H, W] or a part of it, repeated for every row: a channel that nets read beside the image.</summary>
    public string ForEveryRow(string constant)
    {
        // the number of rows is known only when the graph runs
        string shape = _nodes.Node("Concat", [_nodes.RowCount(_rows), _nodes.Constant([1L, 1L, 1L])], [("axis", 0L)]);
        return _nodes.Node("Expand", constant, shape);
    }

    /// <summary>A tensor [N, C, H, W] as [N, C * H * W]; nothing is copied.</summary>
    public string Flat(string tensor) => _nodes.Node("Flatten", [tensor], [("axis", 1L)]);

    private static int Size(ReadOnlySpan<int> shape) => shape[0] * shape[1] * shape[2];

    private string ToImage(string rows, ReadOnlySpan<int> shape)
        => _nodes.Node("Reshape", rows, _nodes.Constant([0L, shape[0], shape[1], shape[2]])); // 0: the axis as it is
}
