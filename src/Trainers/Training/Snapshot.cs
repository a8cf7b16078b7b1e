using RealNvp.ML.Trainers.Checkpoints;
using RealNvp.ML.Trainers.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Trainers.Training;

/// <summary>A copy of a module's parameters and buffers that can be put back; begins as a copy of the present state.</summary>
internal sealed class Snapshot : IDisposable
{
    private readonly Tensor[] _live;
    private readonly Tensor[] _copies;

    public Snapshot(nn.Module module)
    {
        _live = [.. module.state_dict().Values];
        using IDisposable guard = no_grad();
        _copies = Array.ConvertAll(_live, LastingTensor.Copy);
    }

    public void Take() => Copy(_live, _copies);

    public void Restore() => Copy(_copies, _live);

    /// <summary>Records the module's present state and the copy.</summary>
    public void Save(Checkpoint checkpoint) => Each((name, tensor) => checkpoint.Add(name, tensor));

    /// <summary>Puts both back.</summary>
    public void Load(Checkpoint checkpoint) => Each(checkpoint.CopyTo);

    /// <summary>Records the present state of a module alone.</summary>
    public static void SaveLive(Checkpoint checkpoint, nn.Module module)
    {
        foreach ((int i, Tensor tensor) in module.state_dict().Values.Index())
            checkpoint.Add($"flow.{i}", tensor);
    }

    /// <summary>Puts it back.</summary>
    public static void LoadLive(Checkpoint checkpoint, nn.Module module)
    {
        foreach ((int i, Tensor tensor) in module.state_dict().Values.Index())
            checkpoint.CopyTo($"flow.{i}", tensor);
    }

    /// <summary>Records the copy alone.</summary>
    public void SaveCopy(Checkpoint checkpoint, string name)
    {
        for (int i = 0; i < _copies.Length; i++)
            checkpoint.Add($"{name}.{i}", _copies[i]);
    }

    /// <summary>Puts the copy back.</summary>
    public void LoadCopy(Checkpoint checkpoint, string name)
    {
        for (int i = 0; i < _copies.Length; i++)
            checkpoint.CopyTo($"{name}.{i}", _copies[i]);
    }

    public void Dispose()
    {
        foreach (Tensor copy in _copies)
            copy.Dispose();
    }

    private void Each(Action<string, Tensor> action)
    {
        for (int i = 0; i < _live.Length; i++)
        {
            action($"flow.{i}", _live[i]);
            action($"best.{i}", _copies[i]);
        }
    }

    private static void Copy(Tensor[] from, Tensor[] to)
    {
        using IDisposable guard = no_grad();
        for (int i = 0; i < from.Length; i++)
            to[i].copy_(from[i]);
    }
}
