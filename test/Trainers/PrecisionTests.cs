using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Export;
using RealNvp.ML.Export.Nets;
using RealNvp.ML.Export.Steps;
using RealNvp.ML.Trainers;
using RealNvp.ML.Trainers.Data;
using RealNvp.ML.Trainers.Data.Columns;
using RealNvp.ML.Trainers.Flows;
using RealNvp.ML.Trainers.Flows.Nets;
using RealNvp.ML.Trainers.Flows.Steps;
using RealNvp.ML.Trainers.Native;
using RealNvp.ML.Transforms;
using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Tests.Trainers;

/// <summary>Vector nets in bfloat16 against float32.</summary>
public sealed class PrecisionTests
{
    [Fact]
    public void A_coupling_in_bfloat16_rounds_its_net_and_nothing_else()
    {
        using DisposeScope scope = NewDisposeScope();
        using AffineCouplingModule low = Coupling(bfloat16: true), full = Coupling(bfloat16: false);
        Tensor x = randn([200, 5], generator: new Generator(2));
        (Tensor y, Tensor logDet) = low.forward(x);
        (Tensor expectedY, Tensor expectedLogDet) = full.forward(x);
        Assert.Equal((ScalarType.Float32, ScalarType.Float32), (y.dtype, logDet.dtype));

        // what conditions passes as it is; s and t are at most some hundredths off: each of three layers rounds to 8 bits, which is 1 part
        // in 256
        Assert.True(y.narrow(1, 0, 3).equal(x.narrow(1, 0, 3)).all().item<bool>());
        double error = (logDet - expectedLogDet).abs().max().item<float>(), size = expectedLogDet.abs().max().item<float>();
        Assert.True(size > 0.5, $"{size}");
        Assert.InRange(error, 1e-5, 3 * size / 256 + 0.02);
        Assert.InRange((y - expectedY).abs().max().item<float>(), 1e-5, 0.1);

        // the log-determinant belongs to the scale that was used: y grows with x by exp(s), exactly
        Tensor further = x.clone();
        further.narrow(1, 3, 2).add_(1);
        Tensor slope = low.forward(further).Output.narrow(1, 3, 2) - y.narrow(1, 3, 2);
        Assert.True((slope.log().sum(1) - logDet).abs().max().item<float>() < 1e-4);

        logDet.sum().backward();
        Assert.All(low.parameters(), parameter
            => Assert.Equal((ScalarType.Float32, ScalarType.Float32), (parameter.dtype, parameter.grad!.dtype)));
        low.eval();
        full.eval();
        Assert.True(low.forward(x).Output.equal(full.forward(x).Output).all().item<bool>());
    }

    [Fact]
    public void A_likelihood_in_bfloat16_is_that_of_float32_but_for_rounding()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor LogLikelihood(TrainingPrecision precision)
        {
            using var random = new DeviceRandom(1, CPU);
            var options = new RealNvpTrainer.Options { Dropout = 0, Precision = precision };
            using Flow flow = options.Design(FlowShape.Vector(6))
                .Build(new ColumnFacts(new float[6], [1, 1, 1, 1, 1, 1], new float[6], new float[6]), dropout: 0, seed: 1, random);
            using (no_grad())
            {
                foreach ((string name, TorchSharp.Modules.Parameter parameter) in flow.named_parameters())
                {
                    if (name.Contains("heads", StringComparison.Ordinal))
                        parameter.normal_(0, 0.05, new Generator(3));
                }
            }
            flow.train();
            return flow.LogLikelihood(randn([500, 6], generator: new Generator(2)));
        }
        Tensor full = LogLikelihood(TrainingPrecision.Float32), low = LogLikelihood(TrainingPrecision.BFloat16);
        Tensor identity = -0.5 * randn([500, 6], generator: new Generator(2)).square().sum(1) - 3 * Math.Log(2 * Math.PI);
        double error = (low - full).abs().mean().item<float>(), effect = (full - identity).abs().mean().item<float>();
        Assert.True(effect > 1, $"{effect}"); // the couplings do something, of which bfloat16 keeps 8 bits in each of eight
        Assert.InRange(error, 1e-4, 8 * effect / 256);
    }

    [Fact]
    public void Training_in_bfloat16_comes_close_to_float32_and_its_flow_is_exact()
    {
        var ml = new MLContext(seed: 1);
        static IEnumerable<float[]> Rows(int count, int seed)
        {
            var random = new Random(seed);
            return Enumerable.Range(0, count).Select(_ =>
            {
                double x = Tables.Normal(random);
                return new[] { (float)x, (float)(0.5 * x * x + 0.3 * Tables.Normal(random)) };
            });
        }
        double Nll(TrainingPrecision precision)
        {
            var options = new RealNvpTrainer.Options { Precision = precision, Steps = 600,
                Table = new() { Couplings = 4, HiddenUnits = 32 }, Noise = 0, Dropout = 0 };
            // Fit compares the graph with torch in double
            using RealNvpTransformer model = ml.AnomalyDetection.Trainers.RealNvp(options).Fit(Tables.Load(ml, Rows(2000, 1)));
            return model.Transform(Tables.Load(ml, Rows(2000, 2))).GetColumn<float>("Score").Average();
        }
        double truth = Math.Log(2 * Math.PI) + 1 + Math.Log(0.3), full = Nll(TrainingPrecision.Float32),
            low = Nll(TrainingPrecision.BFloat16);
        Assert.NotEqual(full, low);
        Assert.InRange(low, truth - 0.1, full + 0.05);
    }

    private static AffineCouplingModule Coupling(bool bfloat16)
    {
        var net = new ConditionerOptions(2, 32, Activation.Relu, 0, 2) { BFloat16 = bfloat16 };
        var coupling = new AffineCouplingModule(new CouplingMask([0, 1, 2], [3, 4]), net, new Generator(1));
        using (no_grad())
        {
            var generator = new Generator(7);
            foreach ((string name, TorchSharp.Modules.Parameter parameter) in coupling.named_parameters())
            {
                if (name.Contains("heads", StringComparison.Ordinal))
                    parameter.normal_(0, 0.2, generator);
            }
        }
        return coupling;
    }
}
