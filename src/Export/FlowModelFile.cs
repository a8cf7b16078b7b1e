using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Google.Protobuf;
using RealNvp.ML.Export.Steps;
using RealNvp.ML.Export.Storage;

namespace RealNvp.ML.Export;

/// <summary>
/// The file of a flow: "RNVPFLOW", version (uint32), length of the content (uint64), SHA-256 of the content, content (a FlowModelMessage).
/// All little-endian. The digest is checked before anything is interpreted, and memory is taken as bytes arrive, not as a header promises.
/// </summary>
internal static class FlowModelFile
{
    /// <summary>
    /// The newest version that is read. Flows whose latent has a tail are of version 6, those with a mixture of latents without one or a
    /// learned dequantisation of version 5, those of continuous maps that standardise each position of version 4, with a calibrated score
    /// map, with other steps of continuous maps or of images with a condition of version 3, of vectors with a condition of version 2, all
    /// others of version 1.
    /// </summary>
    private const uint Version = 6;

    private const int HeaderLength = 8 + sizeof(uint) + sizeof(ulong) + SHA256.HashSizeInBytes;

    /// <summary>What protobuf and one array take.</summary>
    private static readonly ulong s_mostBytes = (ulong)Array.MaxLength;

    private static ReadOnlySpan<byte> Magic => "RNVPFLOW"u8;

    public static void Save(FlowModel model, Stream stream)
    {
        byte[] content = ToMessage(model).ToByteArray();
        Span<byte> header = stackalloc byte[HeaderLength];
        Magic.CopyTo(header);
        BinaryPrimitives.WriteUInt32LittleEndian(header[8..], VersionOf(model));
        BinaryPrimitives.WriteUInt64LittleEndian(header[12..], (ulong)content.Length);
        SHA256.HashData(content, header[20..]);
        stream.Write(header);
        stream.Write(content);
    }

    private static uint VersionOf(FlowModel model)
        => model.Members.Any(steps => steps.Any(step => step is LatentMixture { TailWeight: > 0 })) ? 6u
            : model.Members.Any(steps => steps.Any(step => step is LatentMixture or LearnedDequantization)) ? 5u
            : model.Members.Any(steps => steps.Any(step => step is PositionStandardization)) ? 4u
            : model.ScoreMapCalibration is not null || model.Members.Any(steps => steps.Any(StepKinds.IsOfMaps)) ? 3u
            : model.Condition is null ? 1u : model.InputShape.IsImage ? 3u : 2u;

    public static FlowModel Load(Stream stream)
    {
        ReadOnlyMemory<byte> content = ReadContent(stream);
        FlowLimits.Check(content.Span);
        try
        {
            return FromMessage(FlowModelMessage.Parser.ParseFrom(content.Span));
        }
        catch (Exception e) when (e is InvalidProtocolBufferException or ArgumentException or OverflowException)
        {
            // without e: ML.NET wraps this, and what is innermost is to be what is promised
            throw new FlowModelException($"The flow model is damaged: {e.Message}");
        }
    }

    private static ReadOnlyMemory<byte> ReadContent(Stream stream)
    {
        Span<byte> header = stackalloc byte[HeaderLength];
        int read = stream.ReadAtLeast(header, HeaderLength, throwOnEndOfStream: false);
        if (read < Magic.Length || !header[..Magic.Length].SequenceEqual(Magic))
            throw new FlowModelException("This is not a flow model: it does not begin with 'RNVPFLOW'.");
        if (read < HeaderLength)
            throw new FlowModelException($"The flow model is truncated: found {read} bytes of its header of {HeaderLength}.");
        uint version = BinaryPrimitives.ReadUInt32LittleEndian(header[8..]);
        if (version is < 1 or > Version)
            throw new FlowModelException($"The flow model has the format version {version}, this library reads versions 1 to {Version}"
                + (version > Version ? ": a later version of the library wrote it." : "."));

        ulong length = BinaryPrimitives.ReadUInt64LittleEndian(header[12..]);
        if (stream.CanSeek && (ulong)Math.Max(0, stream.Length - stream.Position) < length)
        {
            throw new FlowModelException(
                $"The flow model is truncated: found {stream.Length - stream.Position} bytes of content, expected {length}.");
        }
        if (length > s_mostBytes)
            throw new FlowModelException($"The flow model promises {length} bytes of content, at most {s_mostBytes} are read.");
        // of a stream of known length no more is taken than is there; of others as much as has come
        var content = new MemoryStream(stream.CanSeek ? (int)length : 0);
        var block = new byte[64 * 1024];
        while ((ulong)content.Length < length)
        {
            int wanted = (int)Math.Min((ulong)block.Length, length - (ulong)content.Length);
            int got = stream.Read(block, 0, wanted);
            if (got == 0)
                throw new FlowModelException($"The flow model is truncated: found {content.Length} bytes of content, expected {length}.");
            content.Write(block, 0, got);
        }
        ReadOnlyMemory<byte> bytes = content.GetBuffer().AsMemory(0, (int)content.Length);
        if (!SHA256.HashData(bytes.Span).AsSpan().SequenceEqual(header[20..]))
            throw new FlowModelException("The flow model is damaged: its content does not match its SHA-256 digest.");
        return bytes;
    }

    private static FlowModelMessage ToMessage(FlowModel model)
    {
        var message = new FlowModelMessage
        {
            Calibration = new CalibrationMessage
            {
                Scores = Bytes(model.Calibration.Scores),
                Contamination = model.Calibration.Contamination,
            },
            Metadata = new MetadataMessage { FeatureMedians = Bytes(model.Metadata.FeatureMedians) },
            Probes = new ProbesMessage
            {
                Rows = Bytes(model.Probes.Rows),
                LogLikelihoods = Bytes(model.Probes.LogLikelihoods),
                Latents = Bytes(model.Probes.Latents),
            },
        };
        if (model.Condition is { } condition)
        {
            message.Condition = new ConditionMessage
            {
                Mean = Bytes(condition.Mean),
                StandardDeviation = Bytes(condition.StandardDeviation),
                MayBeUnknown = condition.MayBeUnknown,
            };
            message.Condition.Names.AddRange(condition.Names);
            message.Probes.Conditions = Bytes(model.Probes.Conditions);
        }
        if (model.ScoreMapCalibration is { } map)
        {
            message.ScoreMap = new ScoreMapMessage
            {
                Maxima = Bytes(map.Maximum.Scores),
                Positions = Bytes(map.Position.Scores),
                Contamination = map.Maximum.Contamination,
            };
        }
        message.InputShape.AddRange(model.InputShape.Dimensions);
        foreach (ImmutableArray<FlowStep> steps in model.Members)
            message.Members.Add(new MemberMessage { Steps = { steps.Select(StepKinds.Save) } });
        message.Metadata.FeatureNames.AddRange(model.Metadata.FeatureNames);
        message.Metadata.FeatureLevels.AddRange(model.Metadata.FeatureLevels.Select(Bytes));
        message.Metadata.OneHotGroups.AddRange(model.Metadata.OneHotGroups.Select(group => new IndexMessage { Values = { group } }));
        message.Metadata.Training.Add(model.Metadata.Training);
        return message;
    }

    private static FlowModel FromMessage(FlowModelMessage message)
    {
        CalibrationMessage calibration = message.Calibration ?? throw new FlowModelException("The flow model has no calibration.");
        ProbesMessage probes = message.Probes ?? throw new FlowModelException("The flow model has no probes.");
        MetadataMessage metadata = message.Metadata ?? new MetadataMessage();
        RequireTime(message);
        var model = new FlowModel(
            FlowShape.FromDimensions([.. message.InputShape]),
            [.. message.Members.Select(member => member.Steps.Select(StepKinds.Load))],
            new Calibration(Values<float>(calibration.Scores), calibration.Contamination),
            new FlowMetadata
            {
                FeatureNames = [.. metadata.FeatureNames],
                FeatureMedians = Values<float>(metadata.FeatureMedians),
                FeatureLevels = [.. metadata.FeatureLevels.Select(Values<float>)],
                OneHotGroups = [.. metadata.OneHotGroups.Select(group => group.Values.ToImmutableArray())],
                Training = ImmutableSortedDictionary.CreateRange(StringComparer.Ordinal, metadata.Training),
            },
            new ProbeSet(Values<float>(probes.Rows), Values<double>(probes.LogLikelihoods), Values<double>(probes.Latents),
                Values<float>(probes.Conditions)),
            message.Condition is { } condition
                ? new FlowCondition(Values<float>(condition.Mean), Values<float>(condition.StandardDeviation), condition.MayBeUnknown,
                    [.. condition.Names])
                : null);
        return message.ScoreMap is not { } map ? model : model.WithScoreMapCalibration(new ScoreMapCalibration(
            Values<float>(map.Maxima), Values<float>(map.Positions), map.Contamination));
    }

    /// <summary>Refuses linear maps that would be inverted for minutes, before the first is.</summary>
    private static void RequireTime(FlowModelMessage message)
    {
        double inversion = message.Members.SelectMany(member => member.Steps).Where(StepKinds.IsInverted)
            .Sum(step => Math.Pow(step.Tensors.Values.Max(tensor => tensor.Values.Length / sizeof(float)), 1.5)); // D^2 values each
        if (inversion > FlowLimits.MostInversion)
        {
            throw new FlowModelException($"The flow model has linear maps whose inversion takes some {inversion:G2} operations, at most "
                + $"{FlowLimits.MostInversion:G2} are done.");
        }
    }

    private static ByteString Bytes<T>(ImmutableArray<T> values) where T : unmanaged
        => ByteString.CopyFrom(MemoryMarshal.AsBytes(values.AsSpan()));

    private static ImmutableArray<T> Values<T>(ByteString bytes) where T : unmanaged => [.. MemoryMarshal.Cast<byte, T>(bytes.Span)];
}
