using System.Globalization;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using RealNvp.ML.Trainers.Data;
using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Trainers.Training;

/// <summary>
/// What must be the same where a run goes on: the design, the plan, the kind of device and the rows, as JSON, so that an error can name
/// what differs.
/// </summary>
internal sealed class RunIdentity
{
    /// <summary>This many differences are named.</summary>
    private const int MostNamed = 10;

    private const string Steps = "plan.Steps";

    /// <summary>What only says when a run ends: where nothing else differs, it is the same run, longer or shorter.</summary>
    private static readonly string[] s_length = [Steps, "plan.EvaluationInterval", "plan.Patience", "plan.StartPatience"];

    private RunIdentity(string text) => Text = text;

    /// <summary>The JSON, as a checkpoint keeps it.</summary>
    public string Text { get; }

    /// <summary>A number that other runs do not have.</summary>
    public long Number => BitConverter.ToInt64(SHA256.HashData(Encoding.UTF8.GetBytes(Text)));

    /// <summary>The identity of a run.</summary>
    public static RunIdentity Of(RunSettings settings, TrainingPlan plan, TrainingData data)
    {
        var run = new JsonObject
        {
            ["members"] = settings.Members,
            ["seed"] = settings.Seed,
            ["device"] = settings.Device.type == DeviceType.CPU ? "cpu" : "cuda", // another kind draws other random numbers
            ["weights"] = settings.Rows.WeightColumn,
            ["streamed"] = data.IsStreamed,
        };
        if (settings.Rows.ConditionColumn is { } condition)
            run["condition"] = condition;
        if (settings.Rows.SamplingKeyColumn is { } key)
            run["sampling_key"] = key;
        if (data.IsStreamed)
            run["shuffle_pool"] = settings.Rows.ShufflePool;
        var whole = new JsonObject
        {
            // choices first: where one differs, rows may differ for it
            ["design"] = SavedDesign.Of(settings.Design).Values,
            ["plan"] = JsonSerializer.SerializeToNode(plan, SavedJson.Default.TrainingPlan),
            ["run"] = run,
            ["rows"] = new JsonObject
            {
                ["count"] = data.TrainingCount,
                ["training"] = Digest(data.Sample.Rows),
                ["training_weights"] = Digest(data.Sample.Weights),
                ["validation"] = Digest(data.Validation?.Rows),
                ["validation_weights"] = Digest(data.Validation?.Weights),
                ["calibration"] = Digest(BytesOf(data.Calibration)),
                // of all rows of a stream, where the digests above are of a sample
                ["columns"] = Digest(BytesOf([.. data.Facts.Mean, .. data.Facts.StandardDeviation, .. data.Facts.BinWidths,
                    .. data.Facts.Condition?.Mean ?? [], .. data.Facts.Condition?.StandardDeviation ?? []])),
            },
        };
        return new(whole.ToJsonString());
    }

    /// <summary>Requires that a checkpoint is of this run, or of one that was to end at another step.</summary>
    /// <returns>The steps that the other run was to have; null where it is this one.</returns>
    /// <exception cref="InvalidOperationException">It is of another.</exception>
    public long? Require(string found)
    {
        Dictionary<string, string> own = Values(Text), other = OfCheckpoint(found);
        string[] different = [.. own.Keys.Union(other.Keys).Where(name => own.GetValueOrDefault(name) != other.GetValueOrDefault(name))];
        if (different.Length == 0)
            return null;
        if (different.All(name => s_length.Contains(name)) && long.TryParse(other.GetValueOrDefault(Steps), NumberStyles.None,
            CultureInfo.InvariantCulture, out long steps))
        {
            return steps;
        }
        string[] differences = [.. different.Select(name => $"it has {Named(other, name)}, this one {Named(own, name)}")];
        string more = differences.Length > MostNamed
            ? $"; and {differences.Length - MostNamed} more differ"
            : "";
        throw new InvalidOperationException($"The checkpoint is of another run: {string.Join("; ", differences.Take(MostNamed))}{more}. "
            + "Resume with the options and rows of the run that wrote it, or choose another folder.");
    }

    private static Dictionary<string, string> OfCheckpoint(string found)
    {
        try
        {
            return Values(found);
        }
        catch (Exception e) when (e is JsonException or ArgumentException)
        {
            return []; // of a build that wrote no JSON, or names a value twice: everything differs
        }
    }

    private static string Named(Dictionary<string, string> lines, string name)
        => lines.TryGetValue(name, out string? value) ? $"'{name}: {value}'" : $"no '{name}'";

    /// <summary>The values of the JSON by their paths.</summary>
    private static Dictionary<string, string> Values(string json)
    {
        var values = new Dictionary<string, string>(StringComparer.Ordinal);
        Add("", JsonNode.Parse(json));
        return values;

        void Add(string path, JsonNode? node)
        {
            if (node is not JsonObject parts)
            {
                values[path] = node?.ToJsonString().Trim('"') ?? "null";
                return;
            }
            foreach ((string name, JsonNode? part) in parts)
                Add(path.Length == 0 ? name : $"{path}.{name}", part);
        }
    }

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
