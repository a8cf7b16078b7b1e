using System.Diagnostics;
using System.Reflection;
using Microsoft.ML;
using Microsoft.ML.OnnxRuntime;
using RealNvp.ML.Export;
using RealNvp.ML.Export.Steps;
using RealNvp.ML.Tests.Conditions;
using RealNvp.ML.Tests.Transforms.Images;
using RealNvp.ML.Transforms;

namespace RealNvp.ML.Tests.Transforms.Triton;

/// <summary>
/// Model repositories for Triton: the configuration is read by protobuf's own parser of its text format, and held against what ONNX Runtime
/// says of the graph beside it. Triton itself was not run here.
/// </summary>
public sealed class TritonRepositoryTests
{
    private readonly MLContext _ml = new(seed: 1);

    [Fact]
    public void A_flow_over_a_table_is_served_in_batches()
    {
        FlowModel flow = Flows.Random(features: 5);
        using var folder = new TemporaryFolder();
        Export(flow, folder, "pumps.v1");
        Assert.Equal(["pumps.v1", "pumps.v1-sampler"], Directory.GetDirectories(folder.Root).Select(Path.GetFileName).Order());
        Served density = Served.Read(folder, "pumps.v1"), sampler = Served.Read(folder, "pumps.v1-sampler");
        Assert.Equal(["Features: TYPE_FP32 5"], density.Inputs);
        Assert.Equal(["LogLikelihood: TYPE_FP32 1", "Score: TYPE_FP32 1", "PredictedLabel: TYPE_BOOL 1", "PValue: TYPE_FP32 1",
            "Typicality: TYPE_FP32 1", "TypicalityPValue: TYPE_FP32 1", "Latent: TYPE_FP32 5"], density.Outputs);
        Assert.Equal(["Latent: TYPE_FP32 5"], sampler.Inputs);
        Assert.Equal(["Features: TYPE_FP32 5"], sampler.Outputs);
        Assert.All([density, sampler], model =>
        {
            Assert.Equal(1024, model.Config.MaxBatchSize);
            Assert.Equal("1", model.Config.Parameters["intra_op_thread_count"].StringValue);
        });
        // what is served scores as the library does
        float[][] rows = Flows.Rows(flow, 20, seed: 3);
        float[] scores = Graphs.Run(File.ReadAllBytes(density.File), "Features", [.. rows.SelectMany(row => row)], 5, "Score")[0];
        Tolerance.LogLikelihoods([.. rows.Select(row => -Flows.Evaluate(flow, row).LogLikelihood)], scores, 5);
    }

    [Fact]
    public void So_are_mixtures_conditions_and_images()
    {
        using var folder = new TemporaryFolder();
        IEnumerable<FlowStep> Shifted(float mean) => [new Standardization([mean, 0], [1, 2])];
        Export(new FlowModel(FlowShape.Vector(2), [Shifted(-50), Shifted(50)]), folder, "mixture");
        Assert.Equal(["Features: TYPE_FP32 2"], Served.Read(folder, "mixture").Inputs);
        Assert.Equal(["Latent: TYPE_FP32 2", "Member: TYPE_FP32 1"], Served.Read(folder, "mixture-sampler").Inputs);
        Assert.DoesNotContain(Served.Read(folder, "mixture").Outputs, output => output.StartsWith("Latent", StringComparison.Ordinal));

        var random = new Random(1);
        using RealNvpTransformer given = Conditional.Fit(_ml, Enumerable.Range(0, 300).Select(_ => new ConditionalRow
        {
            Features = [random.NextSingle(), random.NextSingle(), random.NextSingle()],
            Condition = [random.NextSingle(), random.NextSingle()],
        }), steps: 10);
        given.ExportTriton(folder.Root, "given");
        Assert.Equal(["Condition: TYPE_FP32 2", "Features: TYPE_FP32 3"], Served.Read(folder, "given").Inputs.Order());
        Assert.Equal(["Condition: TYPE_FP32 2", "Latent: TYPE_FP32 3"], Served.Read(folder, "given-sampler").Inputs.Order());

        Export(ImageFlows.Random(), folder, "digits");
        Served images = Served.Read(folder, "digits");
        Assert.Equal(["Features: TYPE_FP32 16"], images.Inputs);
        Assert.Equal(64, images.Config.MaxBatchSize);
        Assert.Empty(images.Config.Parameters); // convolutions are split over cores within a call
    }

    [Fact]
    public void A_new_version_stands_beside_the_old_and_the_batch_can_be_chosen()
    {
        using var folder = new TemporaryFolder();
        using RealNvpTransformer flow = _ml.Transforms.ApplyRealNvp(Flows.Random())
            .Fit(Tables.Load(_ml, Flows.Rows(Flows.Random(), 1, 1)));
        flow.ExportTriton(folder.Root, "m");
        flow.ExportTriton(folder.Root, "m", version: 2, maxBatchSize: 4096);
        Assert.Equal(["1", "2"], Directory.GetDirectories(Path.Combine(folder.Root, "m")).Select(Path.GetFileName).Order());
        Assert.Equal(4096, Served.Read(folder, "m").Config.MaxBatchSize);
    }

    [Theory, InlineData("a/b"), InlineData(".."), InlineData("a\"b"), InlineData("a b"), InlineData("ä")]
    public void Names_that_are_no_folders_are_refused_and_nothing_is_written(string name)
    {
        using var folder = new TemporaryFolder();
        using RealNvpTransformer flow = _ml.Transforms.ApplyRealNvp(Flows.Random())
            .Fit(Tables.Load(_ml, Flows.Rows(Flows.Random(), 1, 1)));
        Assert.Contains($"The name is '{name}'", Assert.Throws<ArgumentException>(() => flow.ExportTriton(folder.Root, name)).Message,
            StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => flow.ExportTriton(folder.Root, "m", version: 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => flow.ExportTriton(folder.Root, "m", maxBatchSize: 0));
        Assert.Empty(Directory.GetFileSystemEntries(folder.Root));
    }

    private void Export(FlowModel model, TemporaryFolder folder, string name)
    {
        using RealNvpTransformer flow = _ml.Transforms.ApplyRealNvp(model).Fit(
            Tables.Load(_ml, [new float[model.InputShape.Size]]));
        flow.ExportTriton(folder.Root, name);
    }

    /// <summary>A model of a repository, after it was checked by the rules of the server and of its ONNX Runtime backend.</summary>
    private sealed record Served(ModelConfig Config, string File)
    {
        public string[] Inputs => [.. Config.Input.Select(input => $"{input.Name}: {Of(input.DataType)} {string.Join('x', input.Dims)}")];

        public string[] Outputs
            => [.. Config.Output.Select(output => $"{output.Name}: {Of(output.DataType)} {string.Join('x', output.Dims)}")];

        public static Served Read(TemporaryFolder folder, string name)
        {
            string place = Path.Combine(folder.Root, name);
            var served = new Served(Parse(Path.Combine(place, "config.pbtxt")),
                Path.Combine(Directory.GetDirectories(place).Order().Last(), "model.onnx"));
            ModelConfig config = served.Config;
            Assert.Equal(name, config.Name); // where a name is given, it is the folder's
            Assert.Equal("onnxruntime", config.Backend);
            Assert.NotNull(config.DynamicBatching);
            Assert.True(config.MaxBatchSize > 4);
            Assert.Equal(ModelInstanceGroup.Types.Kind.Auto, Assert.Single(config.InstanceGroup).Kind);
            using var options = new SessionOptions { LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR };
            using var session = new InferenceSession(served.File, options);
            Same(session.InputMetadata, [.. config.Input.Select(input => (input.Name, input.DataType, input.Dims.ToArray()))]);
            Same(session.OutputMetadata, [.. config.Output.Select(output => (output.Name, output.DataType, output.Dims.ToArray()))]);
            Assert.All(config.Input, input => Assert.False(input.Optional)); // refused where batches are made
            Assert.DoesNotContain(config.Input, input => session.OverridableInitializerMetadata.ContainsKey(input.Name));
            return served;
        }

        /// <summary>The configuration has every tensor of the session, without the axis of the batch.</summary>
        private static void Same(IReadOnlyDictionary<string, NodeMetadata> session, (string Name, DataType Type, long[] Dims)[] config)
        {
            Assert.Equal(session.Keys.Order(), config.Select(tensor => tensor.Name).Order());
            Assert.All(config, tensor =>
            {
                NodeMetadata node = session[tensor.Name];
                Assert.Equal(node.ElementType == typeof(bool) ? DataType.TypeBool : DataType.TypeFp32, tensor.Type);
                Assert.Equal(-1, node.Dimensions[0]);
                Assert.Equal(node.Dimensions[1..].Select(size => (long)size), tensor.Dims);
                Assert.All(tensor.Dims, size => Assert.True(size > 0));
            });
        }

        private static string Of(DataType type) => type switch
        {
            DataType.TypeFp32 => "TYPE_FP32",
            DataType.TypeBool => "TYPE_BOOL",
            _ => type.ToString(),
        };

        /// <summary>By protoc, which refuses what is not in the schema.</summary>
        private static ModelConfig Parse(string path)
        {
            string Told(string key) => typeof(TritonRepositoryTests).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>()
                .Single(attribute => attribute.Key == key).Value!;
            string schema = Path.Combine(AppContext.BaseDirectory, "model_config.proto");
            using Process protoc = Process.Start(new ProcessStartInfo(Told("Protoc"),
                ["--encode=inference.ModelConfig", $"--proto_path={Path.GetDirectoryName(schema)}", schema])
            {
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            })!;
            Task<string> errors = protoc.StandardError.ReadToEndAsync();
            protoc.StandardInput.Write(System.IO.File.ReadAllText(path));
            protoc.StandardInput.Close();
            using var encoded = new MemoryStream();
            protoc.StandardOutput.BaseStream.CopyTo(encoded);
            protoc.WaitForExit();
            Assert.True(protoc.ExitCode == 0, errors.Result);
            return ModelConfig.Parser.ParseFrom(encoded.ToArray());
        }
    }
}
