using System.Diagnostics;

namespace RealNvp.ML.Bench.Running;

/// <summary>The time that a subcommand may take: what is worth most is measured first, and what does not fit is left out.</summary>
internal sealed class TimeBox(double seconds)
{
    private const int LeastCalls = 3, WarmUpCalls = 2;

    private readonly long _start = Stopwatch.GetTimestamp();

    /// <summary>Whether nothing more is to be started.</summary>
    public bool IsOver => Stopwatch.GetElapsedTime(_start).TotalSeconds >= seconds;

    /// <summary>Rows per second from the median time of a call, over a while of which a quarter warms up.</summary>
    public static double Rate(int rows, double seconds, Action call)
    {
        long start = Stopwatch.GetTimestamp();
        for (int i = 0; i < WarmUpCalls || Stopwatch.GetElapsedTime(start).TotalSeconds < seconds / 4; i++)
            call();
        var times = new List<double>();
        while (times.Count < LeastCalls || Stopwatch.GetElapsedTime(start).TotalSeconds < seconds)
        {
            long before = Stopwatch.GetTimestamp();
            call();
            times.Add(Stopwatch.GetElapsedTime(before).TotalSeconds);
        }
        return rows / Contest.Median([.. times]);
    }
}
