using RealNvp.ML.Trainers.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Tests.Trainers;

/// <summary>The moving average of weights against a loop in double precision.</summary>
public sealed class AveragedWeightsTests
{
    private const double Decay = 0.8;

    [Fact]
    public void Averages_are_those_of_a_loop()
    {
        using DisposeScope scope = NewDisposeScope();
        double[][] values = [[1, -2, 3], [0.5]];
        TorchSharp.Modules.Parameter[] parameters = Parameters(values);
        using var average = new AveragedWeights(parameters, Decay);
        double[][] expected = [.. values.Select(row => row.ToArray())];
        var random = new Random(1);
        for (int step = 1; step <= 60; step++) // from the 36th on the decay is 0.8
        {
            Move(parameters, values, random);
            average.Update();
            double decay = Math.Min(Decay, (1.0 + step) / (10 + step));
            Each(values, (i, j) => expected[i][j] = decay * expected[i][j] + (1 - decay) * values[i][j]);
            if (step % 20 != 0)
                continue;
            using (average.Swap())
                Each(values, (i, j) => Assert.Equal(expected[i][j], parameters[i][j].item<double>(), 1e-12));
            Each(values, (i, j) => Assert.Equal(values[i][j], parameters[i][j].item<double>())); // the weights themselves, to the last bit
        }
    }

    [Fact]
    public void After_a_return_averages_begin_again_at_the_weights()
    {
        using DisposeScope scope = NewDisposeScope();
        double[][] values = [[1, -2, 3]];
        TorchSharp.Modules.Parameter[] parameters = Parameters(values);
        using var average = new AveragedWeights(parameters, Decay);
        var random = new Random(1);
        for (int step = 0; step < 30; step++)
        {
            Move(parameters, values, random);
            average.Update();
        }
        average.Reset();
        double[] start = [.. values[0]];
        Move(parameters, values, random);
        average.Update();
        using IDisposable swapped = average.Swap();
        const double First = 2.0 / 11; // (1 + 1) / (10 + 1)
        Each(values, (i, j) => Assert.Equal(First * start[j] + (1 - First) * values[i][j], parameters[i][j].item<double>(), 1e-12));
    }

    private static TorchSharp.Modules.Parameter[] Parameters(double[][] values)
        => [.. values.Select(row => new TorchSharp.Modules.Parameter(tensor(row)))];

    private static void Move(TorchSharp.Modules.Parameter[] parameters, double[][] values, Random random)
    {
        using IDisposable guard = no_grad();
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = [.. values[i].Select(value => value + Tables.Normal(random))];
            parameters[i].copy_(tensor(values[i]));
        }
    }

    private static void Each(double[][] values, Action<int, int> action)
    {
        for (int i = 0; i < values.Length; i++)
        {
            for (int j = 0; j < values[i].Length; j++)
                action(i, j);
        }
    }
}
