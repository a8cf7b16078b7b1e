using System.Globalization;
using RealNvp.ML.Export;
using RealNvp.ML.Trainers;
using RealNvp.ML.Trainers.Data;
using RealNvp.ML.Trainers.Data.Columns;
using RealNvp.ML.Trainers.Flows;
using RealNvp.ML.Trainers.Native;
using RealNvp.ML.Trainers.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Bench.Devices;

/// <summary>
/// The same flow with random weights, in float32 on a device and in double precision on the CPU: log-likelihoods, and rows that come back
/// from their latents.
/// </summary>
internal sealed class DeviceDifferences(string device)
{
    private const int Rows = 256;
    private const double Tolerance = 1e-4;

    /// <summary>A flow of a table, with all kinds of steps that one can have.</summary>
    public string Table()
    {
        const int Features = 12;
        using var random = new DeviceRandom(1, CPU);
        float[] Every(float value) => Enumerable.Repeat(value, Features).ToArray();
        var options = new RealNvpTrainer.Options { Table = new() { Couplings = 4, SinhArcsinh = true, Mixing = FeatureMixing.Linear,
            BatchNorm = true, WeightNorm = true, LatentTailBound = 8 } };
        using Flow flow = options.Design(FlowShape.Vector(Features))
            .Build(new ColumnFacts(Every(1), Every(2), Every(0), Every(1)), dropout: 0, seed: 1, random);
        return Compare(flow, generator => randn([Rows, Features], generator: generator), Features);
    }

    /// <summary>A flow of images of two scales.</summary>
    public string Image()
    {
        FlowShape shape = FlowShape.Image(3, 8, 8);
        using var random = new DeviceRandom(1, CPU);
        float[] ones = [.. Enumerable.Repeat(1f, shape.Size)];
        using Flow flow = new ImageFlowOptions { Scales = 2, BaseWidth = 8, Blocks = 2 }.For(shape)
            .Build(new ColumnFacts(ones, ones, ones, ones), dropout: 0, seed: 1, random);
        return Compare(flow, generator => randint(0, 256, [Rows, shape.Size], dtype: ScalarType.Float32, generator: generator), shape.Size);
    }

    /// <summary>A flow of images with learned dequantisation, given a condition that may be unknown.</summary>
    public string GivenImage()
    {
        const int Conditions = 3;
        FlowShape shape = FlowShape.Image(1, 8, 8);
        using var random = new DeviceRandom(1, CPU);
        float[] ones = [.. Enumerable.Repeat(1f, shape.Size)];
        var options = new RealNvpTrainer.Options { ConditionColumnName = "Condition", ConditionDropout = 0.2,
            Image = new() { Scales = 2, BaseWidth = 8, Blocks = 2, DequantizationMaps = 8 } };
        using Flow flow = options.Design(shape, Conditions).Build(new ColumnFacts(ones, ones, ones, ones)
        {
            Condition = new([0, 0, 0], [1, 1, 1], mayBeUnknown: true),
        }, dropout: 0, seed: 1, random);
        return Compare(flow, generator => cat([
            randint(0, 256, [Rows, shape.Size], dtype: ScalarType.Float32, generator: generator),
            randn([Rows, Conditions], generator: generator).masked_fill(rand([Rows, Conditions], generator: generator).lt(0.2), float.NaN),
        ], 1), shape.Size);
    }

    private string Compare(Flow flow, Func<Generator, Tensor> draw, int features)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable guard = no_grad();
        using var generator = new Generator(2, CPU);
        flow.eval();
        foreach (Tensor parameter in flow.parameters())
            // a fresh flow is nearly the identity
            parameter.addcmul_(rand(parameter.shape, generator: generator).sub_(0.5), ones_like(parameter), 0.1);
        Tensor rows = draw(generator);
        flow.to(ScalarType.Float64);
        Tensor exact = flow.LogLikelihood(rows.to(ScalarType.Float64));
        Device there = TorchRuntime.NamedDevice(device);
        flow.to(ScalarType.Float32);
        flow.to(there);
        using var precision = new MatrixPrecision(tensorFloat32: false);
        (Tensor latent, Tensor logLikelihood) = flow.LatentAndLogLikelihood(rows.to(there));
        Tensor? given = flow.Condition is { } condition ? rows.narrow(1, features, condition.Size) : null;
        Tensor back = flow.Inverse(latent, given?.to(there)).cpu();
        double difference = Largest(logLikelihood.cpu().to(ScalarType.Float64), exact, features);
        double roundTrip = Largest(back, rows.narrow(1, 0, features), 1);
        string found = string.Create(CultureInfo.InvariantCulture,
            $"log-likelihoods differ by {difference:G2} of max(1, |value|, D), "
                + $"rows from their latents by {roundTrip:G2} of max(1, |value|)");
        // the way back amplifies the roundings of the way there; it is held to ten times as much
        return difference <= Tolerance && roundTrip <= 10 * Tolerance ? found : throw new NotSupportedException(found);
    }

    private static double Largest(Tensor found, Tensor expected, double least)
        => ((found - expected).abs() / expected.abs().clamp(min: Math.Max(1, least))).max().to(ScalarType.Float64).item<double>();
}
