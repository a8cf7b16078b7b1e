using RealNvp.ML.Trainers.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Trainers.Data.Rows;

/// <summary>Rows [n, features], row-major, and their weights [n].</summary>
internal sealed record WeightedRows(float[] Values, float[] Weights, int Features)
{
    /// <summary>The number of rows.</summary>
    public int Count => Weights.Length;

    /// <summary>The values of one row.</summary>
    public ReadOnlySpan<float> Row(int row) => Values.AsSpan(row * Features, Features);

    /// <summary>A copy of some columns, of the first rows where not all are named.</summary>
    public WeightedRows Columns(int first, int count, int rows = int.MaxValue)
    {
        rows = Math.Min(rows, Count);
        var values = new float[rows * count];
        for (int i = 0; i < rows; i++)
            Row(i).Slice(first, count).CopyTo(values.AsSpan(i * count));
        return new(values, rows < Count ? Weights[..rows] : Weights, count);
    }

    /// <summary>A copy of some rows, by number.</summary>
    public WeightedRows Gather(ReadOnlySpan<int> rows)
    {
        var values = new float[rows.Length * Features];
        var weights = new float[rows.Length];
        for (int i = 0; i < rows.Length; i++)
        {
            Row(rows[i]).CopyTo(values.AsSpan(i * Features));
            weights[i] = Weights[rows[i]];
        }
        return new(values, weights, Features);
    }

    /// <summary>The rows on a device, outside any scope.</summary>
    public DeviceRows To(Device device, bool weighted)
    {
        Tensor rows = LastingTensor.Of(() => tensor(Values, [Count, Features], dtype: ScalarType.Float32, device: CPU).to(device));
        return new DeviceRows(rows, weighted ? LastingTensor.Of(() => tensor(Weights, dtype: ScalarType.Float32, device: CPU).to(device))
            : null);
    }
}

/// <summary>Rows [n, features] on a device and, where they have any, their weights [n].</summary>
internal sealed record DeviceRows(Tensor Rows, Tensor? Weights) : IDisposable
{
    /// <summary>The number of rows.</summary>
    public long Count => Rows.shape[0];

    /// <summary>A copy in the host's memory, at most of so many first rows.</summary>
    public WeightedRows ToHost(long most = long.MaxValue)
    {
        using DisposeScope scope = NewDisposeScope();
        long count = Math.Min(most, Count);
        return new(FloatTensors.Array(Rows.narrow(0, 0, count)), HostWeights(count), (int)Rows.shape[1]);
    }

    /// <summary>The weights of so many first rows in the host's memory; 1 each where they have none.</summary>
    public float[] HostWeights(long count)
    {
        using DisposeScope scope = NewDisposeScope();
        return Weights is null ? [.. Enumerable.Repeat(1f, (int)count)] : FloatTensors.Array(Weights.narrow(0, 0, count));
    }

    public void Dispose()
    {
        Rows.Dispose();
        Weights?.Dispose();
    }
}
