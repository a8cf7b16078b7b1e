using System.Collections.Immutable;
using RealNvp.ML.Export.Storage;

namespace RealNvp.ML.Export.Steps;

/// <summary>Which positions of a vector a coupling layer reads (the conditioning half, left unchanged) and which it transforms.</summary>
public sealed class CouplingMask
{
    /// <summary>
    /// A mask from the positions that condition and those that are transformed: together every position once. None need condition where
    /// a coupling reads the condition of a flow.
    /// </summary>
    public CouplingMask(ImmutableArray<int> conditioning, ImmutableArray<int> transformed)
    {
        int features = conditioning.Length + transformed.Length;
        var seen = new bool[features];
        foreach (int position in conditioning.Concat(transformed))
        {
            if (position < 0 || position >= features || seen[position])
                throw new FlowModelException(
                    $"a mask names every position from 0 to {features - 1} once; found {position} out of range or twice.");
            seen[position] = true;
        }
        if (transformed.IsEmpty)
            throw new FlowModelException("a mask has at least one transformed position.");
        Conditioning = conditioning;
        Transformed = transformed;
    }

    /// <summary>The positions that pass unchanged and feed the nets.</summary>
    public ImmutableArray<int> Conditioning { get; }

    /// <summary>The positions that are scaled and shifted.</summary>
    public ImmutableArray<int> Transformed { get; }

    /// <summary>The number of positions.</summary>
    public int Features => Conditioning.Length + Transformed.Length;

    /// <summary>The mask with the roles exchanged.</summary>
    public CouplingMask Complement() => new(Transformed, Conditioning);
}
