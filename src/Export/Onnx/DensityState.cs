namespace RealNvp.ML.Export.Onnx;

/// <summary>A flow on its way through the density graph: also the log-determinants of the steps so far.</summary>
/// <param name="nodes">The graph.</param>
/// <param name="rows">[N, size].</param>
/// <param name="shape">The dimensions of a row.</param>
/// <param name="mapped">Whether the places of an image's terms are kept too, for <see cref="ScoreMap"/>.</param>
internal sealed class DensityState(GraphNodes nodes, string rows, ReadOnlySpan<int> shape, bool mapped = false)
    : FlowState(nodes, rows, shape)
{
    private readonly ScoreMapState? _map = mapped ? new(nodes, shape[1], shape[2]) : null;

    // Log-determinants per element are summed as [N, k] by their width first: additions are cheaper than row sums.
    private readonly Dictionary<int, string> _logDets = [];
    private readonly List<string> _rowLogDets = [];
    private double _constantLogDet;

    /// <summary>log q(z) of the latent, [N, 1] in double, where that is not the standard normal's.</summary>
    public string? LatentLogDensity { get; set; }

    /// <summary>Adds log-determinants per element, [N, width].</summary>
    public void AddLogDet(string tensor, int width)
        => _logDets[width] = _logDets.TryGetValue(width, out string? sum) ? Nodes.Node("Add", sum, tensor) : tensor;

    /// <summary>Adds log-determinants per row, [N, 1] in double.</summary>
    public void AddRowLogDet(string tensor) => _rowLogDets.Add(tensor);

    /// <summary>Adds log-determinants per element of an image, [N, channels, H, W].</summary>
    public void AddImageLogDet(string tensor, int channels)
    {
        AddLogDet(Image.Flat(tensor), channels * Image.Height * Image.Width);
        _map?.Add(tensor, channels, Image.Height, Image.Width);
    }

    /// <summary>Adds a log-determinant that is the same for every image, a part at each position where it is not 0.</summary>
    /// <param name="value">That of one position, of all its channels together.</param>
    /// <param name="weight">By what it is multiplied at each position; everywhere 1 where left out.</param>
    public void AddImageConstantLogDet(double value, ReadOnlySpan<float> weight = default)
    {
        double positions = Image.Height * Image.Width;
        if (!weight.IsEmpty)
        {
            positions = 0;
            foreach (float at in weight)
                positions += at;
        }
        AddConstantLogDet(positions * value);
        _map?.AddConstant(value, Image.Height, Image.Width, weight);
    }

    /// <summary>Adds a log-determinant that is the same for every row.</summary>
    public void AddConstantLogDet(double value) => _constantLogDet += value;

    /// <summary>The flow's log-likelihood, [N, 1], once all steps are emitted; finite for every finite row.</summary>
    public string LogLikelihood()
    {
        // log N(z; 0, I) = -1/2 sum z^2 - D/2 log(2 pi), summed elementwise with the log-determinants of the same width
        int size = 0;
        foreach ((string tensor, int width) in LatentParts())
        {
            if (LatentLogDensity is not null)
                continue;
            string square = Nodes.Node("Mul", tensor, tensor);
            AddLogDet(Nodes.Node("Mul", square, Nodes.Scalar(-0.5)), width);
            size += width;
        }
        if (LatentLogDensity is not null)
            AddRowLogDet(LatentLogDensity);
        string sum = _logDets.Values.Select(Nodes.DoubleRowSum).Concat(_rowLogDets).Aggregate((a, b) => Nodes.Node("Add", a, b));
        double constant = _constantLogDet - 0.5 * size * Math.Log(2 * Math.PI);
        string logLikelihood = Nodes.ToFloat(Nodes.Node("Add", sum, Nodes.DoubleScalar(constant)));
        // a row where float32 has overflown has a density of zero: no row is infinitely likely, and infinity - infinity, NaN, is not less
        string lowest = Nodes.Scalar(float.MinValue), isBelow = Nodes.Node("Less", logLikelihood, Nodes.Scalar(double.PositiveInfinity));
        return Nodes.Node("Max", Nodes.Node("Where", isBelow, logLikelihood, lowest), lowest);
    }

    /// <summary>
    /// Each pixel's share of -log p, [N, H * W], once all steps are emitted; only where that was asked for, and once.
    /// </summary>
    public string ScoreMap()
    {
        foreach ((string tensor, int channels, int height, int width) in Image.Parts)
        {
            _map!.Add(Nodes.Node("Mul", Nodes.Node("Mul", tensor, tensor), Nodes.Scalar(-0.5)), channels, height, width);
            _map.AddConstant(-0.5 * channels * Math.Log(2 * Math.PI), height, width);
        }
        return _map!.Build();
    }

    /// <summary>The latent as one tensor, [N, size].</summary>
    public string Latent()
    {
        if (Image is null)
            return Vector.Whole();
        string[] parts = [.. Image.Latent.Select(part => part.Tensor)];
        return parts.Length == 1 ? parts[0] : Nodes.Node("Concat", parts, [("axis", 1L)]);
    }

    /// <summary>The latent in parts that are already there, [N, Width] each.</summary>
    private IEnumerable<(string Tensor, int Width)> LatentParts()
    {
        if (Image is not null)
            return Image.Latent;
        Vector.Map(part => part with { Tensor = Vector.Scaled(part), Scale = null });
        return Vector.Parts.Select(part => (part.Tensor, part.Width));
    }
}
