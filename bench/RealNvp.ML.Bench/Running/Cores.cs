using RealNvp.ML.Transforms;

namespace RealNvp.ML.Bench.Running;

/// <summary>Work of ours with a limit on the cores it takes.</summary>
internal static class Cores
{
    /// <summary>Does something with so many cores.</summary>
    public static T Limited<T>(int count, Func<T> work)
    {
        int max = RealNvpCores.Max;
        RealNvpCores.Max = count;
        try
        {
            return work();
        }
        finally
        {
            RealNvpCores.Max = max;
        }
    }
}
