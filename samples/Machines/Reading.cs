namespace RealNvp.ML.Samples;

/// <summary>What the sensors of a machine say at a minute of a day, and what a flow says of that.</summary>
internal class Reading
{
    public string Machine { get; set; } = "";

    /// <summary>The time of day, 0 to 24.</summary>
    public float Hour { get; set; }

    /// <summary>The same as a point on a circle, where 23:59 and 0:00 are neighbours.</summary>
    public float SinHour { get; set; }

    public float CosHour { get; set; }

    public float Temperature { get; set; }

    public float Pressure { get; set; }

    public float Vibration { get; set; }

    /// <summary>1 where something is wrong: the sensors say what is usual at another hour. No flow sees it.</summary>
    public float Label { get; set; }
}

/// <summary>A reading with its score.</summary>
internal sealed class ScoredReading : Reading
{
    public float Score { get; set; }

    public bool PredictedLabel { get; set; }
}

/// <summary>Days of four made-up machines, of which each has hours of its own.</summary>
internal static class Plant
{
    /// <summary>Name, and the hours between which it works.</summary>
    public static readonly (string Name, double From, double To)[] Machines
        = [("early shift", 5, 13), ("day shift", 8, 18), ("late shift", 14, 23), ("press", 9, 16)];

    /// <summary>Readings of some days, one every ten minutes.</summary>
    /// <param name="days">How many.</param>
    /// <param name="odd">The share of readings that belong to another hour, twelve hours away.</param>
    /// <param name="seed">Of all that is random.</param>
    public static IEnumerable<Reading> Days(int days, double odd, int seed)
    {
        var random = new Random(seed);
        for (int i = 0; i < days * 144; i++)
        {
            double hour = i % 144 / 6.0;
            foreach ((string name, double from, double to) in Machines)
            {
                bool isOdd = random.NextDouble() < odd;
                double load = Load(isOdd ? (hour + 12) % 24 : hour, from, to) * (0.9 + 0.2 * random.NextDouble());
                yield return new Reading
                {
                    Machine = name,
                    Hour = (float)hour,
                    SinHour = (float)Math.Sin(hour * Math.PI / 12),
                    CosHour = (float)Math.Cos(hour * Math.PI / 12),
                    Temperature = (float)(25 + 45 * load + 1.5 * Normal(random)),
                    Pressure = (float)(1 + 3 * load + 0.1 * Normal(random)),
                    Vibration = (float)(0.2 + load * (1 + 0.2 * Normal(random))),
                    Label = isOdd ? 1 : 0,
                };
            }
        }
    }

    /// <summary>How hard a machine works at an hour, 0 to 1: it warms up and cools down within about an hour.</summary>
    private static double Load(double hour, double from, double to)
        => 1 / (1 + Math.Exp(-3 * (hour - from))) * (1 / (1 + Math.Exp(3 * (hour - to))));

    private static double Normal(Random random)
        => Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
}
