using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;
using Google.Protobuf;
using RealNvp.ML.Export;
using RealNvp.ML.Export.Steps;
using RealNvp.ML.Export.Storage;

namespace RealNvp.ML.Tests.Exports;

public class FlowModelFileTests
{
    // magic, version, length, digest
    private const int Header = 8 + 4 + 8 + 32;

    private static readonly FlowModel s_model = Complete();

    private static readonly byte[] s_file = Bytes(s_model);

    [Fact]
    public void Everything_comes_back()
    {
        FlowModel back = Load(s_file);
        Assert.Equal(s_model.InputShape, back.InputShape);
        Assert.Equal(s_model.Summary(), back.Summary());
        Assert.Equal(s_model.Calibration.Scores, back.Calibration.Scores);
        Assert.Equal(s_model.Calibration.Contamination, back.Calibration.Contamination);
        Assert.Equal(s_model.Calibration.Threshold, back.Calibration.Threshold);
        Assert.Equal(s_model.Metadata.FeatureNames, back.Metadata.FeatureNames);
        Assert.Equal(s_model.Metadata.Training, back.Metadata.Training);
        Assert.Equal(s_model.Probes.Rows, back.Probes.Rows);
        Assert.Equal(s_model.Probes.LogLikelihoods, back.Probes.LogLikelihoods);
        Assert.Equal(s_model.Probes.Latents, back.Probes.Latents);
        Assert.Equal(s_model.Metadata.FeatureMedians, back.Metadata.FeatureMedians);
        Assert.Equal(s_model.Members.Length, back.Members.Length);
        foreach ((ImmutableArray<FlowStep> steps, ImmutableArray<FlowStep> others) in s_model.Members.Zip(back.Members))
        {
            Assert.Equal(steps.Select(step => step.Kind), others.Select(step => step.Kind));
            foreach ((FlowStep step, FlowStep other) in steps.Zip(others))
                AssertSame(step, other);
        }
        Assert.Equal(s_model.BuildDensityGraph(), back.BuildDensityGraph());
        Assert.Equal(s_model.BuildSamplingGraph(), back.BuildSamplingGraph());
    }

    [Fact]
    public void File_round_trip_replaces_the_old_file()
    {
        string path = Path.GetTempFileName();
        try
        {
            s_model.Save(path);
            Assert.Equal(s_file.Length, new FileInfo(path).Length);
            Assert.Equal(s_model.Summary(), FlowModel.Load(path).Summary());
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void Every_truncation_is_an_error_that_says_so()
    {
        for (int length = 0; length < s_file.Length; length++)
        {
            string message = AssertRefused(s_file[..length]);
            Assert.Contains(length < 8 ? "not a flow model" : "truncated", message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Every_changed_byte_is_an_error()
    {
        var random = new Random(1);
        for (int i = 0; i < s_file.Length; i++)
        {
            byte[] damaged = [.. s_file];
            damaged[i] ^= (byte)(1 << random.Next(8));
            AssertRefused(damaged);
        }
    }

    [Fact]
    public void Header_says_what_is_wrong()
    {
        Assert.Contains("RNVPFLOW", AssertRefused(Encoding.ASCII.GetBytes("PK\x03\x04 a zip archive, longer than the header of a flow model")), StringComparison.Ordinal);
        byte[] newer = [.. s_file];
        newer[8] = 2;
        string message = AssertRefused(newer);
        Assert.Contains("version 2", message, StringComparison.Ordinal);
        Assert.Contains("version 1", message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1UL << 60)]
    [InlineData(ulong.MaxValue)]
    [InlineData(1UL << 31)]
    public void Promised_length_takes_no_memory(ulong length)
    {
        byte[] file = [.. s_file];
        BinaryPrimitives.WriteUInt64LittleEndian(file.AsSpan(12), length);
        AssertRefused(file); // once for what is compiled and loaded on the way
        long before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Contains("truncated", AssertRefused(file), StringComparison.Ordinal);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 500_000);
    }

    [Fact]
    public void Unknown_step_is_named_beside_the_known_ones()
    {
        string message = AssertRefused(Changed(content => content.Members[0].Steps[2].Kind = "SplineCoupling"));
        Assert.Contains("'SplineCoupling'", message, StringComparison.Ordinal);
        Assert.Contains("AffineCoupling", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Content_that_contradicts_itself_is_refused()
    {
        AssertRefused(Changed(content => content.Members[0].Steps[2].Tensors.Remove("gain")));
        AssertRefused(Changed(content => content.Members[0].Steps[2].Indices.Remove("transformed")));
        AssertRefused(Changed(content => content.Members[0].Steps[2].Texts["activation"] = "Swish"));
        AssertRefused(Changed(content => content.Members[0].Steps[2].Texts["activation"] = "7"));
        foreach (double layers in new[] { -1, 0.5, 1e300, double.NaN, int.MaxValue })
            AssertRefused(Changed(content => content.Members[0].Steps[2].Numbers["hidden_layers"] = layers));
        AssertRefused(Changed(content => content.Members[0].Steps[2].Tensors["gain"].Values = ByteString.CopyFrom(new byte[7])));
        AssertRefused(Changed(content => content.Members[0].Steps[2].Tensors["trunk.0.weight"].Dims[0] = int.MaxValue));
        AssertRefused(Changed(content => content.Members[0].Steps[2].Tensors["trunk.0.weight"].Dims.Clear()));
        AssertRefused(Changed(content => content.Members[0].Steps[0].Tensors["mean"].Dims[0] = -5));
        AssertRefused(Changed(content => content.Members[0].Steps[3].Indices["positions"].Values[0] = 99));
        AssertRefused(Changed(content => content.Members[0].Steps[3].Numbers["features"] = int.MaxValue));
        AssertRefused(Changed(content => content.Members.Clear()));
        AssertRefused(Changed(content => content.Metadata.FeatureMedians = ByteString.CopyFrom(new byte[4])));
        AssertRefused(Changed(content => content.Members[0].Steps[6].Tensors["matrix"].Values = ByteString.CopyFrom(new byte[100])));
        AssertRefused(Changed(content => content.InputShape.Clear()));
        AssertRefused(Changed(content => content.InputShape[0] = 6));
        AssertRefused(Changed(content => content.InputShape[0] = 0));
        AssertRefused(Changed(content => content.InputShape.AddRange([int.MaxValue, int.MaxValue])));
        AssertRefused(Changed(content => content.Calibration = null));
        AssertRefused(Changed(content => content.Calibration.Contamination = double.NaN));
        AssertRefused(Changed(content => content.Calibration.Scores = ByteString.CopyFrom(new byte[4004])));
        AssertRefused(Changed(content => content.Metadata.FeatureNames.Add("one too many")));
        AssertRefused(Changed(content => content.Probes.Latents = ByteString.Empty));
    }

    [Fact]
    public void Hostile_content_behind_a_right_digest_is_an_error_or_a_flow()
    {
        var random = new Random(3);
        for (int trial = 0; trial < 5000; trial++)
        {
            byte[] content = s_file[Header..];
            for (int change = random.Next(1, 4); change > 0; change--)
                content[random.Next(content.Length)] = (byte)random.Next(256);
            try
            {
                Load(Envelope(content));
            }
            catch (FlowModelException)
            {
                // what is promised; anything else fails the test
            }
        }
    }

    [Fact]
    public void Steps_that_do_not_fit_are_named()
    {
        var steps = new RandomSteps(5, 1);
        FlowModelException error = Assert.Throws<FlowModelException>(() => new FlowModel(FlowShape.Vector(4), [new TailCompression(1), steps.Permutation()]));
        Assert.Contains("Step 1 (Permutation)", error.Message, StringComparison.Ordinal);
        Assert.Contains("5", error.Message, StringComparison.Ordinal);
        Assert.Contains("4", error.Message, StringComparison.Ordinal);
    }

    /// <summary>A flow in which every step kind and every part of a model occurs.</summary>
    private static FlowModel Complete()
    {
        var steps = new RandomSteps(5, 1);
        CouplingMask mask = steps.Mask();
        FlowShape shape = FlowShape.Vector(5);
        FlowStep[] all =
        [
            steps.Standardization(), steps.TailCompression(), steps.Coupling(mask), steps.Norm(mask.Transformed), steps.Permutation(),
            steps.Coupling(steps.Mask(), 1, Activation.Tanh), steps.Rotation(), steps.Dequantization(), steps.Linear(), steps.Marginals(),
        ];
        FlowStep[] another = [steps.Standardization(), steps.Coupling(steps.Mask(), 0)];
        float[][] rows = FlowCases.Rows(5, 60)[45..49];
        var bare = new FlowModel(shape, [all, another]);
        return new FlowModel(
            shape, [all, another],
            new Calibration([5.5f, 1, 3], 0.26),
            new FlowMetadata
            {
                FeatureMedians = [1, 2.5f, -3, 0, 1e-9f],
                FeatureNames = ["length", "width", "Höhe", "", "a \"quoted\" name"],
                Training = ImmutableSortedDictionary.CreateRange(StringComparer.Ordinal, new Dictionary<string, string> { ["epochs"] = "12", ["Seed"] = "-1" }),
            },
            new ProbeSet(
                [.. rows.SelectMany(row => row)],
                [.. rows.Select(row => ReferenceFlow.LogLikelihood(bare, row))],
                [.. rows.SelectMany(row => ReferenceFlow.Latent(bare, row))]));
    }

    private static void AssertSame(FlowStep step, FlowStep other)
    {
        // every public property, whatever steps there will be: lists and layers by their values
        foreach (var property in step.GetType().GetProperties())
            AssertSameValue(property.GetValue(step), property.GetValue(other), $"{step.Kind}.{property.Name}");
    }

    private static void AssertSameValue(object? expected, object? found, string where)
    {
        switch (expected)
        {
            case System.Collections.IEnumerable list and not string:
                object[] items = [.. list.Cast<object>()], others = [.. ((System.Collections.IEnumerable)found!).Cast<object>()];
                Assert.Equal(items.Length, others.Length);
                for (int i = 0; i < items.Length; i++)
                    AssertSameValue(items[i], others[i], $"{where}[{i}]");
                break;
            case DenseLayer or CouplingMask:
                foreach (var property in expected.GetType().GetProperties())
                    AssertSameValue(property.GetValue(expected), property.GetValue(found), $"{where}.{property.Name}");
                break;
            default:
                Assert.True(Equals(expected, found), $"{where} is {found}, expected {expected}.");
                break;
        }
    }

    private static byte[] Bytes(FlowModel model)
    {
        using var stream = new MemoryStream();
        model.Save(stream);
        return stream.ToArray();
    }

    private static FlowModel Load(byte[] file) => FlowModel.Load(new MemoryStream(file));

    private static string AssertRefused(byte[] file) => Assert.Throws<FlowModelException>(() => Load(file)).Message;

    private static byte[] Changed(Action<FlowModelMessage> change)
    {
        FlowModelMessage message = FlowModelMessage.Parser.ParseFrom(s_file, Header, s_file.Length - Header);
        change(message);
        return Envelope(message.ToByteArray());
    }

    private static byte[] Envelope(byte[] content)
    {
        byte[] file = [.. s_file.AsSpan(0, Header), .. content];
        BinaryPrimitives.WriteUInt64LittleEndian(file.AsSpan(12), (ulong)content.Length);
        SHA256.HashData(content, file.AsSpan(20));
        return file;
    }
}
