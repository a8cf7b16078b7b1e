using System.Collections.Immutable;

namespace RealNvp.ML.Export.Onnx;

/// <summary>Some positions of the flow's vector as one tensor [N, Width] of the graph; the values are <c>Scale * Tensor</c>.</summary>
/// <param name="Tensor">The tensor's name.</param>
/// <param name="Positions">The vector's position of each column of the tensor.</param>
/// <param name="Scale">A factor per column that has not been multiplied yet, or null for ones.</param>
internal readonly record struct VectorPart(string Tensor, ImmutableArray<int> Positions, double[]? Scale)
{
    public int Width => Positions.Length;

    public double[] ScaleOrOnes() => Scale ?? [.. Enumerable.Repeat(1.0, Width)];

    /// <summary>The entries of a per-position array that belong to this part.</summary>
    public T[] Select<T>(IReadOnlyList<T> perPosition) => [.. Positions.Select(position => perPosition[position])];
}

/// <summary>
/// The vector on its way through the graph, kept in the parts that the couplings work on: as long as successive masks split it the same
/// way, no node is spent on taking it apart or together.
/// </summary>
internal sealed class VectorState
{
    private readonly GraphNodes _nodes;
    private ImmutableArray<VectorPart> _parts;

    public VectorState(GraphNodes nodes, string tensor, int size)
    {
        _nodes = nodes;
        _parts = [new VectorPart(tensor, [.. Enumerable.Range(0, size)], null)];
    }

    /// <summary>Replaces the whole vector by one tensor in the order of its positions.</summary>
    public void Reset(string tensor) => _parts = [new VectorPart(tensor, [.. Enumerable.Range(0, _parts.Sum(part => part.Width))], null)];

    public ImmutableArray<VectorPart> Parts => _parts;

    /// <summary>Replaces every part by what <paramref name="write"/> makes of it.</summary>
    public void Map(Func<VectorPart, VectorPart> write) => _parts = [.. _parts.Select(write)];

    /// <summary>Replaces the part over the same positions.</summary>
    public void Replace(VectorPart part) => Map(old => old.Positions.AsSpan().SequenceEqual(part.Positions.AsSpan()) ? part : old);

    /// <summary>The part's values, its pending scale multiplied.</summary>
    public string Scaled(VectorPart part) => part.Scale is null || part.Scale.All(scale => scale == 1)
        ? part.Tensor
        : _nodes.Node("Mul", part.Tensor, _nodes.Constant(part.Scale));

    /// <summary>The vector as two parts, over the positions that each is to have: together all. The first may have none.</summary>
    public (VectorPart First, VectorPart Second) Split(ImmutableArray<int> first, ImmutableArray<int> second)
    {
        if (first.IsEmpty)
        {
            VectorPart all = Take(Join(), second);
            _parts = [all];
            return (new VectorPart("", first, null), all);
        }
        if (Find(first) is not { } head || Find(second) is not { } tail)
        {
            (head, tail) = Separate(Join(), first, second);
            _parts = [head, tail];
        }
        return (head, tail);
    }

    /// <summary>The whole vector in the order of its positions, pending scales multiplied.</summary>
    public string Whole()
    {
        VectorPart joined = Join();
        ImmutableArray<int> order = [.. Enumerable.Range(0, joined.Width)];
        joined = Take(joined, order);
        _parts = [joined with { Tensor = Scaled(joined), Scale = null }];
        return _parts[0].Tensor;
    }

    private VectorPart? Find(ImmutableArray<int> positions)
    {
        foreach (VectorPart part in _parts)
        {
            if (part.Positions.AsSpan().SequenceEqual(positions.AsSpan()))
                return part;
        }
        return null;
    }

    private VectorPart Join()
    {
        if (_parts.Length == 1)
            return _parts[0];
        string tensor = _nodes.Node("Concat", [.. _parts.Select(part => part.Tensor)], [("axis", 1L)]);
        double[]? scale = _parts.All(part => part.Scale is null) ? null : [.. _parts.SelectMany(part => part.ScaleOrOnes())];
        return new VectorPart(tensor, [.. _parts.SelectMany(part => part.Positions)], scale);
    }

    private (VectorPart, VectorPart) Separate(VectorPart whole, ImmutableArray<int> first, ImmutableArray<int> second)
    {
        // A Split copies whole runs; a Gather goes value by value.
        if (first.Concat(second).SequenceEqual(whole.Positions))
            return Cut(whole, first, second);
        if (second.Concat(first).SequenceEqual(whole.Positions))
        {
            (VectorPart head, VectorPart tail) = Cut(whole, second, first);
            return (tail, head);
        }
        return (Take(whole, first), Take(whole, second));
    }

    private (VectorPart, VectorPart) Cut(VectorPart whole, ImmutableArray<int> first, ImmutableArray<int> second)
    {
        string[] halves = _nodes.Split(whole.Tensor, first.Length, second.Length);
        return (new(halves[0], first, whole.Scale?[..first.Length]), new(halves[1], second, whole.Scale?[first.Length..]));
    }

    private VectorPart Take(VectorPart whole, ImmutableArray<int> positions)
    {
        if (whole.Positions.AsSpan().SequenceEqual(positions.AsSpan()))
            return whole;
        var at = new int[whole.Width]; // a search for each position would take the square of their number
        for (int i = 0; i < whole.Width; i++)
            at[whole.Positions[i]] = i;
        int[] columns = [.. positions.Select(position => at[position])];
        string indices = _nodes.Constant(Array.ConvertAll(columns, column => (long)column));
        string tensor = _nodes.Node("Gather", [whole.Tensor, indices], [("axis", 1L)]);
        return new VectorPart(tensor, positions, whole.Scale is { } scale ? Array.ConvertAll(columns, column => scale[column]) : null);
    }
}
