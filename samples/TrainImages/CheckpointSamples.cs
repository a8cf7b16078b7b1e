using System.Globalization;
using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Export;
using RealNvp.ML.Transforms;

namespace RealNvp.ML.Samples;

/// <summary>Draws a grid of samples from a training's checkpoints while it goes on.</summary>
/// <param name="mlContext">Runs the flows.</param>
/// <param name="images">The columns of the data.</param>
/// <param name="checkpoints">The folder of the checkpoints.</param>
/// <param name="every">Steps between two grids, or up to the next checkpoint more.</param>
/// <param name="folder">Where the pictures go.</param>
internal sealed class CheckpointSamples(MLContext mlContext, IDataView images, string checkpoints, int every, string folder)
    : IProgress<long>
{
    private const int Rows = 4, Columns = 8;

    private long _drawn; // the last multiple of the interval that there is a grid of

    /// <inheritdoc/>
    public void Report(long value)
    {
        if (value / every == _drawn)
            return;
        _drawn = value / every;
        try
        {
            FlowModel best = FlowModel.FromCheckpoint(checkpoints);
            using RealNvpTransformer flow = mlContext.Transforms.ApplyRealNvp(best,
                conditionColumnName: best.Condition is null ? null : ImageData.ClassColumn).Fit(images);
            using MLImage grid = flow.SampleGrid(Rows, Columns, seed: 1, magnification: 2); // the same noise in each
            grid.SavePng(Path.Combine(folder, $"samples-{value.ToString("D7", CultureInfo.InvariantCulture)}.png"));
        }
        catch (Exception e) when (e is IOException or InvalidDataException or InvalidOperationException or FlowParityException)
        {
            Console.Error.WriteLine($"No samples at step {value}: {e.Message}"); // a picture is not worth a training
        }
    }
}
