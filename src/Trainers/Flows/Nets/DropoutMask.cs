using RealNvp.ML.Trainers.Distributed;
using RealNvp.ML.Trainers.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Trainers.Flows.Nets;

/// <summary>
/// Draws what dropout multiplies by: 0 for the share that is dropped, 1 / (1 - share) for the others. Torch spends 64 random bits on each
/// Bernoulli value; here they give four values of 16 bits, so the share is rounded to 1/65536. On one core the draws were two fifths of a
/// training step.
/// </summary>
internal sealed class DropoutMask
{
    private const int Bits = 16, Levels = 1 << Bits, PerDraw = 64 / Bits;

    private readonly DeviceRandom _noise;
    private readonly Scalar _firstKept;
    private readonly Scalar _scale;
    private Tensor? _shifts;

    /// <summary>A source of masks.</summary>
    /// <param name="share">The share that is dropped, above 0 and below 1.</param>
    /// <param name="noise">Draws; must outlive this.</param>
    public DropoutMask(double share, DeviceRandom noise)
    {
        _noise = noise;
        int dropped = Math.Clamp((int)Math.Round(share * Levels), 1, Levels - 1);
        _firstKept = (long.MinValue + ((long)dropped << (64 - Bits))).ToScalar();
        _scale = ((double)Levels / (Levels - dropped)).ToScalar();
    }

    /// <summary>A mask in the shape of <paramref name="values"/>, on their device and of their type.</summary>
    public Tensor Draw(Tensor values)
    {
        // products by powers of two bring each 16 bits to the top, where they alone decide the comparison
        _shifts ??= LastingTensor.Of(()
            => tensor(Enumerable.Range(0, PerDraw).Select(i => 1L << (Bits * i)).ToArray(), [PerDraw, 1], device: values.device));
        long[] shape = values.shape;
        shape[0] = RowShard.Drawn(shape[0]);
        long count = values.numel() / values.shape[0] * shape[0];
        Tensor draws = randint(
            long.MinValue, long.MaxValue, [(count + PerDraw - 1) / PerDraw], ScalarType.Int64, values.device, generator: _noise.Generator);
        return RowShard.Own((draws * _shifts).flatten().narrow(0, 0, count).view(shape)).ge(_firstKept).to(values.dtype).mul_(_scale);
    }
}
