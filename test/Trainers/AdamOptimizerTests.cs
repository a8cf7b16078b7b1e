using RealNvp.ML.Trainers.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Tests.Trainers;

/// <summary>The fused optimizer against AdamW written out (Loshchilov and Hutter, algorithm 2).</summary>
public sealed class AdamOptimizerTests
{
    [Theory, InlineData(0, 0, 0), InlineData(0.1, 0, 0), InlineData(0, 0.5, 0), InlineData(0.1, 0.5, 0), InlineData(0, 0, 0.3),
        InlineData(0.1, 0.5, 0.3)]
    public void Steps_are_those_of_AdamW_with_a_penalty_on_gains_and_a_clipped_gradient(double decay, double clip, double penalty)
    {
        double[][] values = [[1, -2, 3], [0.5]];
        double[][] m = [[0, 0, 0], [0]], v = [[0, 0, 0], [0]];
        using DisposeScope scope = NewDisposeScope();
        TorchSharp.Modules.Parameter[] parameters = [.. values.Select(row => new TorchSharp.Modules.Parameter(tensor(row)))];
        using var optimizer = new AdamOptimizer(parameters, gains: [parameters[1]]);
        for (int step = 1; step <= 4; step++)
        {
            double rate = 0.1 / step;
            // loss = sum of x^4 / 4, so that the gradient is x^3
            optimizer.ZeroGradients();
            (parameters[0].pow(4).sum() / 4 + parameters[1].pow(4).sum() / 4).backward();
            optimizer.Penalize(penalty);
            double norm = optimizer.Step(rate, decay, clip).item<double>();

            // the loss has penalty * x^2 besides, of gains alone
            double Slope(int i, double x) => Math.Pow(x, 3) + (i == 1 ? 2 * penalty * x : 0);
            double expectedNorm = Math.Sqrt(values.Select((row, i) => row.Sum(x => Math.Pow(Slope(i, x), 2))).Sum());
            Assert.Equal(expectedNorm, norm, 1e-9 * expectedNorm);
            double scale = clip > 0 && expectedNorm > clip ? clip / expectedNorm : 1;
            for (int i = 0; i < values.Length; i++)
            {
                for (int j = 0; j < values[i].Length; j++)
                {
                    double gradient = Slope(i, values[i][j]) * scale;
                    values[i][j] *= 1 - rate * decay;
                    m[i][j] = 0.9 * m[i][j] + 0.1 * gradient;
                    v[i][j] = 0.999 * v[i][j] + 0.001 * gradient * gradient;
                    values[i][j] -= rate * (m[i][j] / (1 - Math.Pow(0.9, step))) / (Math.Sqrt(v[i][j] / (1 - Math.Pow(0.999, step)))
                        + 1e-8);
                    Assert.Equal(values[i][j], parameters[i][j].item<double>(), 1e-9);
                }
            }
        }
    }

    [Theory, InlineData(0), InlineData(0.5), InlineData(100)]
    public void Steps_that_are_decided_on_the_device_are_the_same(double clip)
    {
        using DisposeScope scope = NewDisposeScope();
        TorchSharp.Modules.Parameter[][] sides = [.. Enumerable.Range(0, 2).Select(_
            => new TorchSharp.Modules.Parameter[] { new(tensor(new float[] { 1, -2, 3 })), new(tensor(new float[] { 0.5f })) })];
        using AdamOptimizer seen = new(sides[0], unseen: false), unseen = new(sides[1], unseen: true);
        for (int step = 0; step < 4; step++)
        {
            float[] norms = [.. sides.Zip([seen, unseen], (parameters, optimizer) =>
            {
                optimizer.ZeroGradients();
                (parameters[0].pow(4).sum() / 4 + parameters[1].pow(4).sum() / 4).backward();
                return optimizer.Step(0.1, 0.1, clip).item<float>();
            })];
            Assert.Equal(norms[0], norms[1], 1e-6f * norms[0]);
        }
        foreach ((TorchSharp.Modules.Parameter one, TorchSharp.Modules.Parameter other) in sides[0].Zip(sides[1]))
            Assert.True((one - other).abs().max().item<float>() < 1e-6);
    }

    [Theory, InlineData(false), InlineData(true)]
    public void A_bounded_gain_stays_at_its_bound_and_comes_back(bool unseen)
    {
        using DisposeScope scope = NewDisposeScope();
        var gain = new TorchSharp.Modules.Parameter(tensor(new float[] { 4.9f, -4.9f, 1 }));
        using var optimizer = new AdamOptimizer([gain], bounded: [gain], unseen: unseen);
        float[] Step(float slope)
        {
            optimizer.ZeroGradients();
            (gain * tensor(new[] { -slope, slope, 0 })).sum().backward();
            optimizer.Step(0.5, 0, 0);
            return gain.data<float>().ToArray();
        }
        Assert.Equal([5, -5, 1], Step(1));
        Assert.Equal([5, -5, 1], Step(1));
        for (int i = 0; i < 10; i++)
            Step(-1);
        Assert.InRange(gain[0].item<float>(), 0, 4.9f);
    }

    [Theory, InlineData(false), InlineData(true)]
    public void A_gradient_that_is_not_finite_changes_nothing(bool unseen)
    {
        using DisposeScope scope = NewDisposeScope();
        var parameter = new TorchSharp.Modules.Parameter(tensor(new float[] { 1, 2 }));
        using var optimizer = new AdamOptimizer([parameter], unseen: unseen);
        (parameter * float.PositiveInfinity).sum().backward();
        Assert.False(float.IsFinite(optimizer.Step(0.1, 0.1, 1).item<float>()));
        Assert.Equal([1, 2], parameter.data<float>().ToArray());
        Assert.All(optimizer.State, state => Assert.Equal(0, state.abs().sum().item<float>()));
    }
}
