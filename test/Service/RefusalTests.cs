using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.ML;
using Microsoft.ML.Transforms.Image;
using RealNvp.ML.Serving;
using RealNvp.ML.Serving.Models;
using RealNvp.ML.Tests.Eng;
using RealNvp.ML.Tests.Transforms.Images;
using RealNvp.ML.Transforms;

namespace RealNvp.ML.Tests.Service;

/// <summary>What cannot be served is said before it is.</summary>
[Trait("Area", "Service")]
public sealed class RefusalTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("lags-2.zip", "holds values of the rows before")]
    [InlineData("sampler-2.zip", "was saved without its input columns")]
    [InlineData("README.md", "")]
    public void Models_that_no_service_can_serve_say_why(string file, string why)
    {
        byte[] bytes = File.ReadAllBytes(Path.Combine(Repository.Root, "test", "SavedModels", file));
        Assert.Contains(why, Assert.Throws<InvalidDataException>(() => LoadedPipeline.Load(bytes, null)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Callers_cannot_make_the_service_open_files()
    {
        var ml = new MLContext();
        IDataView paths = ml.Data.LoadFromEnumerable([new Picture { ImagePath = _folder.Image("1.png", 8, 8, TemporaryFolder.Noise) }]);
        var pipeline = ml.Transforms.LoadImages("Image", imageFolder: null, "ImagePath")
            .Append(ml.Transforms.ResizeImages("Image", 8, 8))
            .Append(ml.Transforms.ExtractPixels("Features", "Image", ImagePixelExtractingEstimator.ColorBits.Red))
            .Append(ml.Transforms.ApplyRealNvp(Path.Combine(Repository.Root, "test", "SavedModels", "images-1.rnvp")));
        using var model = pipeline.Fit(paths);
        string path = _folder.File("pictures.zip");
        ml.Model.Save(model, paths.Schema, path);
        Assert.Contains("a service opens none for its callers", Assert.Throws<InvalidDataException>(
            () => LoadedPipeline.Load(File.ReadAllBytes(path), null)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Named_models_that_are_not_there_or_damaged_end_the_start()
    {
        Assert.Contains("There is no model", Assert.Throws<FileNotFoundException>(() => new FolderStore(_folder.File("no.zip"))).Message,
            StringComparison.Ordinal);
        File.WriteAllText(_folder.File("a/flow.rnvp"), "no flow");
        File.WriteAllText(_folder.File("b/flow.rnvp"), "no flow");
        Assert.Contains("Two models are named 'flow'", Assert.Throws<ArgumentException>(
            () => new FolderStore(_folder.File("a/flow.rnvp"), _folder.File("b/flow.rnvp"))).Message, StringComparison.Ordinal);
        await using var host = new ModelHost(new FolderStore(_folder.File("a/flow.rnvp"), $"other={_folder.File("b/flow.rnvp")}"),
            new BatchingOptions(), TimeSpan.FromSeconds(1));
        Assert.StartsWith("The model flow cannot be loaded: ", (await Assert.ThrowsAsync<InvalidDataException>(
            () => host.Start(TestContext.Current.CancellationToken))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_name_does_not_lead_out_of_the_folder()
    {
        Flows.Random(features: 2).Save(_folder.File("secret.rnvp"));
        Flows.Random(features: 2).Save(_folder.File("models/flow.rnvp"));
        Flows.Random(features: 2).Save(_folder.File("models/.hidden.rnvp"));
        var store = new FolderStore(Path.GetDirectoryName(_folder.File("models/x"))!);
        CancellationToken stop = TestContext.Current.CancellationToken;
        Assert.Equal(["flow"], await store.ListAsync(stop));
        Assert.NotNull(await store.ReadAsync("flow", stop));
        foreach (string name in new[] { "../secret", "..", "", ".hidden", _folder.File("secret") })
        {
            Assert.Null(await store.StampAsync(name, stop));
            Assert.Null(await store.ReadAsync(name, stop));
        }
    }

    [Fact]
    public void Options_out_of_range_and_a_map_of_nothing_are_refused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new BatchingOptions { MaxBatchRows = 0 }.Checked());
        Assert.Throws<ArgumentOutOfRangeException>(() => new BatchingOptions { MaxWait = TimeSpan.FromHours(1) }.Checked());
        Assert.Contains("AddRealNvp", Assert.Throws<InvalidOperationException>(
            () => WebApplication.CreateSlimBuilder(new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory }).Build()
                .MapRealNvp()).Message, StringComparison.Ordinal);
        WebApplicationBuilder withoutGrpc = WebApplication.CreateSlimBuilder(new WebApplicationOptions
        {
            ContentRootPath = AppContext.BaseDirectory,
        });
        withoutGrpc.Services.AddRealNvp(_folder.Root);
        Assert.Contains("AddRealNvpGrpc", Assert.Throws<InvalidOperationException>(() => withoutGrpc.Build().MapRealNvpGrpc()).Message,
            StringComparison.Ordinal);
    }

    private sealed class Picture
    {
        public string ImagePath { get; set; } = "";
    }
}
