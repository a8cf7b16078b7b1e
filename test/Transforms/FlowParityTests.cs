using RealNvp.ML.Export;
using RealNvp.ML.Transforms;
using RealNvp.ML.Transforms.Parity;

namespace RealNvp.ML.Tests.Transforms;

public class FlowParityTests
{
    private readonly FlowModel _model = Flows.Random();

    [Fact]
    public void Graphs_agree_with_double_precision_and_say_by_how_much()
    {
        IReadOnlyDictionary<string, string> density = FlowParity.CheckDensity(_model, _model.BuildDensityGraph());
        Assert.Equal("64", density["probes"]);
        Assert.Equal(
            ["max_error.Latent", "max_error.LogLikelihood", "max_error.PValue", "max_error.PredictedLabel", "max_error.Score",
                "max_error.Typicality", "max_error.TypicalityPValue", "probes"],
            density.Keys);
        Assert.InRange(double.Parse(density["max_error.LogLikelihood"], System.Globalization.CultureInfo.InvariantCulture), 1e-9, 1e-2);
        Assert.Equal(["max_error.Latent", "max_error.LogLikelihood", "probes"],
            FlowParity.CheckDensity(_model, _model.BuildDensityGraph(DensityOutputs.Latent)).Keys);
        Assert.Equal(["max_error.Features", "probes"], FlowParity.CheckSampling(_model, _model.BuildSamplingGraph()).Keys);
    }

    [Fact]
    public void Graph_of_another_flow_is_refused_with_the_worst_row()
    {
        FlowModel other = Flows.Random(seed: 8);
        FlowParityException error = Assert.Throws<FlowParityException>(() => FlowParity.CheckDensity(_model, other.BuildDensityGraph()));
        Assert.Equal("LogLikelihood", error.Output);
        Assert.InRange(error.Row, 0, 63);
        Assert.True(Math.Abs(error.Found - error.Expected) > error.Tolerance);
        Assert.Contains($"row {error.Row}", error.Message, StringComparison.Ordinal);
        Assert.Throws<FlowParityException>(() => FlowParity.CheckSampling(_model, other.BuildSamplingGraph()));
    }

    [Fact]
    public void Single_reference_that_is_off_or_not_a_number_is_found()
    {
        foreach (double wrong in new[] { _model.Probes.LogLikelihoods[11] + 0.1, double.NaN })
        {
            FlowModel damaged = new(_model.InputShape, _model.Steps, _model.Calibration, _model.Metadata,
                new ProbeSet(_model.Probes.Rows, _model.Probes.LogLikelihoods.SetItem(11, wrong), _model.Probes.Latents));
            Assert.Equal(11, Assert.Throws<FlowParityException>(() => FlowParity.CheckDensity(damaged, damaged.BuildDensityGraph())).Row);
        }
    }

    [Theory, InlineData(false), InlineData(true)]
    public void What_pipelines_run_is_checked_in_their_own_sessions(bool mixture)
    {
        CancellationToken token = TestContext.Current.CancellationToken;
        (FlowModel model, FlowModel other) = mixture
            ? (ImageFlows.Mixture(), ImageFlows.Mixture(levels: 16)) : (_model, Flows.Random(seed: 8));
        using RealNvpTransformer right = new(new Microsoft.ML.MLContext(), model), wrong = new(new Microsoft.ML.MLContext(), other);
        FlowParity.CheckDensity(right.Runtime, model, token);
        FlowParity.CheckSampling(right.Runtime, model, token);
        Assert.Equal("LogLikelihood", Assert.Throws<FlowParityException>(()
            => FlowParity.CheckDensity(wrong.Runtime, model, token)).Output);
        Assert.Equal("Features", Assert.Throws<FlowParityException>(() => FlowParity.CheckSampling(wrong.Runtime, model, token)).Output);
        if (mixture)
            return;
        var latents = new FlowModel(model.InputShape, model.Steps, model.Calibration, model.Metadata,
            new ProbeSet(model.Probes.Rows, model.Probes.LogLikelihoods, model.Probes.Latents.SetItem(5, 99)));
        Assert.Equal("Latent", Assert.Throws<FlowParityException>(() => FlowParity.CheckDensity(right.Runtime, latents, token)).Output);
        Assert.Throws<OperationCanceledException>(()
            => FlowParity.CheckDensity(right.Runtime, model, new CancellationToken(canceled: true)));
    }

    [Fact]
    public void Failed_export_leaves_the_old_file()
    {
        FlowModel damaged = new(_model.InputShape, _model.Steps, _model.Calibration, _model.Metadata,
            new ProbeSet(_model.Probes.Rows, _model.Probes.LogLikelihoods.SetItem(0, 0), _model.Probes.Latents.SetItem(0, 99)));
        string path = Path.GetTempFileName();
        try
        {
            File.WriteAllText(path, "old");
            using RealNvpTransformer transformer = new(new Microsoft.ML.MLContext(), damaged);
            Assert.Throws<FlowParityException>(() => transformer.ExportDensity(path));
            Assert.Throws<FlowParityException>(() => transformer.ExportSampler(path));
            Assert.Equal("old", File.ReadAllText(path));
            using RealNvpTransformer good = new(new Microsoft.ML.MLContext(), _model);
            good.ExportSampler(path);
            Assert.True(new FileInfo(path).Length > 1000);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void Model_without_probes_is_not_certified()
        => Assert.Equal("0", FlowParity.CheckDensity(new FlowModel(_model.InputShape, _model.Steps), [])["probes"]);
}
