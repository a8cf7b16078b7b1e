using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;
using Google.Protobuf;
using RealNvp.ML.Export;
using RealNvp.ML.Export.Nets;
using RealNvp.ML.Export.Steps;
using RealNvp.ML.Export.Storage;

namespace RealNvp.ML.Tests.Exports;

public class FlowModelFileTests
{
    // magic, version, length, digest
    private const int Header = 8 + 4 + 8 + 32;

    private static readonly FlowModel s_model = Complete();

    private static readonly byte[] s_file = Bytes(s_model);

    private static readonly FlowModel s_imageModel = CompleteImages();

    private static readonly byte[] s_imageFile = Bytes(s_imageModel);

    private static byte[] FileOf(bool images) => images ? s_imageFile : s_file;

    [Theory, InlineData(false), InlineData(true)]
    public void Everything_comes_back(bool images)
    {
        FlowModel model = images ? s_imageModel : s_model, back = Load(FileOf(images));
        Assert.Equal(model.InputShape, back.InputShape);
        Assert.Equal(model.Summary(), back.Summary());
        Assert.Equal(model.Calibration.Scores, back.Calibration.Scores);
        Assert.Equal(model.Calibration.Contamination, back.Calibration.Contamination);
        Assert.Equal(model.Calibration.Threshold, back.Calibration.Threshold);
        Assert.Equal(model.Metadata.FeatureNames, back.Metadata.FeatureNames);
        Assert.Equal(model.Metadata.Training, back.Metadata.Training);
        Assert.Equal(model.Probes.Rows, back.Probes.Rows);
        Assert.Equal(model.Probes.LogLikelihoods, back.Probes.LogLikelihoods);
        Assert.Equal(model.Probes.Latents, back.Probes.Latents);
        Assert.Equal(model.Metadata.FeatureMedians, back.Metadata.FeatureMedians);
        Assert.Equal(model.Metadata.FeatureLevels, back.Metadata.FeatureLevels);
        Assert.Equal(model.Metadata.OneHotGroups, back.Metadata.OneHotGroups);
        Assert.Equal(model.Members.Length, back.Members.Length);
        foreach ((ImmutableArray<FlowStep> steps, ImmutableArray<FlowStep> others) in model.Members.Zip(back.Members))
        {
            Assert.Equal(steps.Select(step => step.Kind), others.Select(step => step.Kind));
            foreach ((FlowStep step, FlowStep other) in steps.Zip(others))
                AssertSame(step, other);
        }
        Assert.Equal(model.BuildDensityGraph(), back.BuildDensityGraph());
        Assert.Equal(model.BuildSamplingGraph(), back.BuildSamplingGraph());
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

    [Theory, InlineData(false), InlineData(true)]
    public void Every_truncation_is_an_error_that_says_so(bool images)
    {
        byte[] file = FileOf(images);
        for (int length = 0; length < file.Length; length++)
        {
            string message = AssertRefused(file[..length]);
            Assert.Contains(length < 8 ? "not a flow model" : "truncated", message, StringComparison.Ordinal);
        }
    }

    [Theory, InlineData(false), InlineData(true)]
    public void Every_changed_byte_is_an_error(bool images)
    {
        byte[] file = FileOf(images);
        var random = new Random(1);
        for (int i = 0; i < file.Length; i++)
        {
            byte[] damaged = [.. file];
            damaged[i] ^= (byte)(1 << random.Next(8));
            AssertRefused(damaged);
        }
    }

    [Fact]
    public void Header_says_what_is_wrong()
    {
        Assert.Contains("RNVPFLOW",
            AssertRefused(Encoding.ASCII.GetBytes("PK\x03\x04 a zip archive, longer than the header of a flow model")),
            StringComparison.Ordinal);
        byte[] newer = [.. s_file];
        newer[8] = 7;
        string message = AssertRefused(newer);
        Assert.Contains("version 7", message, StringComparison.Ordinal);
        Assert.Contains("versions 1 to 6: a later version of the library wrote it", message, StringComparison.Ordinal);
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
    public void Every_step_has_a_tag()
        => Assert.Equal(
            typeof(FlowStep).Assembly.GetTypes().Where(type => type.IsSubclassOf(typeof(FlowStep)) && !type.IsAbstract).ToHashSet(),
            StepKinds.Tags.Keys.ToHashSet());

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
        AssertRefused(Changed(content => content.Metadata.FeatureLevels.RemoveAt(0)));
        AssertRefused(Changed(content => content.Metadata.FeatureLevels[1] = ByteString.CopyFrom(new byte[8]))); // 0 and 0
        AssertRefused(Changed(content => content.Metadata.OneHotGroups[0].Values[0] = 99));
        AssertRefused(Changed(content => content.Metadata.OneHotGroups[0].Values.Add(1)));
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
    public void Content_of_image_steps_that_contradicts_itself_is_refused()
    {
        // logit, checkerboard, norm, squeeze, channels, norm, unsqueeze, squeeze, factor out
        const int Logit = 0, Checkerboard = 1, Norm = 2, Squeeze = 3, Channels = 4, FactorOut = 8;
        void Refused(int step, Action<StepMessage> change)
            => AssertRefused(Changed(content => change(content.Members[0].Steps[step]), s_imageFile));
        Assert.Equal(["Logit", "CheckerboardCoupling", "ImageBatchNorm", "Squeeze", "ChannelCoupling"],
            s_imageModel.Steps[..5].Select(step => step.Kind));
        Assert.Equal("FactorOut", s_imageModel.Steps[FactorOut].Kind);
        foreach (double levels in new[] { 1, 0, -256, 2.5, 1e300, double.NaN })
            Refused(Logit, step => step.Numbers["levels"] = levels);
        foreach (double width in new[] { 0, -1, double.NaN, double.PositiveInfinity, 1e300 })
            Refused(Logit, step => step.Numbers["level_width"] = width);
        foreach (double alpha in new[] { -0.1, 0.5, double.NaN })
            Refused(Logit, step => step.Numbers["alpha"] = alpha);
        Refused(Logit, step => step.Numbers.Remove("levels"));
        foreach (string mask in new[] { "FirstChannels", "Diagonal", "17", "" })
            Refused(Checkerboard, step => step.Texts["mask"] = mask);
        Refused(Channels, step => step.Texts["mask"] = "OddPixels");
        Refused(Channels, step => step.Texts.Remove("mask"));
        foreach (double blocks in new[] { -1, 0.5, 2, int.MaxValue, double.NaN })
            Refused(Checkerboard, step => step.Numbers["blocks"] = blocks);
        foreach (double flag in new[] { -1, 0.5, double.NaN })
            Refused(Checkerboard, step => step.Numbers["reads_mask"] = flag);
        Refused(Checkerboard, step => step.Numbers["reads_mask"] = 0); // the next layer has an input for it
        int[][] wrong = [[], [4, 3], [4, 3, 3, 5], [4, 3, 1, 9], [-4, 3, 3, -3], [int.MaxValue, int.MaxValue, 3, 3], [1 << 30, 4, 1, 1]];
        foreach (int[] dims in wrong)
        {
            Refused(Checkerboard, step =>
            {
                step.Tensors["first.weight"].Dims.Clear();
                step.Tensors["first.weight"].Dims.AddRange(dims);
            });
        }
        string[] tensors =
        [
            "gain", "input.scale", "first.bias", "first_skip.weight", "block.0.norm.shift", "block.0.second.weight", "block.0.skip.bias",
            "output.weight",
        ];
        foreach (string tensor in tensors)
        {
            Refused(Checkerboard, step => step.Tensors.Remove(tensor));
            Refused(Channels, step => step.Tensors[tensor].Values = ByteString.CopyFrom(new byte[4]));
            Refused(Channels, step => step.Tensors[tensor].Values = ByteString.Empty);
        }
        Refused(Norm, step => step.Tensors["scale"].Values = ByteString.CopyFrom(new byte[4])); // a scale of zero
        Refused(Norm, step => step.Tensors["shift"].Values = ByteString.CopyFrom(BitConverter.GetBytes(float.NaN)));
        Refused(Norm, step => step.Texts["mask"] = "SecondChannels"); // one channel has no halves
        Refused(Squeeze, step => step.Texts["order"] = "Zigzag");
        Refused(Squeeze, step => step.Kind = "Unsqueeze");
        Refused(FactorOut, step => step.Kind = "Squeeze");
        foreach (int[] shape in new int[][] { [1, 3, 2], [16], [1, 0, 2], [3, 2, 2], [int.MaxValue, 2, 2], [1, 1 << 16, 1 << 16] })
        {
            AssertRefused(Changed(content =>
            {
                content.InputShape.Clear();
                content.InputShape.AddRange(shape);
            }, s_imageFile));
        }
    }

    [Theory, InlineData(false), InlineData(true)]
    public void Hostile_content_behind_a_right_digest_is_an_error_or_a_flow(bool images)
    {
        byte[] file = FileOf(images);
        var random = new Random(3);
        for (int trial = 0; trial < 5000; trial++)
        {
            byte[] content = file[Header..];
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
        FlowModelException error
            = Assert.Throws<FlowModelException>(() => new FlowModel(FlowShape.Vector(4), [new TailCompression(1), steps.Permutation()]));
        Assert.Contains("Step 1 (Permutation)", error.Message, StringComparison.Ordinal);
        Assert.Contains("5", error.Message, StringComparison.Ordinal);
        Assert.Contains("4", error.Message, StringComparison.Ordinal);
    }

    /// <summary>An image flow in which every kind of step occurs.</summary>
    private static FlowModel CompleteImages()
    {
        var steps = new RandomImageSteps(4);
        FlowShape shape = FlowShape.Image(1, 2, 2);
        FlowStep[] all =
        [
            new Logit(17, 0.5f, 0.03f), .. steps.Both(ImageMask.OddPixels, 1), new Squeeze(SqueezeOrder.Plain),
            .. steps.Both(ImageMask.SecondChannels, 4, 1, shiftFirst: true),
            new Unsqueeze(SqueezeOrder.Plain), new Squeeze(SqueezeOrder.Ordered), new FactorOut(),
        ];
        var bare = new FlowModel(shape, all);
        float[][] rows = ImageFlows.Rows(bare, 3);
        return new FlowModel(shape, all, new Calibration([5.5f, 1, 3], 0.26), probes: new ProbeSet(
            [.. rows.SelectMany(row => row)], [.. rows.Select(row => ReferenceFlow.LogLikelihood(bare, row))],
                [.. rows.SelectMany(row => ReferenceFlow.Latent(bare, row))]));
    }

    /// <summary>A flow in which every kind of step over vectors and every part of a model occurs.</summary>
    private static FlowModel Complete()
    {
        var steps = new RandomSteps(5, 1);
        CouplingMask mask = steps.Mask();
        FlowShape shape = FlowShape.Vector(5);
        FlowStep[] all =
        [
            steps.Standardization(), steps.TailCompression(), steps.Coupling(mask), steps.Norm(mask.Transformed), steps.Permutation(),
            steps.Coupling(steps.Mask(), 1, Activation.Tanh), steps.Rotation(), steps.Dequantization(), steps.Linear(), steps.Marginals(),
            steps.Spline(),
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
                FeatureLevels = [[1, 2, 4.5f], [0, 1], [-3], [-1, 0], []],
                OneHotGroups = [[1, 3]],
                FeatureNames = ["length", "width", "Höhe", "", "a \"quoted\" name"],
                Training = FlowMetadata.Empty.Training.Add("epochs", "12").Add("Seed", "-1"),
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
            case DenseLayer or CouplingMask or ResidualConditioner or ResidualBlock or ConvLayer or ConditionerNorm:
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

    private static byte[] Changed(Action<FlowModelMessage> change, byte[]? of = null)
    {
        byte[] file = of ?? s_file;
        FlowModelMessage message = FlowModelMessage.Parser.ParseFrom(file, Header, file.Length - Header);
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
