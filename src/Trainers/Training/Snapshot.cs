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

    public void Take() => LastingTensor.Assign(_live, _copies);

    public void Restore() => LastingTensor.Assign(_copies, _live);

    /// <summary>Records the copy under a name.</summary>
    public void Save(Checkpoint checkpoint, string name) => checkpoint.Add(name, _copies);

    /// <summary>Puts it back.</summary>
    public void Load(Checkpoint checkpoint, string name) => checkpoint.CopyTo(name, _copies);

    public void Dispose() => Array.ForEach(_copies, copy => copy.Dispose());
}
