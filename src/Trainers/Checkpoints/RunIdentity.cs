using System.Globalization;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using RealNvp.ML.Export;
using RealNvp.ML.Trainers.Data;
using RealNvp.ML.Trainers.Training;
using TorchSharp;
using static TorchSharp.torch;
using Options = RealNvp.ML.Trainers.RealNvpTrainer.Options;

namespace RealNvp.ML.Trainers.Checkpoints;

/// <summary>
/// What must be the same where a run goes on: the options that shape it, its rows and its kind of device. One line each, "name: value" in
/// the invariant culture, so that an error can name the ones that differ.
/// </summary>
internal sealed class RunIdentity
{
    /// <summary>So many differences are named.</summary>
    private const int MostNamed = 10;

    /// <summary>Options that are not part of it; any other is, those that are yet to come included.</summary>
    private static readonly HashSet<string> s_leftOut = new(StringComparer.Ordinal)
    {
        // the plan has them, with what they chose
        nameof(Options.Dropout), nameof(Options.LearningRate), nameof(Options.Decay), nameof(Options.Trim),
        nameof(Options.WeightDecay), nameof(Options.GainPenalty), nameof(Options.AveragedWeights),
        nameof(Options.GradientClip), nameof(Options.BatchSize), nameof(Options.Epochs), nameof(Options.Steps),
        nameof(Options.Patience),
        // what they do to rows is in the digests of these
        nameof(Options.Columns), nameof(Options.Validation), nameof(Options.Calibration),
        nameof(Options.ValidationFraction), nameof(Options.CalibrationFraction), nameof(Options.NonFiniteRows),
        // said by lines of their own
        nameof(Options.Image), nameof(Options.Seed), nameof(Options.Device), nameof(Options.ResidentLimit),
        nameof(Options.ShufflePool),
        // no part of what is computed before the calibration, or recorded by the checkpoint
        nameof(Options.Contamination), nameof(Options.Threads), nameof(Options.KeepNativeMemory), nameof(Options.CheckpointFolder),
        nameof(Options.CheckpointInterval), nameof(Options.Resume), nameof(Options.TensorBoardFolder),
        nameof(Options.Progress), nameof(Options.CancellationToken), nameof(Options.OnCancellation),
    };

    private RunIdentity(string text) => Text = text;

    /// <summary>The lines, as a checkpoint keeps them.</summary>
    public string Text { get; }

    /// <summary>The identity of a run.</summary>
    public static RunIdentity Of(Options options, TrainingPlan plan, TrainingData data, FlowShape shape, int seed, Device device)
    {
        // options first: where one differs, rows may differ for it
        var facts = new List<(string Name, object? Value)>(typeof(Options).GetFields(BindingFlags.Public | BindingFlags.Instance)
            .Where(field => !s_leftOut.Contains(field.Name)).Select(field => (field.Name, field.GetValue(options))));
        if (shape.IsImage)
        {
            ImageFlowOptions image = (options.Image ?? new()).For(shape) with { Shape = null, LevelWidth = data.Facts.BinWidths[0] };
            facts.AddRange(Properties(image).Select(fact => ("Image." + fact.Name, fact.Value)));
        }
        facts.AddRange(Properties(plan));
        facts.AddRange(
        [
            // another kind draws other random numbers
            ("shape", shape), ("seed", seed), ("device", device.type == DeviceType.CPU ? "cpu" : "cuda"),
            ("streamed", data.IsStreamed),
        ]);
        if (data.IsStreamed)
            facts.Add((nameof(options.ShufflePool), options.ShufflePool));
        facts.AddRange(
        [
            ("rows", data.TrainingCount), ("training rows", Digest(data.Sample.Rows)), ("training weights", Digest(data.Sample.Weights)),
            ("validation rows", Digest(data.Validation?.Rows)), ("validation weights", Digest(data.Validation?.Weights)),
            ("calibration rows", Digest(BytesOf(data.Calibration))),
            // of all rows of a stream, where the digests above are of a sample
            ("columns hold", Digest(BytesOf([.. data.Facts.Mean, .. data.Facts.StandardDeviation, .. data.Facts.BinWidths]))),
        ]);
        return new(string.Join('\n', facts.Select(fact => string.Create(CultureInfo.InvariantCulture, $"{fact.Name}: {fact.Value}"))));
    }

    /// <summary>Requires that a checkpoint is of this run.</summary>
    /// <exception cref="InvalidOperationException">It is of another.</exception>
    public void Require(string found)
    {
        Dictionary<string, string> own = Lines(Text), other = Lines(found);
        string[] differences = [.. own.Keys.Union(other.Keys).Where(name => own.GetValueOrDefault(name) != other.GetValueOrDefault(name))
            .Select(name => $"it has {Named(other, name)}, this one {Named(own, name)}")];
        if (differences.Length == 0)
            return;
        string more = differences.Length > MostNamed
            ? string.Create(CultureInfo.InvariantCulture, $"; and {differences.Length - MostNamed} more differ")
            : "";
        throw new InvalidOperationException($"The checkpoint is of another run: {string.Join("; ", differences.Take(MostNamed))}{more}. "
            + "Resume with the options and rows of the run that wrote it, or choose another folder.");
    }

    private static string Named(Dictionary<string, string> lines, string name)
        => lines.TryGetValue(name, out string? value) ? $"'{name}: {value}'" : $"no '{name}'";

    private static Dictionary<string, string> Lines(string text)
    {
        var lines = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (string line in text.Split('\n'))
        {
            string[] parts = line.Split(": ", 2);
            lines[parts[0]] = parts[^1];
        }
        return lines;
    }

    private static IEnumerable<(string Name, object? Value)> Properties<T>(T record)
        => typeof(T).GetProperties(BindingFlags.Public | BindingFlags.Instance)
            .Select(property => (property.Name, property.GetValue(record)));

    /// <summary>A short hash of values, which may be more than a span takes.</summary>
    private static string Digest(Tensor? values)
    {
        const long Chunk = 1 << 24;
        if (values is null)
            return "none";
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        using DisposeScope scope = NewDisposeScope();
        Tensor flat = values.flatten();
        for (long first = 0; first < flat.shape[0]; first += Chunk)
        {
            using DisposeScope inner = NewDisposeScope();
            hash.AppendData(flat.narrow(0, first, Math.Min(Chunk, flat.shape[0] - first)).cpu().contiguous().bytes);
        }
        return Convert.ToHexString(hash.GetHashAndReset())[..16];
    }

    private static string Digest(ReadOnlySpan<byte> values) => Convert.ToHexString(SHA256.HashData(values))[..16];

    private static ReadOnlySpan<byte> BytesOf(float[] values) => MemoryMarshal.AsBytes(values.AsSpan());
}
