using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Runtime;
using RealNvp.ML.Transforms;
using RealNvp.ML.Transforms.MlNet;

namespace RealNvp.ML.Tests.Transforms;

/// <summary>
/// The canary: fails first where a new version of ML.NET changes what <see cref="MlNetInternals"/> relies on. Saving and loading: <see
/// cref="PersistenceTests"/>.
/// </summary>
public class MlNetInternalsTests
{
    [Fact]
    public void Settings_of_a_context_reach_catalogs_and_hosts()
    {
        var ml = new MLContext(seed: 42) { GpuDeviceId = 3, FallbackToCpu = false };
        IHostEnvironment[] environments =
        [
            ml,
            ((IHostEnvironment)ml).Register("host"),
            MlNetInternals.EnvironmentOf(ml.AnomalyDetection.Trainers),
            MlNetInternals.EnvironmentOf(ml.Transforms),
            MlNetInternals.EnvironmentOf(ml.Data),
        ];
        foreach (IHostEnvironment environment in environments)
        {
            Assert.Equal(3, MlNetInternals.GpuDeviceId(environment));
            Assert.False(MlNetInternals.FallbackToCpu(environment));
        }
        Assert.Equal(42, MlNetInternals.Seed(ml));
        Assert.Equal(42, MlNetInternals.Seed(MlNetInternals.EnvironmentOf(ml.AnomalyDetection.Trainers)));
        Assert.Null(MlNetInternals.Seed(new MLContext()));
        Assert.Null(MlNetInternals.GpuDeviceId(new MLContext()));
    }

    [Fact]
    public void Shapes_can_be_made()
    {
        var builder = new DataViewSchema.Builder();
        builder.AddColumn("Y", TextDataViewType.Instance);
        Assert.Equal("Y", Assert.Single(MlNetInternals.ShapeOf(builder.ToSchema())).Name);
    }

    [Fact]
    public void Loaders_are_announced_and_within_their_limits()
    {
        object[] attributes = [.. typeof(RealNvpTransformer).Assembly.GetCustomAttributes(false)
            .Where(attribute => attribute.GetType().Name == "LoadableClassAttribute")];
        string[] signatures = [RealNvpTransformer.LoaderSignature, RealNvpSampler.LoaderSignature, LagsTransformer.LoaderSignature,
            RealNvpRegressionTransformer.LoaderSignature, GroupThresholdsTransformer.LoaderSignature,
            ImageCroppingTransformer.LoaderSignature, ScoreMapImageTransformer.LoaderSignature, MissingCodesTransformer.LoaderSignature];
        Assert.Equal(signatures.Length, attributes.Length); // the runtime drops them silently without access to ML.NET's internals
        Assert.All(signatures, signature => Assert.InRange(signature.Length, 1, 24));
    }
}
