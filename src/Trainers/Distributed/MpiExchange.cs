using RealNvp.ML.Trainers.Distributed;
using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Trainers;

/// <summary>
/// Processes that <c>mpirun</c> of Open MPI has started, on one machine or several, train one flow together. One exchange in a process, for
/// the process's life: MPI begins once.
/// </summary>
/// <example>
/// <code>
/// // mpirun -n 4 dotnet MyTraining.dll
/// using var mpi = MpiExchange.Open();
/// var options = new RealNvpTrainer.Options { Exchange = mpi, Seed = 1 };
/// </code>
/// </example>
public sealed class MpiExchange : IGradientExchange, IDisposable
{
    /// <summary>MPI counts in int.</summary>
    private const long MostAtOnce = 1 << 28;

    private bool _ended;

    private MpiExchange()
    {
        OpenMpi.Init(OpenMpi.Serialized);
        (Rank, Ranks) = (OpenMpi.Rank(), OpenMpi.Size());
    }

    /// <inheritdoc/>
    public int Rank { get; }

    /// <inheritdoc/>
    public int Ranks { get; }

    /// <summary>Begins. A process that was not started by <c>mpirun</c> is the only rank.</summary>
    /// <exception cref="DllNotFoundException">There is no Open MPI on this machine.</exception>
    public static MpiExchange Open() => new();

    /// <inheritdoc/>
    public void Sum(Tensor values)
    {
        ArgumentNullException.ThrowIfNull(values);
        nint type = values.dtype switch
        {
            ScalarType.Float32 => OpenMpi.Float,
            ScalarType.Float64 => OpenMpi.Double,
            _ => throw new ArgumentException($"Values are {values.dtype}, expected Float32 or Float64.", nameof(values)),
        };
        OnTheCpu(values, (address, count) => OpenMpi.AllReduce(address, count, type));
    }

    /// <inheritdoc/>
    public void Broadcast(Tensor values)
    {
        ArgumentNullException.ThrowIfNull(values);
        int size = (int)values.element_size();
        OnTheCpu(values, (address, count) => OpenMpi.Broadcast(address, count * size));
    }

    /// <inheritdoc/>
    public void Abort(string message)
    {
        Console.Error.WriteLine($"Rank {Rank} of {Ranks} cannot go on, which ends all: {message}");
        Console.Error.Flush();
        OpenMpi.Abort(1);
    }

    /// <summary>Ends MPI, when all ranks do.</summary>
    public void Dispose()
    {
        if (_ended)
            return;
        _ended = true;
        OpenMpi.End();
    }

    private static unsafe void OnTheCpu(Tensor values, Action<nint, int> call)
    {
        using Tensor? copy = values.device_type == DeviceType.CPU ? null : values.cpu();
        Tensor held = copy ?? values;
        if (!held.is_contiguous())
            throw new ArgumentException("Values are not contiguous.", nameof(values));
        long count = held.numel(), most = MostAtOnce / held.element_size();
        if (count <= most)
            Pass(held);
        else
        {
            using Tensor flat = held.view(-1);
            for (long first = 0; first < count; first += most)
            {
                using Tensor some = flat.narrow(0, first, Math.Min(most, count - first));
                Pass(some);
            }
        }
        if (copy is not null)
            values.copy_(copy);

        void Pass(Tensor some)
        {
            fixed (byte* address = some.bytes)
                call((nint)address, (int)some.numel());
        }
    }
}
