using System.Collections.Concurrent;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace RealNvp.ML.Bench.Anomaly;

/// <summary>A file with one finished measurement per line, so that an interrupted run goes on where it stopped.</summary>
internal sealed class MeasurementLog
{
    private static readonly JsonSerializerOptions s_json = new() { NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals };

    private readonly string _path;
    private readonly Lock _writing = new();
    private readonly ConcurrentDictionary<(string Key, int Seed), Measurement> _found = new();

    /// <summary>Reads the file, if there is one.</summary>
    public MeasurementLog(string path)
    {
        _path = path;
        if (Path.GetDirectoryName(Path.GetFullPath(path)) is { } folder)
            Directory.CreateDirectory(folder);
        if (!File.Exists(path))
            return;
        foreach (string line in File.ReadLines(path))
        {
            if (Parse(line) is { } found)
                _found[(found.Key, found.Seed)] = found;
        }
    }

    /// <summary>What was measured before under the same key, or null.</summary>
    public Measurement? Find(string key, int seed) => _found.GetValueOrDefault((key, seed));

    /// <summary>Writes a measurement down at once.</summary>
    public void Add(Measurement measurement)
    {
        _found[(measurement.Key, measurement.Seed)] = measurement;
        lock (_writing)
            File.AppendAllText(_path, "\n" + JsonSerializer.Serialize(measurement, s_json)); // the break comes first: a torn line spoils no other
    }

    private static Measurement? Parse(string line)
    {
        try
        {
            return line.Length == 0 ? null : JsonSerializer.Deserialize<Measurement>(line, s_json);
        }
        catch (JsonException)
        {
            return null; // torn by an interruption: measured again
        }
    }
}
