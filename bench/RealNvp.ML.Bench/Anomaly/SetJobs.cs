using System.Security.Cryptography;
using System.Text;

namespace RealNvp.ML.Bench.Anomaly;

/// <summary>A set, its splits, and what has been measured on them. The rows are read when the first job needs them.</summary>
internal sealed class SetJobs
{
    private readonly Lazy<DataSet> _data;

    /// <summary>Reads the splits, which say how much work there is; the rows wait.</summary>
    public SetJobs(DataFolder folder, string set, AnomalyArguments arguments, IReadOnlyList<Detector> detectors)
    {
        Set = set;
        Splits = folder.ReadSplits(set, arguments.Seeds);
        string data = $"{set} {folder.Fingerprint(set)} {arguments.Protocol}";
        Keys = detectors.ToDictionary(detector => detector.Name, detector => Hash($"{detector.Name} {detector.Fingerprint} {data}"));
        _data = new Lazy<DataSet>(() => folder.ReadSet(set));
    }

    /// <summary>The name of the set.</summary>
    public string Set { get; }

    /// <summary>One per seed.</summary>
    public IReadOnlyList<Split> Splits { get; }

    /// <summary>Under which key each detector's measurements are filed.</summary>
    public IReadOnlyDictionary<string, string> Keys { get; }

    /// <summary>The rows.</summary>
    public DataSet Data => _data.Value;

    private static string Hash(string text)
        => Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(text)))[..16];
}
