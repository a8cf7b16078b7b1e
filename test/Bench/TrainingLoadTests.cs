using RealNvp.ML.Bench.Running;
using RealNvp.ML.Bench.Training;
using RealNvp.ML.Trainers;
using TorchSharp;

namespace RealNvp.ML.Tests.Bench;

/// <summary>What the benchmark of training trains, and its command line.</summary>
public sealed class TrainingLoadTests
{
    [Fact]
    public void The_tabular_load_has_the_parameters_that_its_description_says()
    {
        const int half = 15, hidden = 128;
        // 3 layers, two heads, the gains
        long coupling = (half * hidden + hidden) + 2 * (hidden * hidden + hidden) + (hidden * 2 * half + 2 * half) + half;
        (long parameters, long steps) = Train("tabular", 3);
        Assert.Equal(6 * coupling, parameters);
        Assert.Equal(3, steps);
    }

    [Fact]
    public void The_image_load_has_the_parameters_that_its_description_says()
    {
        // a weight-normalised convolution learns its directions, a bias, and in skips, second convolutions and outputs a gain per output
        static long Net(int inputs, int width, bool readsMask)
        {
            long Conv(long from, long to, long kernel, bool bias, bool gain)
                => from * to * kernel * kernel + (bias ? to : 0) + (gain ? to : 0);
            long block = width + Conv(width, width, 3, bias: false, gain: false) + width + Conv(width, width, 3, bias: true, gain: true)
                + Conv(width, width, 1, bias: true, gain: true);
            return inputs + Conv(2 * inputs + (readsMask ? 1 : 0), width, 3, bias: true, gain: false)
                + Conv(width, width, 1, bias: true, gain: true)
                + 4 * block + width + Conv(width, 2 * inputs, 1, bias: true, gain: true) + inputs;
        }
        Assert.Equal(3 * Net(1, 32, true) + 3 * Net(2, 64, false) + 4 * Net(2, 64, true), Train("image", 1).Parameters);
    }

    [Theory, InlineData("tabular", 6 * 3 * 128), InlineData("image", 4 * (3 * 32 + 7 * 64) * (3 + 1))]
    public void A_condition_adds_its_weights_and_nothing_else(string name, long more)
        => Assert.Equal(Train(name, 1).Parameters + more, Train(name, 1, conditions: 3).Parameters);

    [Theory]
    [InlineData("--precisions is 'f64', expected some of f32,tf32,bf16", "--precisions", "f64")]
    [InlineData("Device is 'gpu', expected cpu, cuda or cuda:N", "--device", "gpu")]
    [InlineData("--threads is '0', expected a number from 1 on", "--threads", "0")]
    [InlineData("--loads is 'tabular,text', expected some of tabular,image,image32", "--loads", "tabular,text")]
    [InlineData("--loads is ',', expected", "--loads", ",")]
    public void What_cannot_be_is_refused(string reason, params string[] arguments)
        => Assert.Contains(reason, Assert.Throws<BenchmarkFailedException>(() => Read(arguments)).Message, StringComparison.Ordinal);

    [Fact]
    public void What_a_cpu_trains_fast_is_trained_unless_loads_are_named()
    {
        Assert.Equal(["tabular", "image"], Read().Loads.Select(load => load.Name));
        Assert.Equal("image32", Assert.Single(Read("--loads", "image32").Loads).Name);
    }

    [Fact]
    public void A_missing_interpreter_is_told()
    {
        string message = Assert.Throws<BenchmarkFailedException>(() => new PyTorchPeer("no-such-python")).Message;
        Assert.Contains("apt install python3-torch libopenblas0-openmp", message, StringComparison.Ordinal);
    }

    private static (long Parameters, long Steps) Train(string name, int most, int conditions = 0)
    {
        long parameters = 0, last = 0;
        (TrainingLoad.All.Single(load => load.Name == name) with { Conditions = conditions })
            .Train(torch.CPU, TrainingPrecision.Float32, count => parameters = count, step => (last = step) < most);
        return (parameters, last);
    }

    private static TrainingArguments Read(params string[] arguments)
        => new(BenchmarkArguments.Parse(arguments, TrainingArguments.Help.Keys, []));
}
