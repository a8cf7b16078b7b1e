using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Export.Nets;
using RealNvp.ML.Trainers;
using RealNvp.ML.Trainers.Flows.Nets;
using RealNvp.ML.Trainers.Flows.Steps;
using RealNvp.ML.Transforms;
using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Tests.Trainers;

/// <summary>Weight normalisation against v * g / ||v||.</summary>
public sealed class WeightNormTests
{
    /// <summary>Convolutions and dense layers, in the precision of training and of the references.</summary>
    public static TheoryData<long[], ScalarType> Shapes => new()
    {
        { [4, 3, 3, 3], ScalarType.Float32 }, { [4, 3, 3, 3], ScalarType.Float64 }, { [5, 7, 1, 1], ScalarType.Float32 },
        { [6, 9], ScalarType.Float32 }, { [6, 9], ScalarType.Float64 },
    };

    [Theory, MemberData(nameof(Shapes))]
    public void Weights_and_gradients_are_those_of_the_formula(long[] shape, ScalarType type)
    {
        using DisposeScope scope = NewDisposeScope();
        var norm = new WeightNorm(shape, 1, new Generator(1));
        Dictionary<string, TorchSharp.Modules.Parameter> parameters
            = norm.named_parameters().ToDictionary(pair => pair.name, pair => pair.parameter);
        using (no_grad())
            parameters["gain"].uniform_(0.5, 2, new Generator(2));
        norm.to(type);
        parameters = norm.named_parameters().ToDictionary(pair => pair.name, pair => pair.parameter);
        Tensor v = parameters["direction"].detach().to(ScalarType.Float64).requires_grad_(),
            g = parameters["gain"].detach().to(ScalarType.Float64).requires_grad_();
        Tensor length = v.square().sum([.. Enumerable.Range(1, shape.Length - 1).Select(axis => (long)axis)], keepdim: true).sqrt();
        Tensor expected = v * g / length;
        Tensor direction = randn(shape, generator: new Generator(3));

        for (int pass = 0; pass < 4; pass++) // a script is compiled again once it has seen its arguments
        {
            Tensor weight = norm.Weight();
            Assert.Equal(shape, weight.shape);
            AssertClose(expected, weight);
            norm.zero_grad();
            (weight * direction.to(type)).sum().backward();
        }
        (expected * direction.to(ScalarType.Float64)).sum().backward();
        AssertClose(v.grad!, parameters["direction"].grad!);
        AssertClose(g.grad!, parameters["gain"].grad!);
    }

    [Fact]
    public void Weights_without_a_gain_have_the_norm_1()
    {
        using DisposeScope scope = NewDisposeScope();
        var norm = new WeightNorm([4, 3, 3, 3], null, new Generator(1));
        Tensor lengths = norm.Weight().square().sum([1, 2, 3]);
        Assert.True(lengths.allclose(ones(4)));
        Assert.Equal(["direction"], norm.named_parameters().Select(pair => pair.name));
    }

    [Fact]
    public void A_dense_layer_computes_and_freezes_to_normalised_weights()
    {
        using DisposeScope scope = NewDisposeScope();
        using var layer = new DenseLayerModule(3, 2, normalised: true, zero: false, new Generator(1));
        Dictionary<string, TorchSharp.Modules.Parameter> parameters
            = layer.named_parameters().ToDictionary(pair => pair.name, pair => pair.parameter);
        using (no_grad())
        {
            parameters["norm.direction"].copy_(tensor(new float[] { 3, 0, 4, 1, 2, 2 }, [2, 3])); // of the norms 5 and 3
            parameters["norm.gain"].copy_(tensor(new float[] { 10, -6 }, [2, 1]));
            parameters["bias"].copy_(tensor(new float[] { 1, -1 }));
        }
        float[] expected = [6, 0, 8, -2, -4, -4];
        DenseLayer frozen = layer.Freeze();
        Assert.All(expected.Zip(frozen.Weights), pair => Assert.Equal(pair.First, pair.Second, 1e-5f));
        Assert.Equal([1, -1], frozen.Bias);
        float[] found = layer.forward(tensor(new float[] { 1, 10, 100 }, [1, 3])).data<float>().ToArray();
        Assert.Equal(6 + 800 + 1, found[0], 1e-3f);
        Assert.Equal(-2 - 40 - 400 - 1, found[1], 1e-3f);
    }

    [Fact]
    public void A_table_trains_with_normalised_weights_to_plain_ones()
    {
        var ml = new MLContext(seed: 1);
        double Nll(bool normalised)
        {
            var options
                = new RealNvpTrainer.Options { Table = new() { WeightNorm = normalised, Couplings = 4, HiddenUnits = 16 }, Steps = 300 };
            // Fit compares the graph with torch in double
            using RealNvpTransformer model = ml.AnomalyDetection.Trainers.RealNvp(options)
                .Fit(Tables.Load(ml, Tables.Gaussian(1000, 3, 1)));
            return model.Transform(Tables.Load(ml, Tables.Gaussian(1000, 3, 2))).GetColumn<float>("Score").Average();
        }
        double plain = Nll(normalised: false), normalised = Nll(normalised: true);
        Assert.NotEqual(plain, normalised);
        Assert.Equal(plain, normalised, 0.1);
    }

    private static void AssertClose(Tensor expected, Tensor found)
        => Assert.True((expected - found.to(ScalarType.Float64)).abs().max().item<double>() < 1e-5);
}
