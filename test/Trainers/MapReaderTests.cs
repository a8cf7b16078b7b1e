using RealNvp.ML.Export;
using RealNvp.ML.Export.Steps;
using RealNvp.ML.Trainers.Data.Columns;
using RealNvp.ML.Trainers.Data.Rows;
using RealNvp.ML.Trainers.Flows;
using RealNvp.ML.Trainers.Flows.Steps.Maps;
using RealNvp.ML.Trainers.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Tests.Trainers;

/// <summary>What training sees of continuous maps, and what is known of their channels before it.</summary>
public sealed class MapReaderTests
{
    [Fact]
    public void Likelihoods_of_some_positions_estimate_those_of_all_without_bias()
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable guard = no_grad();
        using var random = new DeviceRandom(1, CPU);
        var maps = new MapReader(3, 4, 2, new float[4], positions: 5, random);
        var flow = new Flow(
            [new PositionedCouplingModule(ImageMask.FirstChannels, 4, new(2, 6, 1, 8, 0, 1), new Generator(1))],
            FlowShape.Image(4, 3, 4), maps: maps);
        RandomState.Set(flow);
        Tensor rows = randn([2, 4 * 3 * 4], dtype: ScalarType.Float64, generator: new Generator(2));
        flow.eval();
        double[] whole = [.. flow.LogLikelihood(rows).data<double>()];
        flow.train();
        double[][] draws = [.. Enumerable.Range(0, 600).Select(_ => flow.LogLikelihood(rows).data<double>().ToArray())];
        for (int row = 0; row < 2; row++)
        {
            double mean = draws.Average(draw => draw[row]);
            double deviation = Math.Sqrt(draws.Average(draw => Math.Pow(draw[row] - mean, 2)));
            Assert.True(deviation > 1, "Positions are alike: the test would pass anything.");
            Assert.Equal(whole[row], mean, 4 * deviation / Math.Sqrt(draws.Length));
        }
    }

    [Fact]
    public void Noise_is_that_of_each_channel()
    {
        using DisposeScope scope = NewDisposeScope();
        using var random = new DeviceRandom(1, CPU);
        var maps = new MapReader(20, 20, 0, [0, 2], positions: null, random);
        (Tensor seen, Tensor? planes, double weight) = maps.Draw(ones([5, 2, 20, 20]));
        Assert.Null(planes);
        Assert.Equal(1, weight);
        Assert.True(seen.narrow(1, 0, 1).eq(1).all().item<bool>());
        Assert.Equal(2, seen.narrow(1, 1, 1).std().item<float>(), 0.1f);
    }

    [Fact]
    public void Whitened_channels_have_the_identity_as_their_covariance()
    {
        const int Channels = 3, Positions = 50, Count = 60;
        var values = new float[Count * Channels * Positions];
        var random = new Random(3);
        float[][] noise = [.. Enumerable.Range(0, Count * Positions)
            .Select(_ => Enumerable.Range(0, Channels).Select(_ => (float)Tables.Normal(random)).ToArray())];
        for (int i = 0; i < Count; i++)
        {
            for (int position = 0; position < Positions; position++)
            {
                float[] at = noise[i * Positions + position];
                Span<float> map = values.AsSpan(i * Channels * Positions, Channels * Positions);
                map[position] = 10 + 4 * at[0];
                map[Positions + position] = at[0] + at[1];
                map[2 * Positions + position] = 0.01f * at[2] - 7;
            }
        }
        var rows = new WeightedRows(values, [.. Enumerable.Repeat(1f, Count)], Channels * Positions);
        ColumnFacts facts = ColumnFacts.OfMaps(rows, Channels, null);
        Assert.Equal(10, facts.Mean[7], 0.3);
        Assert.Equal(Math.Sqrt(2), facts.StandardDeviation[Positions], 0.1);
        Assert.Equal(0.01, facts.StandardDeviation[^1], 1e-3);
        float[] matrix = ChannelWhitening.Of(rows, facts, Channels, noise: 0, seed: 1);
        var covariance = new double[Channels, Channels];
        for (int i = 0; i < Count * Positions; i++)
        {
            (int row, int position) = (i / Positions, i % Positions);
            double[] x = [.. Enumerable.Range(0, Channels).Select(c => c * Positions + position)
                .Select(feature => (values[row * rows.Features + feature] - (double)facts.Mean[feature])
                    / facts.StandardDeviation[feature])];
            double[] y = [.. Enumerable.Range(0, Channels)
                .Select(c => Enumerable.Range(0, Channels).Sum(j => matrix[c * Channels + j] * x[j]))];
            for (int a = 0; a < Channels; a++)
            {
                for (int b = 0; b < Channels; b++)
                    covariance[a, b] += y[a] * y[b] / (Count * Positions);
            }
        }
        for (int a = 0; a < Channels; a++)
        {
            for (int b = 0; b < Channels; b++)
                Assert.Equal(a == b ? 1 : 0, covariance[a, b], 0.03);
        }
    }

    [Fact]
    public void Few_positions_are_shrunk_as_Ledoit_and_Wolf_say()
    {
        // 12 maps of one position and 5 channels; the formula of their paper, lemma 3.2 to 3.4, value by value
        const int Channels = 5, Count = 12;
        float[][] rows = [.. Tables.Gaussian(Count, Channels, seed: 5)];
        var weighted = new WeightedRows([.. rows.SelectMany(row => row)], [.. Enumerable.Repeat(1f, Count)], Channels);
        ColumnFacts facts = ColumnFacts.OfMaps(weighted, Channels, null);
        double[][] x = [.. rows.Select(row
            => row.Select((value, j) => (value - (double)facts.Mean[j]) / facts.StandardDeviation[j]).ToArray())];
        double S(int a, int b) => x.Average(row => row[a] * row[b]);
        double m = Enumerable.Range(0, Channels).Average(a => S(a, a)), d = 0, bar = 0;
        for (int a = 0; a < Channels; a++)
        {
            for (int b = 0; b < Channels; b++)
            {
                d += Math.Pow(S(a, b) - (a == b ? m : 0), 2) / Channels;
                bar += x.Sum(row => Math.Pow(row[a] * row[b] - S(a, b), 2)) / Channels / Count / Count;
            }
        }
        double shrinkage = Math.Min(bar, d) / d, noise = 0.3;
        float[] w = ChannelWhitening.Of(weighted, facts, Channels, noise, seed: 1);
        for (int a = 0; a < Channels; a++)
        {
            for (int b = 0; b < Channels; b++)
            {
                // W' W is the inverse of the shrunk covariance: times that it is the identity
                double product = 0;
                for (int j = 0; j < Channels; j++)
                {
                    double inverse = Enumerable.Range(0, Channels).Sum(k => (double)w[k * Channels + a] * w[k * Channels + j]);
                    product += inverse * ((1 - shrinkage) * S(j, b) + (j == b ? shrinkage * m + noise * noise : 0));
                }
                Assert.Equal(a == b ? 1 : 0, product, 1e-4);
            }
        }
        Assert.InRange(shrinkage, 0.01, 0.99);
    }
}
