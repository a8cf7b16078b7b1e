using RealNvp.ML.Export;
using RealNvp.ML.Trainers.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Trainers.Data.Batches;

/// <summary>Mirrors half of the images of a batch left to right, at random.</summary>
internal sealed class HorizontalFlips(FlowShape image, DeviceRandom random)
{
    /// <summary>Rows [n, C * H * W], planar, and after them their conditions, where they have any.</summary>
    public Tensor Apply(Tensor rows)
    {
        if (rows.shape[1] == image.Size)
            return Mirrored(rows);
        Tensor[] parts = rows.split([image.Size, rows.shape[1] - image.Size], 1);
        return cat([Mirrored(parts[0]), parts[1]], 1);
    }

    private Tensor Mirrored(Tensor rows)
    {
        Tensor images = rows.reshape([-1, .. image.Dimensions.Select(dimension => (long)dimension)]);
        Tensor mirrored = empty([rows.shape[0], 1, 1, 1], dtype: rows.dtype, device: rows.device).bernoulli_(0.5,
            random.Generator).to(ScalarType.Bool);
        return where(mirrored, images.flip(3), images).reshape(rows.shape);
    }
}
