using System.Buffers.Binary;
using RealNvp.ML.Trainers.Checkpoints;
using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Trainers.Native;

/// <summary>All that a training run draws, on the device of its rows: batches, noise, dropout, flips.</summary>
/// <remarks>
/// TorchSharp makes generators of the CPU only, whatever device they are asked for. On a GPU the draws come from the device's own
/// generator, which belongs to the process; it is set anew before each step, from the seed and the number of the step, so that a run that
/// goes on from a checkpoint draws what it would have drawn.
/// </remarks>
internal sealed class DeviceRandom : IDisposable
{
    private readonly ulong _seed;

    /// <summary>A source of random numbers on a device.</summary>
    public DeviceRandom(int seed, Device device)
    {
        _seed = (uint)seed;
        if (device.type == DeviceType.CPU)
            Generator = new Generator(_seed, CPU);
        else
            Set(step: -1);
    }

    /// <summary>What torch's functions take; null stands for the device's own generator.</summary>
    public Generator? Generator { get; }

    /// <summary>To be called before the draws of a step.</summary>
    public void Begin(long step)
    {
        if (Generator is null)
            Set(step);
    }

    /// <summary>Records the state; on a GPU the number of the step is all of it.</summary>
    public void Save(Checkpoint checkpoint)
    {
        if (Generator is null)
            return;
        using Tensor state = Generator.get_state();
        checkpoint.Add("generator", state);
    }

    /// <summary>Puts the state back.</summary>
    /// <exception cref="DamagedCheckpointException">The state is missing, or none that a generator can have.</exception>
    public void Load(Checkpoint checkpoint)
    {
        if (Generator is null)
            return;
        using Tensor present = Generator.get_state();
        byte[] bytes = checkpoint.Bytes("generator", present.bytes.Length);
        RequireState(bytes);
        using Tensor state = tensor(bytes, device: CPU);
        Generator.set_state(state);
    }

    /// <summary>
    /// What libtorch requires of the state of its Mersenne Twister (CPUGeneratorImplStateLegacy: the seed, numbers left, whether it is
    /// seeded, the next number). There the failure would be a native exception that ends the process.
    /// </summary>
    private static void RequireState(ReadOnlySpan<byte> state)
    {
        const int Words = 624; // of the state
        int left = BinaryPrimitives.ReadInt32LittleEndian(state[8..]), seeded = BinaryPrimitives.ReadInt32LittleEndian(state[12..]);
        ulong next = BinaryPrimitives.ReadUInt64LittleEndian(state[16..]);
        Checkpoint.Require(left is > 0 and <= Words, "generator: left", left);
        Checkpoint.Require(seeded != 0, "generator: seeded", seeded);
        Checkpoint.Require(next <= Words, "generator: next", next);
    }

    public void Dispose() => Generator?.Dispose();

    private void Set(long step) => cuda.manual_seed_all(Mixed(_seed, step));

    /// <summary>
    /// A seed for each step, unlike those of its neighbours and of other runs.
    /// </summary>
    internal static long Mixed(ulong seed, long step)
        => (long)(Finalized(unchecked(((seed << 32) ^ (ulong)step) + 0x9E3779B97F4A7C15)) >> 1);

    /// <summary>The finalizer of SplitMix64 (Steele, Lea and Flood 2014): each bit of the result depends on all of the argument.</summary>
    internal static ulong Finalized(ulong z)
    {
        z = unchecked((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9);
        z = unchecked((z ^ (z >> 27)) * 0x94D049BB133111EB);
        return z ^ (z >> 31);
    }
}
