using System.Buffers.Binary;
using System.Text;
using Microsoft.ML;
using RealNvp.ML.Bench.Engine;
using RealNvp.ML.Tests.Transforms.Images;
using RealNvp.ML.Trainers;

namespace RealNvp.ML.Tests.Trainers;

/// <summary>Event files, read back by the format's own rules: records with checksums, and protocol buffers in them.</summary>
public sealed class TensorBoardTests
{
    [Fact]
    public void Event_files_hold_what_progress_reports()
    {
        using var folder = new TemporaryFolder();
        var reports = new List<TrainingProgress>();
        var ml = new MLContext(seed: 1);
        ml.AnomalyDetection.Trainers.RealNvp(new RealNvpTrainer.Options
        {
            Steps = 100,
            Table = new() { Couplings = 2, HiddenUnits = 8 }, Patience = 0, TensorBoardFolder = folder.Root,
                Progress = new Receiver(reports.Add),
        }).Fit(Tables.Load(ml, Tables.Gaussian(200, 3, 1))).Dispose();

        string file = Assert.Single(Directory.GetFiles(folder.Root, "*tfevents*", SearchOption.AllDirectories));
        Event[] events = [.. Records(File.ReadAllBytes(file)).Select(Parse)];
        Assert.Equal("brain.Event:2", events[0].Version);
        Dictionary<(string, long), float> points = events.Where(e => e.Tag is not null).ToDictionary(e => (e.Tag!, e.Step), e => e.Value);
        Assert.Equal(20, reports.Count);
        var expected = reports.SelectMany(report => new[]
        {
            (("nll/training", report.Step), (float)report.TrainingNll), (("nll/validation", report.Step), (float)report.ValidationNll),
            (("learning_rate", report.Step), (float)report.LearningRate), (("rows_per_second", report.Step), (float)report.RowsPerSecond),
        }).ToDictionary();
        Assert.Equal(expected.OrderBy(pair => pair.Key), points.OrderBy(pair => pair.Key));
        double now = DateTimeOffset.UtcNow.ToUnixTimeSeconds();
        // TorchSharp gives the first one, of the version, a time in ticks
        Assert.All(events[1..], e => Assert.InRange(e.Time, now - 600, now + 60));
    }

    [Fact]
    public void A_folder_that_goes_away_ends_no_training()
    {
        using var folder = new TemporaryFolder();
        string path = Path.Combine(folder.Root, "log");
        var ml = new MLContext(seed: 1);
        var warnings = new List<string>();
        ml.Log += (_, e) =>
        {
            if (e.RawMessage.Contains("TensorBoard", StringComparison.Ordinal))
                warnings.Add(e.RawMessage);
        };
        ml.AnomalyDetection.Trainers.RealNvp(new RealNvpTrainer.Options
        {
            Steps = 20,
            Table = new() { Couplings = 2, HiddenUnits = 8 }, Patience = 0, TensorBoardFolder = path, Progress = new Receiver(progress =>
            {
                if (progress.Step == 10)
                    Directory.Delete(path, recursive: true);
            }),
        }).Fit(Tables.Load(ml, Tables.Gaussian(200, 3, 1))).Dispose();
        Assert.Equal(11, warnings.Count); // of steps 10 to 20
    }

    [Fact]
    public void The_checksum_is_that_of_the_format() => Assert.Equal(0xE3069283, Crc32C("123456789"u8)); // RFC 3720's check value

    /// <summary>TFRecord: length, its checksum, the data, its checksum.</summary>
    private static IEnumerable<byte[]> Records(byte[] file)
    {
        for (int at = 0; at < file.Length;)
        {
            int length = checked((int)BinaryPrimitives.ReadUInt64LittleEndian(file.AsSpan(at)));
            Assert.Equal(Masked(file.AsSpan(at, 8)), BinaryPrimitives.ReadUInt32LittleEndian(file.AsSpan(at + 8)));
            Assert.Equal(Masked(file.AsSpan(at + 12, length)), BinaryPrimitives.ReadUInt32LittleEndian(file.AsSpan(at + 12 + length)));
            yield return file[(at + 12)..(at + 12 + length)];
            at += length + 16;
        }
    }

    private static uint Masked(ReadOnlySpan<byte> data)
    {
        uint crc = Crc32C(data);
        return ((crc >> 15) | (crc << 17)) + 0xA282EAD8;
    }

    private static uint Crc32C(ReadOnlySpan<byte> data)
    {
        uint crc = uint.MaxValue;
        foreach (byte value in data)
        {
            crc ^= value;
            for (int bit = 0; bit < 8; bit++)
                crc = (crc & 1) == 0 ? crc >> 1 : (crc >> 1) ^ 0x82F63B78; // Castagnoli's polynomial, reflected
        }
        return ~crc;
    }

    /// <summary>
    /// Event: wall_time = 1, step = 2, file_version = 3, summary = 5; Summary: value = 1; Value: tag = 1, simple_value = 2.
    /// </summary>
    private static Event Parse(byte[] data)
    {
        var found = new Event(0, 0, null, null, float.NaN);
        foreach ((int field, byte[] content) in Fields(data))
        {
            found = field switch
            {
                1 => found with { Time = BitConverter.ToDouble(content) },
                2 => found with { Step = BitConverter.ToInt64(content) },
                3 => found with { Version = Encoding.UTF8.GetString(content) },
                5 => Fields(Fields(content).Single().Content).Aggregate(found, (e, value) => value.Field switch
                {
                    1 => e with { Tag = Encoding.UTF8.GetString(value.Content) },
                    2 => e with { Value = BitConverter.ToSingle(value.Content) },
                    _ => e,
                }),
                _ => found,
            };
        }
        return found;
    }

    private static IEnumerable<(int Field, byte[] Content)> Fields(byte[] data)
    {
        for (int at = 0; at < data.Length;)
        {
            ulong key = Number(data, ref at);
            int length = (key & 7) switch { 0 => 0, 1 => 8, 2 => (int)Number(data, ref at), 5 => 4, var kind
                => throw new InvalidDataException($"Wire type {kind}.") };
            byte[] content = (key & 7) == 0 ? BitConverter.GetBytes(Number(data, ref at)) : data[at..(at + length)];
            at += length;
            yield return ((int)(key >> 3), content);
        }
    }

    private static ulong Number(byte[] data, ref int at)
    {
        ulong value = 0;
        for (int shift = 0; ; shift += 7)
        {
            byte part = data[at++];
            value |= (ulong)(part & 127) << shift;
            if (part < 128)
                return value;
        }
    }

    private sealed record Event(double Time, long Step, string? Version, string? Tag, float Value);
}
