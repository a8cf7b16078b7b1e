using System.Globalization;

namespace RealNvp.ML.Samples;

/// <summary>A linear axis of a <see cref="Chart"/>.</summary>
/// <param name="Title">What it measures, with the unit.</param>
/// <param name="From">Its start.</param>
/// <param name="To">Its end.</param>
/// <param name="Ticks">Where grid lines lie, and what stands beside them.</param>
public sealed record Axis(string Title, double From, double To, (double At, string Label)[] Ticks)
{
    /// <summary>An axis that reaches over some values, with up to ten round ticks.</summary>
    public static Axis Over(string title, double lowest, double highest)
    {
        double rough = (highest - lowest) / 8, power = Math.Pow(10, Math.Floor(Math.Log10(rough)));
        double step = power * new[] { 1, 2, 5, 10 }.First(multiple => multiple * power >= rough);
        int first = (int)Math.Floor(lowest / step), last = (int)Math.Ceiling(highest / step);
        return new(title, first * step, last * step,
            [.. Enumerable.Range(first, last - first + 1).Select(i => (i * step, Words(i * step)))]);
    }

    /// <summary>A number as it stands beside a tick.</summary>
    public static string Words(double value) => value.ToString("#,0.###", CultureInfo.InvariantCulture);

    /// <summary>Where a value lies, from 0 at the start to 1 at the end.</summary>
    public double Place(double value) => (value - From) / (To - From);
}
