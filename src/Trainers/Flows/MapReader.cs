using RealNvp.ML.Export.Nets;
using RealNvp.ML.Trainers.Distributed;
using RealNvp.ML.Trainers.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Trainers.Flows;

/// <summary>
/// How a flow of continuous maps reads them: with the planes of the position beside them, which its couplings read, and one of the
/// position's number; and in training a few random positions of each map, with noise. Where couplings look at one position at a time, that
/// of a few, weighted up, is an unbiased estimate of the log-likelihood of all.
/// </summary>
internal sealed class MapReader : nn.Module
{
    private readonly Tensor planes; // [1, P + 1, H, W]
    private readonly Tensor deviations; // of the noise, [C, 1, 1]
    private readonly int? _positions;
    private readonly bool _noisy;
    private readonly DeviceRandom? _random;

    /// <summary>A reader of maps.</summary>
    /// <param name="height">H.</param>
    /// <param name="width">W.</param>
    /// <param name="frequencies">Of the planes of the position; 0 for none but its number.</param>
    /// <param name="deviations">The standard deviation of the noise per channel; zeros for none.</param>
    /// <param name="positions">Positions of each map that training reads; null for all.</param>
    /// <param name="random">Draws positions and noise; needed in training.</param>
    public MapReader(int height, int width, int frequencies, float[] deviations, int? positions, DeviceRandom? random)
        : base(nameof(MapReader))
    {
        planes = LastingTensor.Of(() => FloatTensors.Of([.. PositionPlanes.Of(frequencies, height, width),
            .. Enumerable.Range(0, height * width).Select(position => (float)position)]).reshape(1, -1, height, width));
        this.deviations = LastingTensor.Of(() => FloatTensors.Of(deviations).reshape(-1, 1, 1));
        _noisy = deviations.Any(deviation => deviation > 0);
        (_positions, _random) = (positions, random);
        RegisterComponents();
    }

    /// <summary>The planes of whole maps.</summary>
    public Tensor Planes => planes;

    /// <summary>What training sees of maps, [N, C, H, W], the planes of it, and for how many of its positions each stands.</summary>
    public (Tensor Maps, Tensor Planes, double Weight) Draw(Tensor maps)
    {
        (long count, long channels, long all) = (maps.shape[0], maps.shape[1], maps.shape[2] * maps.shape[3]);
        (Tensor seen, Tensor given, double weight) = (maps, planes, 1);
        if (_positions is { } positions && positions < all)
        {
            Tensor chosen = RowShard.Own(randint(0, all, [RowShard.Drawn(count), positions], ScalarType.Int64, maps.device,
                generator: _random!.Generator));
            seen = maps.flatten(2).gather(2, chosen.unsqueeze(1).expand(-1, channels, -1)).unsqueeze(2);
            given = planes.flatten(2).squeeze(0).index_select(1, chosen.flatten())
                .reshape(planes.shape[1], count, positions).permute(1, 0, 2).unsqueeze(2);
            weight = (double)all / positions;
        }
        if (!_noisy)
            return (seen, given, weight);
        long[] drawn = [RowShard.Drawn(count), .. seen.shape[1..]];
        Tensor noise = RowShard.Own(randn(drawn, dtype: ScalarType.Float32, device: maps.device, generator: _random!.Generator));
        return (seen.Plus(noise * deviations), given, weight);
    }
}
