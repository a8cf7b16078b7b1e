namespace RealNvp.ML.Export.Onnx;

/// <summary>
/// Gathers the terms of an image's log-likelihood at the positions they are of: each on the grid of the scale it belongs to. In the end a
/// position of a coarser grid stands for a block of pixels, over which its terms are spread evenly, so that the sum over the picture is the
/// log-likelihood.
/// </summary>
/// <param name="nodes">The graph.</param>
/// <param name="height">Of the picture.</param>
/// <param name="width">Of the picture.</param>
internal sealed class ScoreMapState(GraphNodes nodes, int height, int width)
{
    // terms of one shape are summed first: channels are summed once for each
    private readonly Dictionary<(int Channels, int Height, int Width), string> _terms = [];
    private readonly double[] _constants = new double[height * width];

    /// <summary>Adds terms [N, channels, rows, columns].</summary>
    public void Add(string tensor, int channels, int rows, int columns)
    {
        (int, int, int) shape = (channels, rows, columns);
        _terms[shape] = _terms.TryGetValue(shape, out string? sum) ? nodes.Node("Add", sum, tensor) : tensor;
    }

    /// <summary>Adds a term that is the same for every row, at the positions of a grid where <paramref name="weight"/> is not 0.</summary>
    /// <param name="value">The term of a position.</param>
    /// <param name="rows">Of the grid.</param>
    /// <param name="columns">Of the grid.</param>
    /// <param name="weight">By what it is multiplied at each position; everywhere 1 where left out.</param>
    public void AddConstant(double value, int rows, int columns, ReadOnlySpan<float> weight = default)
    {
        double share = (double)rows * columns / ((double)height * width); // 1 / the pixels of a block
        for (int y = 0; y < Math.Max(height, rows); y++)
        {
            for (int x = 0; x < Math.Max(width, columns); x++)
            {
                (int row, int column) = (y * rows / Math.Max(height, rows), x * columns / Math.Max(width, columns));
                int pixel = y * height / Math.Max(height, rows) * width + x * width / Math.Max(width, columns);
                _constants[pixel] += value * Math.Min(share, 1) * (weight.IsEmpty ? 1 : weight[row * columns + column]);
            }
        }
    }

    /// <summary>Each pixel's share of -log p, [N, height * width], finite wherever a row is.</summary>
    public string Build()
    {
        string total = nodes.Constant(Array.ConvertAll(_constants, value => -value), 1, height * width);
        foreach (IGrouping<(int Height, int Width), string> grid in _terms.GroupBy(
            term => (term.Key.Height, term.Key.Width), term => nodes.ToFloat(nodes.DoubleSum(term.Value, axis: 1, keep: false))))
        {
            string sum = grid.Aggregate((a, b) => nodes.Node("Add", a, b));
            total = nodes.Node("Sub", total, OnPicture(sum, grid.Key.Height, grid.Key.Width));
        }
        string most = nodes.Scalar(float.MaxValue); // as the log-likelihood, which then is the lowest
        string isAbove = nodes.Node("Less", nodes.Scalar(double.NegativeInfinity), total);
        string known = nodes.Node("Where", isAbove, total, most);
        return nodes.Node("Clip", known, nodes.Scalar(float.MinValue), most);
    }

    /// <summary>[N, rows, columns] as [N, height * width]: each spread over its block, or several added where the grid is finer.</summary>
    private string OnPicture(string grid, int rows, int columns)
    {
        if (rows > height || columns > width)
        {
            string blocks = nodes.Node("Reshape", grid, nodes.Constant([0L, height, rows / height, width, columns / width]));
            string sum = nodes.Sum(nodes.DoubleSum(blocks, axis: 4, keep: false), axis: 2, keep: false);
            return Flat(nodes.ToFloat(sum));
        }
        if (rows == height && columns == width)
            return Flat(grid);
        long down = height / rows, right = width / columns;
        string shares = nodes.Node("Mul", grid, nodes.Scalar(1.0 / (down * right)));
        string apart = nodes.Node("Reshape", shares, nodes.Constant([0L, rows, 1, columns, 1]));
        return Flat(nodes.Node("Expand", apart, nodes.Constant([1L, rows, down, columns, right])));
    }

    private string Flat(string x) => nodes.Node("Reshape", x, nodes.Constant([0L, height * width]));
}
