using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using RealNvp.ML.Export;

namespace RealNvp.ML.Bench.Cuda;

/// <summary>A graph's work in PyTorch, which reads weights and rows from files.</summary>
internal sealed class TorchLane : ILane
{
    private readonly TorchPeer _peer;
    private readonly string _graph;
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("realnvp-bench");

    /// <summary>Writes the files.</summary>
    public TorchLane(TorchPeer peer, FlowModel model, bool sampling, float[] rows)
    {
        _peer = peer;
        _graph = sampling ? "sampling" : "density";
        FlowWeights.Write(model, PathOf("flow.json"));
        File.WriteAllBytes(PathOf("rows"), MemoryMarshal.AsBytes<float>(rows).ToArray());
    }

    /// <inheritdoc/>
    public double Rate(int batch, double seconds)
    {
        JsonObject request = Request(batch);
        request["seconds"] = seconds;
        return (double)_peer.Ask(request, seconds)["rate"]!;
    }

    /// <inheritdoc/>
    public float[] Results(int rows)
    {
        JsonObject request = Request(rows);
        request["results"] = PathOf("results");
        _peer.Ask(request, seconds: 1);
        return [.. MemoryMarshal.Cast<byte, float>(File.ReadAllBytes(PathOf("results")))];
    }

    /// <inheritdoc/>
    public void Dispose() => _folder.Delete(recursive: true);

    private JsonObject Request(int batch)
        => new() { ["flow"] = PathOf("flow.json"), ["rows"] = PathOf("rows"), ["graph"] = _graph, ["batch"] = batch };

    private string PathOf(string name) => Path.Combine(_folder.FullName, name);
}
