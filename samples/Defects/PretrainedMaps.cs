using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Pretrained;
using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Samples;

/// <summary>Maps of the pretrained net as tensors, for the methods that the flow is measured beside.</summary>
internal sealed class PretrainedMaps(MLContext mlContext, IDataView good, IDataView tested)
{
    /// <summary>Some channels of layers on a grid, [n, channels, grid, grid], of the good pictures and of the tested ones.</summary>
    public (Tensor Good, Tensor Tested) Read(string[] layers, int grid, int[] channels)
    {
        using PretrainedFeaturesTransformer net
            = mlContext.Transforms.PretrainedFeatures("Maps", maps: layers, grid: (grid, grid)).Fit(good);
        return (Tensors(good), Tensors(tested));

        Tensor Tensors(IDataView pictures)
        {
            int size = grid * grid;
            float[][] rows = [.. net.Transform(pictures).GetColumn<VBuffer<float>>("Maps").Select(maps =>
            {
                var row = new float[channels.Length * size];
                for (int i = 0; i < channels.Length; i++)
                    maps.GetValues().Slice(channels[i] * size, size).CopyTo(row.AsSpan(i * size));
                return row;
            })];
            return stack(rows.Select(row => tensor(row))).reshape(rows.Length, channels.Length, grid, grid);
        }
    }
}
