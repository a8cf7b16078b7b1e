using System.Collections.Immutable;
using RealNvp.ML.Export;
using RealNvp.ML.Export.Steps;

namespace RealNvp.ML.Transforms;

/// <summary>
/// Drawn features as the numbers that are meant. A flow draws values between those that a column can have; of columns whose training cells
/// were whole numbers of few kinds, 0 and 1, or one number, which the flow itself tells, the nearest of those is meant.
/// </summary>
/// <remarks>The command line and the service write rows so; <c>Sample</c> and <c>SampleRows</c> give what the flow draws.</remarks>
/// <example>
/// <code>
/// var numbers = DrawnNumbers.Of(flow.Model);
/// foreach (float[] row in flow.SampleRows(count: 10, seed: 1))
///     Console.WriteLine(string.Join(' ', row.Select((value, i) =&gt; numbers.Nearest(i, value))));
/// </code>
/// </example>
public sealed class DrawnNumbers
{
    /// <summary>Of single precision, whose sums over many rows mean and deviation are.</summary>
    private const double Tolerance = 1e-3;

    private readonly Func<float, float>[] _nearest;

    private DrawnNumbers(Func<float, float>[] nearest) => _nearest = nearest;

    /// <summary>What the steps and medians of a model tell of its features; of an image's nothing.</summary>
    /// <param name="model">The flow that rows are drawn from.</param>
    public static DrawnNumbers Of(FlowModel model)
    {
        ArgumentNullException.ThrowIfNull(model);
        ImmutableArray<FlowStep> steps = model.Members[0];
        ImmutableArray<float> medians = model.Metadata.FeatureMedians;
        var found = new Func<float, float>[model.InputShape.Size];
        Array.Fill(found, value => value);
        // behind other steps they would be in other units
        Dequantization? bins = steps.FirstOrDefault() as Dequantization;
        if (medians.IsEmpty || steps.ElementAtOrDefault(bins is null ? 0 : 1) is not Standardization scales)
            return new(found);
        for (int i = 0; i < found.Length; i++)
        {
            float median = medians[i], width = bins?.Widths[i] ?? 0;
            double mean = scales.Mean[i], deviation = scales.StandardDeviation[i], ofTwo = mean * (1 - mean);
            if (deviation == 1 && scales.Mean[i] == median)
                found[i] = _ => median;
            else if (median is 0 or 1 && ofTwo > 0 && Math.Abs(deviation * deviation - ofTwo) <= Tolerance * ofTwo)
                found[i] = value => value > 0.5f ? 1 : 0;
            else if (width > 0 && float.IsInteger(width) && float.IsInteger(median))
                found[i] = value => (float)(median + Math.Round(((double)value - median) / width) * width);
        }
        return new(found);
    }

    /// <summary>The value that is meant.</summary>
    /// <param name="feature">Its place in the row.</param>
    /// <param name="value">As it was drawn, in the feature's unit.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such feature.</exception>
    public float Nearest(int feature, float value)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(feature);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(feature, _nearest.Length);
        return float.IsFinite(value) ? _nearest[feature](value) : value;
    }
}
