using RealNvp.ML.Export.Steps;

namespace RealNvp.ML.Export.Onnx;

/// <summary>
/// The image on its way through the graph: one tensor [N, C, H, W] that the steps work on, and the channels that were factored out before it. The latent
/// of the whole flow is flat, the coarsest scale first: what the last scale yields, then what each <see cref="FactorOut"/> set aside, the latest first;
/// every part is planar.
/// </summary>
internal sealed class ImageState
{
    private readonly GraphNodes _nodes;
    private readonly string _rows;
    private readonly Stack<(string Tensor, FlowShape Shape)> _setAside = new();

    private ImageState(GraphNodes nodes, string rows, string tensor, FlowShape shape)
    {
        _nodes = nodes;
        _rows = rows;
        Tensor = tensor;
        Shape = shape;
    }

    /// <summary>The tensor that the steps work on.</summary>
    public string Tensor { get; private set; }

    /// <summary>Its shape without the batch axis.</summary>
    public FlowShape Shape { get; private set; }

    public int Channels => Shape.Dimensions[0];

    public int Height => Shape.Dimensions[1];

    public int Width => Shape.Dimensions[2];

    /// <summary>The flow's latent in its order, as flat tensors [N, Width].</summary>
    public IEnumerable<(string Tensor, int Width)> Latent
        => _setAside.Prepend((Tensor, Shape)).Select(part => (Flat(part.Item1), part.Item2.Size));

    /// <summary>The state before the first step: rows [N, C * H * W], planar.</summary>
    public static ImageState FromRows(GraphNodes nodes, string rows, FlowShape shape) => new(nodes, rows, ToImage(nodes, rows, shape), shape);

    /// <summary>The state behind the last of <paramref name="steps"/>: flat latents [N, C * H * W], taken apart into scales.</summary>
    public static ImageState FromLatent(GraphNodes nodes, string latent, FlowShape input, IEnumerable<FlowStep> steps)
    {
        var setAside = new Stack<FlowShape>();
        FlowShape last = input;
        foreach (FlowStep step in steps)
        {
            FlowShape next = step.OutputShape(last);
            if (step is FactorOut)
                setAside.Push(next); // both halves have one shape
            last = next;
        }
        FlowShape[] shapes = [last, .. setAside];
        string[] parts = shapes.Length == 1
            ? [latent]
            : nodes.Node("Split", [latent, nodes.Constant(Array.ConvertAll(shapes, shape => (long)shape.Size))], shapes.Length, [("axis", 1L)]);
        var state = new ImageState(nodes, latent, ToImage(nodes, parts[0], last), last);
        for (int i = shapes.Length - 1; i > 0; i--)
            state._setAside.Push((ToImage(nodes, parts[i], shapes[i]), shapes[i]));
        return state;
    }

    /// <summary>Replaces the tensor by one of the same shape, or of another where it is given.</summary>
    public void Replace(string tensor, FlowShape? shape = null) => (Tensor, Shape) = (tensor, shape ?? Shape);

    /// <summary>Keeps <paramref name="kept"/> and sets a tensor of the same shape aside for the latent.</summary>
    public void SetAside(string kept, string aside, FlowShape shape)
    {
        _setAside.Push((aside, shape));
        Replace(kept, shape);
    }

    /// <summary>Takes back what was set aside last.</summary>
    public string TakeBack() => _setAside.Pop().Tensor;

    /// <summary>The tensor's two halves along the channels.</summary>
    public string[] Halves() => _nodes.Node("Split", [Tensor, _nodes.Constant([Channels / 2L, Channels / 2L])], 2, [("axis", 1L)]);

    /// <summary>A constant [C, H, W] or a part of it, repeated for every row: a channel that nets read beside the image.</summary>
    public string ForEveryRow(string constant)
    {
        // the number of rows is known only when the graph runs
        string rows = _nodes.Node("Shape", [_rows], [("start", 0L), ("end", 1L)]);
        return _nodes.Node("Expand", constant, _nodes.Node("Concat", [rows, _nodes.Constant([1L, 1L, 1L])], [("axis", 0L)]));
    }

    /// <summary>A tensor [N, C, H, W] as [N, C * H * W]; nothing is copied.</summary>
    public string Flat(string tensor) => _nodes.Node("Flatten", [tensor], [("axis", 1L)]);

    private static string ToImage(GraphNodes nodes, string rows, FlowShape shape)
        => nodes.Node("Reshape", rows, nodes.Constant([0L, .. shape.Dimensions.Select(dimension => (long)dimension)])); // 0: the axis as it is
}
