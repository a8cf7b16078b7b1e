using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Export;
using RealNvp.ML.Tests.Transforms.Images;
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
        ITransformer chain = _ml.Transforms.CopyColumns("Raw", "Features").Append(_ml.Transforms.ApplyRealNvp(_model))
            .Append(_ml.Transforms.CopyColumns("Copy", "Score")).Fit(data);
        _ml.Model.Save(chain, data.Schema, _path);
        string[] lines = FreshProcess.Load(_path);
        Assert.Equal("ColumnCopyingTransformer RealNvpTransformer ColumnCopyingTransformer", lines[0]);
        Assert.Equal(chain.Transform(data).GetColumn<float>("Score"),
            lines[1..].Select(line => float.Parse(line, CultureInfo.InvariantCulture)));
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

    [Theory]
    [InlineData("RNVPFLOW", 5)]
    [InlineData("RNVPSAMP", 4)]
    [InlineData("RNVPCROP", 5)]
    public void Model_of_a_newer_layout_says_that_it_is_newer(string signature, int written)
    {
        using RealNvpTransformer transformer = new(_ml, _model);
        using RealNvpSampler sampler = transformer.CreateSampler();
        IDataView pictures = _ml.Data.LoadFromEnumerable(Array.Empty<Picture>());
        ITransformer saved = signature switch
        {
            "RNVPFLOW" => transformer,
            "RNVPSAMP" => sampler,
            _ => _ml.Transforms.CropImages("Small", 2, 2, inputColumnName: "Image").Fit(pictures),
        };
        _ml.Model.Save(saved, null, _path);
        _ml.Model.Load(_path, out _);
        RaiseLayout(signature);
        FlowModelException error = Assert.Throws<FlowModelException>(() => Unwrapped(() => _ml.Model.Load(_path, out _)));
        Assert.Contains($"is of layout 0001000{written + 2}, and this version of RealNvp.ML reads up to 0001000{written}: the file is "
            + "newer.", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_flipped_bit_of_the_settings_is_an_error_that_names_the_entry()
    {
        using RealNvpTransformer transformer = new RealNvpTransformer(_ml, _model, new() { PValue = "P" }).WithThreshold(12.5f);
        using RealNvpSampler sampler = transformer.CreateSampler(temperature: 0.7f);
        (ITransformer Model, string Signature, string Entry)[] cases =
        [
            (transformer, "RNVPFLOW", "RealNvpTransformer"), (sampler, "RNVPSAMP", "RealNvpSampler"),
            (_ml.Transforms.CropImages("Small", 2, 2, inputColumnName: "Image").Fit(_ml.Data.LoadFromEnumerable(Array.Empty<Picture>())),
                "RNVPCROP", "RealNvpImageCropping"),
            (_ml.Transforms.Lags("Before", ["Features"], [1, 3]).Fit(_ml.Data.LoadFromEnumerable(FeatureRow.Many(_model, 3))),
                "RNVPLAGS", "RealNvpLags"),
        ];
        foreach ((ITransformer model, string signature, string entry) in cases)
        {
            _ml.Model.Save(model, null, _path);
            byte[] settings = Settings(signature, content => { });
            for (int bit = 0; bit < 8 * settings.Length; bit++)
            {
                int at = bit / 8;
                byte flip = (byte)(1 << (bit % 8));
                Settings(signature, content => content[at] ^= flip);
                FlowModelException error = Assert.Throws<FlowModelException>(() => Unwrapped(() => _ml.Model.Load(_path, out _)));
                Assert.Contains($"The entry of {entry} in the saved model is damaged", error.Message, StringComparison.Ordinal);
                Settings(signature, content => content[at] ^= flip);
            }
            _ml.Model.Load(_path, out _); // and whole again
        }
    }

    [Theory]
    [InlineData(500_000_000), InlineData(int.MinValue), InlineData(0)]
    public void A_batch_size_behind_a_right_digest_is_checked(int batchSize)
    {
        using RealNvpTransformer transformer = new(_ml, _model, batchSize: 33);
        _ml.Model.Save(transformer, null, _path);
        Settings("RNVPFLOW", content =>
        {
            // after it come the names of four columns of the map, all empty, and the digest
            BinaryPrimitives.WriteInt32LittleEndian(content.AsSpan(content.Length - 32 - 4 - 4), batchSize);
            SHA256.HashData(content.AsSpan(4..^32), content.AsSpan(^32..));
        });
        FlowModelException error = Assert.Throws<FlowModelException>(() => Unwrapped(() => _ml.Model.Load(_path, out _)));
        Assert.Contains("batchSize", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_whole_pipeline_is_saved_beside_its_file_and_renamed()
    {
        using var folder = new TemporaryFolder();
        string path = Path.Combine(folder.Root, new string('m', 240) + ".zip"); // no room for what names of files beside add
        File.WriteAllText(path, "an old model");
        using RealNvpTransformer transformer = new(_ml, _model);
        Assert.Throws<NotSupportedException>(() => _ml.Model.SaveAtomically(new Unsavable(), null, path));
        Assert.Equal("an old model", File.ReadAllText(path));
        _ml.Model.SaveAtomically(transformer, null, path);
        Assert.Equal([path], Directory.GetFiles(folder.Root));
        using var loaded = (RealNvpTransformer)Single(_ml.Model.Load(path, out _));
        Assert.Equal(_model.Calibration.Scores, loaded.Model.Calibration.Scores);
    }

    /// <summary>Changes what stands behind ML.NET's header in the entry of a signature, and gives it.</summary>
    private byte[] Settings(string signature, Action<byte[]> change)
    {
        using var archive = System.IO.Compression.ZipFile.Open(_path, System.IO.Compression.ZipArchiveMode.Update);
        foreach (System.IO.Compression.ZipArchiveEntry entry in archive.Entries.Where(entry => entry.Name == "Model.key"))
        {
            using Stream stream = entry.Open();
            var content = new MemoryStream();
            stream.CopyTo(content);
            byte[] bytes = content.ToArray();
            if (bytes.AsSpan().IndexOf(System.Text.Encoding.ASCII.GetBytes(signature)) < 0)
                continue;
            // ML.NET's header has the place and the length of the model's own bytes at 16 and 24
            int from = (int)BinaryPrimitives.ReadInt64LittleEndian(bytes.AsSpan(16)), length = (int)BinaryPrimitives.ReadInt64LittleEndian(
                bytes.AsSpan(24));
            byte[] settings = bytes[from..(from + length)];
            change(settings);
            stream.Position = from;
            stream.Write(settings);
            return settings;
        }
        throw new InvalidOperationException($"No entry has the signature {signature}.");
    }

    private sealed class Unsavable : ITransformer
    {
        public bool IsRowToRowMapper => false;

        public DataViewSchema GetOutputSchema(DataViewSchema inputSchema) => inputSchema;

        public IDataView Transform(IDataView input) => input;

        public IRowToRowMapper GetRowToRowMapper(DataViewSchema inputSchema) => throw new NotSupportedException();

        void ICanSaveModel.Save(ModelSaveContext ctx) => throw new NotSupportedException();
    }

    /// <summary>Makes a saved model one that a later version wrote.</summary>
    private void RaiseLayout(string signature)
    {
        using var archive = System.IO.Compression.ZipFile.Open(_path, System.IO.Compression.ZipArchiveMode.Update);
        int raised = 0;
        foreach (System.IO.Compression.ZipArchiveEntry entry in archive.Entries.Where(entry => entry.Name == "Model.key"))
        {
            using Stream stream = entry.Open();
            var content = new MemoryStream();
            stream.CopyTo(content);
            // ML.NET's header: the signature, the version written, the oldest version that can read it
            int at = content.ToArray().AsSpan().IndexOf(System.Text.Encoding.ASCII.GetBytes(signature));
            if (at < 0)
                continue;
            foreach (int offset in new[] { at + 8, at + 12 })
            {
                content.Position = stream.Position = offset;
                stream.WriteByte((byte)(content.ReadByte() + 2));
            }
            raised++;
        }
        Assert.Equal(1, raised);
    }

    /// <summary>ML.NET wraps what a loader throws.</summary>
    private static void Unwrapped(Action load)
    {
        try
        {
            load();
        }
        catch (Exception e)
        {
            while (e.InnerException is not null)
                e = e.InnerException;
            System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(e);
        }
    }

    private sealed class Picture
    {
        [Microsoft.ML.Transforms.Image.ImageType(4, 4)]
        public MLImage Image { get; set; } = null!;
    }

    private static ITransformer Single(ITransformer loaded)
        => loaded is TransformerChain<ITransformer> chain ? Assert.Single(chain) : loaded;
}
