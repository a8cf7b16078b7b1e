using System.Collections.Concurrent;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace RealNvp.ML.Bench.Running;

/// <summary>Something measured that a <see cref="MeasurementLog{T}"/> can find again.</summary>
internal interface IMeasurement
{
    /// <summary>Changes when the data, the options or the code do.</summary>
    string Key { get; }

    /// <summary>Which of the measurements under one key: a seed, a fold.</summary>
    [JsonIgnore]
    int Part { get; }
}

/// <summary>A file with one finished measurement per line, so that an interrupted run goes on where it stopped.</summary>
internal sealed class MeasurementLog<T> where T : class, IMeasurement
{
    private static readonly JsonSerializerOptions s_json = new() { NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals };

    private readonly string _path;
    private readonly Lock _writing = new();
    private readonly ConcurrentDictionary<(string Key, int Part), T> _found = new();

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
                _found[(found.Key, found.Part)] = found;
        }
    }

    /// <summary>What was measured before under the same key, or null.</summary>
    public T? Find(string key, int part) => _found.GetValueOrDefault((key, part));

    /// <summary>Writes a measurement down at once.</summary>
    public void Add(T measurement)
    {
        _found[(measurement.Key, measurement.Part)] = measurement;
        lock (_writing)
            // the break comes first: a torn line spoils no other
            File.AppendAllText(_path, "\n" + JsonSerializer.Serialize(measurement, s_json));
    }

    private static T? Parse(string line)
    {
        try
        {
            return line.Length == 0 ? null : JsonSerializer.Deserialize<T>(line, s_json);
        }
        catch (JsonException)
        {
            return null; // torn by an interruption: measured again
        }
    }
}
