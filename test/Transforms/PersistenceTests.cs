using System.Globalization;
using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Export;
using RealNvp.ML.Transforms;

namespace RealNvp.ML.Tests.Transforms;

public sealed class PersistenceTests : IDisposable
{
    private readonly MLContext _ml = new(seed: 1);
    private readonly FlowModel _model = Flows.Random(named: true);
    private readonly string _path = Path.GetTempFileName();

    public void Dispose() => File.Delete(_path);

    [Fact]
    public void Transformer_comes_back_as_it_was()
    {
        var columns = new RealNvpColumns { PValue = "P" };
        using RealNvpTransformer transformer = new RealNvpTransformer(_ml, _model, columns, batchSize: 33).WithThreshold(12.5f);
        _ml.Model.Save(transformer, null, _path);
        using var loaded = (RealNvpTransformer)Single(new MLContext().Model.Load(_path, out _));
        Assert.Equal(12.5f, loaded.Threshold);
        Assert.Equal(columns, loaded.Columns);
        Assert.Equal(_model.Calibration.Scores, loaded.Model.Calibration.Scores);
        Assert.Equal(_model.Metadata.FeatureNames, loaded.Model.Metadata.FeatureNames);
        IDataView data = _ml.Data.LoadFromEnumerable(FeatureRow.Many(_model, 200));
        foreach (string column in new[] { "Score", "P", "LogLikelihood" })
            Assert.Equal(transformer.Transform(data).GetColumn<float>(column), loaded.Transform(data).GetColumn<float>(column));
        loaded.ExportDensity(_path); // probes have travelled too
    }

    [Fact]
    public void Sampler_comes_back_as_it_was()
    {
        using RealNvpTransformer transformer = new(_ml, _model);
        using RealNvpSampler sampler = transformer.CreateSampler("Latent", "Back", temperature: 0.7f);
        _ml.Model.Save(sampler, null, _path);
        using var loaded = (RealNvpSampler)Single(new MLContext().Model.Load(_path, out _));
        Assert.Equal(("Latent", "Back", 0.7f), (loaded.LatentColumnName, loaded.OutputColumnName, loaded.Temperature));
        IDataView data = transformer.Transform(_ml.Data.LoadFromEnumerable(FeatureRow.Many(_model, 200)));
        Assert.Equal(sampler.Transform(data).GetColumn<float[]>("Back"), loaded.Transform(data).GetColumn<float[]>("Back"));
    }

    [Fact]
    public void Saved_pipeline_loads_in_a_fresh_process_without_registration()
    {
        IDataView data = _ml.Data.LoadFromEnumerable(FreshProcess.Rows);
        ITransformer chain = _ml.Transforms.CopyColumns("Raw", "Features").Append(_ml.Transforms.ApplyRealNvp(_model)).Append(_ml.Transforms.CopyColumns("Copy", "Score")).Fit(data);
        _ml.Model.Save(chain, data.Schema, _path);
        string[] lines = FreshProcess.Load(_path);
        Assert.Equal("ColumnCopyingTransformer RealNvpTransformer ColumnCopyingTransformer", lines[0]);
        Assert.Equal(chain.Transform(data).GetColumn<float>("Score"), lines[1..].Select(line => float.Parse(line, CultureInfo.InvariantCulture)));
    }

    [Fact]
    public void Damaged_model_is_a_clear_error()
    {
        using RealNvpTransformer transformer = new(_ml, _model);
        _ml.Model.Save(transformer, null, _path);
        using (var archive = System.IO.Compression.ZipFile.Open(_path, System.IO.Compression.ZipArchiveMode.Update))
        {
            System.IO.Compression.ZipArchiveEntry entry = archive.Entries.Single(entry => entry.Name == "Flow");
            using Stream stream = entry.Open();
            stream.SetLength(stream.Length / 2);
        }
        Exception error = Assert.ThrowsAny<Exception>(() => _ml.Model.Load(_path, out _));
        while (error is not FlowModelException && error.InnerException is not null)
            error = error.InnerException;
        Assert.IsType<FlowModelException>(error);
    }

    private static ITransformer Single(ITransformer loaded) => loaded is TransformerChain<ITransformer> chain ? Assert.Single(chain) : loaded;
}
