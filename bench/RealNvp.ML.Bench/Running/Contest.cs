using System.Diagnostics;

namespace RealNvp.ML.Bench.Running;

/// <summary>
/// Times contenders in turn, round after round, so that whatever else the machine does meets all of them: the ratio of two rates of one
/// round is steadier than either, and its median steadier still.
/// </summary>
internal sealed class Contest
{
    /// <summary>So many calls before the first timed one: the runtime compiles a method for good at its 30th call.</summary>
    private const int WarmUps = 60;

    /// <summary>A warm-up call is so much shorter than a timed one.</summary>
    private const int WarmUpShare = 25;

    /// <summary>
    /// Worker threads of ONNX Runtime spin for a while after a call; they shall not do so in the time of the next contender.
    /// </summary>
    private const int SettleMilliseconds = 5;

    private readonly Dictionary<string, double[]> _rates;

    private Contest(Dictionary<string, double[]> rates) => _rates = rates;

    /// <summary>Runs the contest.</summary>
    public static Contest Run(Progress progress, string stage, int rounds, params Contender[] contenders)
    {
        for (int i = 0; i < WarmUps; i++)
        {
            progress.Show($"{stage}, warming up", i, WarmUps);
            foreach (Contender contender in contenders)
                contender.Work(contender.Rows / WarmUpShare);
        }
        var random = new Random(Seed: 1);
        Dictionary<string, double[]> rates = contenders.ToDictionary(contender => contender.Name, _ => new double[rounds]);
        for (int round = 0; round < rounds; round++)
        {
            progress.Show(stage, round, rounds);
            random.Shuffle(contenders); // nobody always follows the same neighbour
            foreach (Contender contender in contenders)
            {
                Thread.Sleep(SettleMilliseconds);
                long start = Stopwatch.GetTimestamp();
                double sum = contender.Work(contender.Rows);
                double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
                if (double.IsNaN(sum))
                    throw new InvalidOperationException($"{contender.Name} gave results that are not numbers.");
                rates[contender.Name][round] = contender.Rows / seconds;
            }
        }
        return new Contest(rates);
    }

    /// <summary>The median rate of a contender, in rows per second.</summary>
    public double Rate(string name) => Median(_rates[name]);

    /// <summary>The median over rounds of how many times as fast one contender is as another.</summary>
    public double Ratio(string name, string baseline) => Median([.. _rates[name].Zip(_rates[baseline], (rate, other) => rate / other)]);

    /// <summary>The middle value, or the mean of the two in the middle.</summary>
    public static double Median(double[] values)
    {
        double[] sorted = [.. values.Order()];
        int middle = sorted.Length / 2;
        return sorted.Length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
    }
}
