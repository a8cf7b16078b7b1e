using RealNvp.ML.Trainers.Data.Columns;
using RealNvp.ML.Trainers.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Trainers.Data.Batches;

/// <summary>What is added to the rows of a batch: uniform noise of one bin's width to discrete features, Gaussian noise to all.</summary>
internal sealed class TrainingNoise : IDisposable
{
    private static readonly Scalar s_half = 0.5.ToScalar();

    private readonly Tensor? _uniform;
    private readonly Tensor? _gaussian;
    private readonly (Tensor Means, Tensor Members)? _categories; // noise times both is what is taken from it again
    private readonly DeviceRandom _random;

    /// <summary>Noise in the units of the features.</summary>
    /// <param name="widths">The width of one bin per feature, 0 for continuous ones.</param>
    /// <param name="deviations">The standard deviation of the Gaussian noise per feature.</param>
    /// <param name="random">Draws the noise.</param>
    /// <param name="device">Where the rows are.</param>
    /// <param name="categories">The columns of each one-hot group: along their sum, which tells one category from none or two,
    /// noise is less.</param>
    public TrainingNoise(float[] widths, float[] deviations, DeviceRandom random, Device device, int[][]? categories = null)
    {
        Tensor? Positive(float[] values)
            => values.Any(value => value > 0)
                ? LastingTensor.Of(() => tensor(values, dtype: ScalarType.Float32, device: device)) : null;
        _uniform = Positive(widths);
        _gaussian = Positive(deviations);
        _random = random;
        if (categories is null or [])
            return;
        (var means, var members) = (new float[widths.Length, categories.Length], new float[categories.Length, widths.Length]);
        foreach ((int g, int[] group) in categories.Index())
        {
            foreach (int j in group)
                (means[j, g], members[g, j]) = (1f / group.Length, 1 - ColumnFacts.TwoValueNoise);
        }
        _categories = (LastingTensor.Of(() => tensor(means, device: device)), LastingTensor.Of(() => tensor(members, device: device)));
    }

    /// <summary>Where the Gaussian noise begins to grow; null where it is the same everywhere.</summary>
    public NoiseReach? Reach { get; init; }

    /// <summary>Rows with one draw of the uniform noise alone: what a discrete density is to be evaluated on.</summary>
    public Tensor Dequantized(Tensor rows) => _uniform is null ? rows : AddUniform(rows);

    /// <summary>The batch with fresh noise.</summary>
    public Tensor Add(Tensor batch)
    {
        if (_uniform is not null)
            batch = AddUniform(batch);
        if (_gaussian is not null)
        {
            Tensor noise = randn(batch.shape, dtype: ScalarType.Float32, device: batch.device, generator: _random.Generator) * _gaussian;
            batch = batch.Plus(Reach is null ? noise : noise * Reach.Growth(batch));
        }
        return batch;
    }

    private Tensor AddUniform(Tensor rows)
    {
        Tensor noise = rand(rows.shape, dtype: ScalarType.Float32, device: rows.device, generator: _random.Generator) - s_half;
        if (_categories is { } of)
            noise -= noise.matmul(of.Means).matmul(of.Members);
        return rows.Plus(noise * _uniform!);
    }

    public void Dispose()
    {
        _uniform?.Dispose();
        _gaussian?.Dispose();
        _categories?.Means.Dispose();
        _categories?.Members.Dispose();
        Reach?.Dispose();
    }
}
