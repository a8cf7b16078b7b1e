using System.Buffers.Binary;
using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using Google.Protobuf;
using RealNvp.ML.Export;
using RealNvp.ML.Export.Steps;
using RealNvp.ML.Export.Storage;

namespace RealNvp.ML.Tests.Exports;

/// <summary>Small files that promise much, behind a right digest: refused before memory is taken or work begins.</summary>
[Trait("Area", "DataAsItIs")]
public sealed class FlowLimitsTests
{
    private static readonly StepMessage s_identity = StepKinds.Save(new TailCompression(3));

    [Theory]
    [InlineData(2, 30_000, 30_000), InlineData(1, 16_384, 16_384), InlineData(1, 1, int.MaxValue)]
    public void An_image_of_gigabytes_is_refused(int channels, int height, int width) => RefusedAtOnce("more values than a flow takes",
        content =>
        {
            content.InputShape.AddRange([channels, height, width]);
            content.Members.Add(new MemberMessage { Steps = { StepKinds.Save(new Logit(256, 1)) } });
        });

    [Fact]
    public void More_steps_than_a_session_takes_are_refused() => RefusedAtOnce("10000 steps, at most 2048", content =>
    {
        content.InputShape.Add(3);
        content.Members.Add(new MemberMessage { Steps = { Enumerable.Repeat(s_identity, 10_000) } });
    });

    [Fact]
    public void Steps_are_counted_over_all_members() => RefusedAtOnce("5000 steps, at most 2048", content =>
    {
        content.InputShape.Add(3);
        content.Members.AddRange(Enumerable.Repeat(new MemberMessage { Steps = { Enumerable.Repeat(s_identity, 5) } }, 1000));
    });

    [Fact]
    public void Members_without_number_are_refused() => RefusedAtOnce("200000 members, at most 1024", content =>
    {
        content.InputShape.Add(3);
        content.Members.AddRange(Enumerable.Repeat(new MemberMessage(), 200_000));
    });

    [Fact]
    public void Names_without_number_are_refused_before_they_are_read() => RefusedAtOnce("named values, at most 262144", content =>
    {
        content.InputShape.Add(3);
        content.Members.Add(new MemberMessage { Steps = { s_identity } });
        content.Metadata = new MetadataMessage { FeatureNames = { Enumerable.Repeat("", 2_000_000) } };
    });

    [Theory]
    [InlineData(65_536, 65_536, 65_536, 65_536), InlineData(int.MaxValue, int.MaxValue, 4, 1), InlineData(-65_536, 65_536, 65_536, -65_536)]
    public void Dimensions_whose_product_wraps_are_refused(params int[] dims) => RefusedAtOnce("do not fit", content =>
    {
        content.InputShape.Add(3);
        StepMessage step = StepKinds.Save(new Standardization([1, 2, 3], [1, 1, 1]));
        step.Tensors["mean"].Dims.Clear();
        step.Tensors["mean"].Dims.AddRange(dims);
        step.Tensors["mean"].Values = ByteString.Empty;
        content.Members.Add(new MemberMessage { Steps = { step } });
    });

    [Fact]
    public void Probes_whose_number_wraps_are_refused() => RefusedAtOnce("65536 probe rows hold 0 values", content =>
    {
        content.InputShape.Add(65_536);
        content.Members.Add(new MemberMessage { Steps = { s_identity } });
        content.Probes.LogLikelihoods = ByteString.CopyFrom(new byte[65_536 * sizeof(double)]);
    }, mostBytes: 8 << 20);

    [Theory, InlineData(float.NaN), InlineData(float.PositiveInfinity)]
    public void A_weight_that_is_no_number_is_refused_by_name(float value) => RefusedAtOnce("'log_scale.bias' holds", content =>
    {
        content.InputShape.Add(5);
        StepMessage step = StepKinds.Save(new RandomSteps(5, 1).Coupling(new RandomSteps(5, 1).Mask()));
        byte[] bias = step.Tensors["log_scale.bias"].Values.ToByteArray();
        MemoryMarshal.Cast<byte, float>(bias.AsSpan())[0] = value;
        step.Tensors["log_scale.bias"].Values = ByteString.CopyFrom(bias);
        content.Members.Add(new MemberMessage { Steps = { step } });
    });

    [Fact]
    public void A_rotation_of_many_features_loads_without_cubic_work()
    {
        const int Features = 4096; // 34 billion products where every pair of rows is multiplied: most of a minute
        var matrix = new float[Features * Features];
        for (int i = 0; i < Features; i++)
            matrix[i * Features + (i * 5 + 3) % Features] = i % 2 == 0 ? 1 : -1;
        var clock = Stopwatch.StartNew();
        var rotation = new Rotation(Features, ImmutableCollectionsMarshal.AsImmutableArray(matrix));
        Assert.InRange(clock.Elapsed.TotalSeconds, 0, 15);
        Assert.Equal(Features, rotation.Features);
    }

    [Theory, InlineData(1), InlineData(2), InlineData(40)]
    public void A_matrix_that_is_no_rotation_is_refused(int features)
    {
        float[] matrix = [.. new RandomSteps(features, 3).Rotation().Matrix];
        _ = new Rotation(features, [.. matrix]);
        matrix[^1] += 3e-3f;
        Assert.Throws<FlowModelException>(() => new Rotation(features, [.. matrix]));
        matrix[^1] = float.NaN;
        Assert.Throws<FlowModelException>(() => new Rotation(features, [.. matrix]));
    }

    [Fact]
    public void Linear_maps_that_take_minutes_to_invert_are_refused() => RefusedAtOnce("linear maps whose inversion takes", content =>
    {
        const int Features = 2600;
        content.InputShape.Add(Features);
        StepMessage step = StepKinds.Save(new InvertibleLinear(1, [1]));
        step.Tensors["matrix"].Dims.Clear();
        step.Tensors["matrix"].Dims.AddRange([Features, Features]);
        step.Tensors["matrix"].Values = ByteString.CopyFrom(new byte[Features * Features * sizeof(float)]);
        content.Members.Add(new MemberMessage { Steps = { step } });
    }, mostBytes: 200 << 20);

    [Fact]
    public void A_large_checkerboard_takes_no_room_in_a_graph_and_is_the_same()
    {
        var steps = new RandomImageSteps(3);
        FlowStep[] flow = [new Logit(17, 1), steps.Coupling(ImageMask.EvenPixels, 1, 0), steps.Coupling(ImageMask.OddPixels, 1, 0)];
        var model = new FlowModel(FlowShape.Image(1, 513, 515), flow);
        byte[] graph = model.BuildDensityGraph();
        Assert.InRange(graph.Length, 0, 100_000); // 4 MB of masks before
        var random = new Random(2);
        float[][] rows = [[.. Enumerable.Range(0, model.InputShape.Size).Select(_ => (float)random.Next(17))]];
        Tolerance.LogLikelihoods([ReferenceFlow.LogLikelihood(model, rows[0])],
            GraphResults.Of(graph, "Features", rows)["LogLikelihood"], model.InputShape.Size);
    }

    private static void RefusedAtOnce(string message, Action<FlowModelMessage> change, long mostBytes = 4 << 20)
    {
        var content = new FlowModelMessage { Calibration = new(), Probes = new() };
        change(content);
        byte[] file = Envelope(content.ToByteArray());
        Assert.Throws<FlowModelException>(() => FlowModel.Load(new MemoryStream(file))); // once for what is compiled on the way
        long before = GC.GetAllocatedBytesForCurrentThread();
        var clock = Stopwatch.StartNew();
        FlowModelException error = Assert.Throws<FlowModelException>(() => FlowModel.Load(new MemoryStream(file)));
        Assert.InRange(clock.Elapsed.TotalSeconds, 0, 5);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, mostBytes + 2L * file.Length);
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
    }

    private static byte[] Envelope(byte[] content)
    {
        byte[] file = [.. Encoding.ASCII.GetBytes("RNVPFLOW"), .. new byte[4 + 8 + 32], .. content];
        BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(8), 1);
        BinaryPrimitives.WriteUInt64LittleEndian(file.AsSpan(12), (ulong)content.Length);
        SHA256.HashData(content, file.AsSpan(20));
        return file;
    }
}
