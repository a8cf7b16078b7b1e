using System.Runtime.InteropServices;

namespace RealNvp.ML.Trainers.Distributed;

/// <summary>
/// The few functions of Open MPI that a training needs (MPI 3.1, its C binding). Handles are addresses of exported objects, as in its
/// mpi.h.
/// </summary>
internal static unsafe class OpenMpi
{
    /// <summary>Calls from one thread at a time.</summary>
    public const int Serialized = 2;

    /// <summary>What Open MPI calls MPI_IN_PLACE.</summary>
    public const nint InPlace = 1;

    private static readonly string[] s_names = ["libmpi.so.40", "libmpi.so.80", "libmpi.so"];
    private static readonly Lazy<nint> s_library = new(() => Load(s_names));

    // what is asked for in every step is looked up once
    private static readonly Lazy<nint> s_world = Export("ompi_mpi_comm_world");
    private static readonly Lazy<nint> s_float = Export("ompi_mpi_float");
    private static readonly Lazy<nint> s_double = Export("ompi_mpi_double");
    private static readonly Lazy<nint> s_byte = Export("ompi_mpi_byte");
    private static readonly Lazy<nint> s_add = Export("ompi_mpi_op_sum");
    private static readonly Lazy<nint> s_allReduce = Export("MPI_Allreduce");

    public static nint World => s_world.Value;

    public static nint Float => s_float.Value;

    public static nint Double => s_double.Value;

    public static nint Byte => s_byte.Value;

    public static nint Add => s_add.Value;

    public static void Init(int threads)
    {
        int provided;
        Check("MPI_Init_thread",
            ((delegate* unmanaged<nint, nint, int, int*, int>)Function("MPI_Init_thread"))(0, 0, threads, &provided));
        if (provided < threads)
            throw new InvalidOperationException("This build of Open MPI serves one thread alone; one with MPI_THREAD_SERIALIZED is "
                + "needed.");
    }

    public static int Rank()
    {
        int rank;
        Check("MPI_Comm_rank", ((delegate* unmanaged<nint, int*, int>)Function("MPI_Comm_rank"))(World, &rank));
        return rank;
    }

    public static int Size()
    {
        int size;
        Check("MPI_Comm_size", ((delegate* unmanaged<nint, int*, int>)Function("MPI_Comm_size"))(World, &size));
        return size;
    }

    public static void AllReduce(nint values, int count, nint type) => Check("MPI_Allreduce",
        ((delegate* unmanaged<nint, nint, int, nint, nint, nint, int>)s_allReduce.Value)(InPlace, values, count, type, Add, World));

    public static void Broadcast(nint values, int bytes)
        => Check("MPI_Bcast", ((delegate* unmanaged<nint, int, nint, int, nint, int>)Function("MPI_Bcast"))(values, bytes, Byte, 0, World));

    public static void Abort(int code) => _ = ((delegate* unmanaged<nint, int, int>)Function("MPI_Abort"))(World, code);

    public static void End() => Check("MPI_Finalize", ((delegate* unmanaged<int>)Function("MPI_Finalize"))());

    private static Lazy<nint> Export(string name) => new(() => NativeLibrary.GetExport(s_library.Value, name));

    private static nint Function(string name) => NativeLibrary.GetExport(s_library.Value, name);

    /// <summary>The library, by the first of some names that there is.</summary>
    /// <exception cref="DllNotFoundException">There is none, or it is another MPI.</exception>
    internal static nint Load(IReadOnlyList<string> names)
    {
        foreach (string name in names)
        {
            if (!NativeLibrary.TryLoad(name, out nint library))
                continue;
            if (NativeLibrary.TryGetExport(library, "ompi_mpi_comm_world", out _))
                return library;
            throw new DllNotFoundException($"{name} is another MPI than Open MPI, whose library distributed training calls: install Open "
                + "MPI (Debian's openmpi-bin), and start with its mpirun.");
        }
        throw new DllNotFoundException("Distributed training needs Open MPI, and no libmpi.so is found: install it (Debian's openmpi-bin), "
            + "and start with its mpirun.");
    }

    /// <summary>By default an error ends all ranks inside MPI; this is for where that was changed.</summary>
    private static void Check(string function, int code)
    {
        if (code != 0)
            throw new InvalidOperationException($"{function} failed with code {code}.");
    }
}
