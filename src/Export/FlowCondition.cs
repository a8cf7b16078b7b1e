using System.Collections.Immutable;
using RealNvp.ML.Export.Onnx;

namespace RealNvp.ML.Export;

/// <summary>
/// The condition c of a flow p(features | c): a second vector beside the features, which the net of every coupling reads and no step
/// transforms, so that it has no part in the log-determinant. Users give it in its own units; flow and graphs standardise it.
/// </summary>
/// <remarks>
/// A net reads u + asinh(x - u) with x = (c - mean) / standard deviation, and u = x held within +-10: linear there, and far out slow, so
/// that a condition unlike all others does not drive the nets to extremes. Where conditions may be unknown it also reads one indicator for
/// each value, 1 where the value is NaN; the value itself then counts as its mean. Of a value that was the same in all training rows the
/// nets learned nothing: its standard deviation is <see cref="OfConstant"/>, and they read 0 whatever it is; where it was also never, or
/// always, missing, its standard deviation is <see cref="OfNothing"/>, and they read 0 as its indicator too.
/// </remarks>
public sealed class FlowCondition
{
    /// <summary>Standard deviations up to which a net reads a value as it is.</summary>
    internal const double LinearBound = 10;

    /// <summary>Standard deviations beyond which values are alike: their squares still fit into float32.</summary>
    internal const double MostExcess = 1e18;

    /// <summary>The standard deviation of a value that did not vary, but was missing at times; it stands for not being read.</summary>
    internal const float OfConstant = 1e37f;

    /// <summary>That of a value of which nothing varied.</summary>
    internal const float OfNothing = 2e37f;

    /// <summary>A condition from the statistics of the training rows.</summary>
    /// <param name="mean">One mean per value, finite.</param>
    /// <param name="standardDeviation">One standard deviation per value, positive; 1e37 for a value that did not vary, which then
    /// moves nothing, and 2e37 where not even being unknown is to.</param>
    /// <param name="mayBeUnknown">Whether NaN stands for a value that is not known.</param>
    /// <param name="names">One name per value, or none.</param>
    /// <exception cref="FlowModelException">
    /// The numbers of means, standard deviations and names do not fit each other, or one is not finite.
    /// </exception>
    public FlowCondition(ImmutableArray<float> mean, ImmutableArray<float> standardDeviation, bool mayBeUnknown = false,
        ImmutableArray<string> names = default)
    {
        if (mean.IsDefaultOrEmpty || mean.Length != standardDeviation.Length)
        {
            throw new FlowModelException($"A condition has a mean and a standard deviation for each of its values, found "
                + $"{(mean.IsDefault ? 0 : mean.Length)} and {(standardDeviation.IsDefault ? 0 : standardDeviation.Length)}.");
        }
        if (mean.Any(value => !float.IsFinite(value)) || standardDeviation.Any(value => !(value > 0 && float.IsFinite(value))))
            throw new FlowModelException("A condition has finite means and positive standard deviations.");
        if (!names.IsDefaultOrEmpty && names.Length != mean.Length)
            throw new FlowModelException($"There are {names.Length} names for {mean.Length} values of the condition.");
        Mean = mean;
        StandardDeviation = standardDeviation;
        MayBeUnknown = mayBeUnknown;
        Names = names.IsDefault ? [] : names;
    }

    /// <summary>The number of values of a condition, C.</summary>
    public int Size => Mean.Length;

    /// <summary>The mean of each value over the training rows, in its units.</summary>
    public ImmutableArray<float> Mean { get; }

    /// <summary>The standard deviation of each value over the training rows, in its units; 1e37 or 2e37 where it did not
    /// vary.</summary>
    public ImmutableArray<float> StandardDeviation { get; }

    /// <summary>
    /// Whether NaN stands for a value that is not known, which training then has seen: with all of them NaN the flow is p(features).
    /// Otherwise the results of a NaN condition are NaN.
    /// </summary>
    public bool MayBeUnknown { get; }

    /// <summary>One name per value, or empty where the training column had none.</summary>
    public ImmutableArray<string> Names { get; }

    /// <summary>Whether a value may stand in a condition: finite, or NaN where it may be unknown.</summary>
    internal bool IsUsable(float value) => float.IsFinite(value) || (MayBeUnknown && float.IsNaN(value));

    /// <summary>Whether nets read a value.</summary>
    internal bool IsRead(int value) => StandardDeviation[value] is not (OfConstant or OfNothing);

    /// <summary>Whether nets read that a value is not known, where values may be unknown.</summary>
    internal bool IsReadAsUnknown(int value) => StandardDeviation[value] is not OfNothing;

    /// <summary>The value so many standard deviations from the mean, a number of float32; of one that did not vary the mean.</summary>
    internal float At(int value, float deviations) => !IsRead(value) ? Mean[value]
        : Math.Clamp(Mean[value] + StandardDeviation[value] * deviations, float.MinValue, float.MaxValue);

    /// <summary>What a net reads of a condition: its values and, where they may be unknown, their indicators.</summary>
    internal int Inputs => MayBeUnknown ? 2 * Size : Size;

    /// <summary>Emits what nets read, [N, <see cref="Inputs"/>], and zeros [N, 1] that are NaN where a condition is of no use.</summary>
    /// <param name="nodes">The graph.</param>
    /// <param name="input">The condition in its own units, [N, Size].</param>
    internal (string Inputs, string NanUnlessUsable) Emit(GraphNodes nodes, string input)
    {
        string mean = nodes.Constant(Mean.AsSpan());
        string? isUnknown = MayBeUnknown ? nodes.Node("IsNaN", input) : null;
        string known = isUnknown is null ? input : nodes.Node("Where", isUnknown, mean, input);
        // the mean takes the place of what is not read, whatever it is: x is exactly 0 then
        string read = EachIs(IsRead, out bool[] isRead) ? known
            : nodes.Node("Where", nodes.Node("Less", nodes.Constant(Flags(isRead), 1, Size), nodes.Scalar(0.5)), mean, known);
        string x = nodes.Node("Mul", nodes.Node("Sub", read, mean),
            nodes.Constant([.. StandardDeviation.Select(deviation => 1 / (double)deviation)]));
        string held = nodes.Node("Clip", x, nodes.Scalar(-LinearBound), nodes.Scalar(LinearBound));
        string excess = nodes.Node("Clip", nodes.Node("Sub", x, held), nodes.Scalar(-MostExcess), nodes.Scalar(MostExcess));
        string values = nodes.Node("Add", held, nodes.Node("Asinh", excess));
        return (isUnknown is null ? values : nodes.Node("Concat", [values, Indicators()], [("axis", 1L)]),
            nodes.RowSum(nodes.Node("Mul", known, nodes.Scalar(0))));

        string Indicators() => EachIs(IsReadAsUnknown, out bool[] counts) ? nodes.ToFloat(isUnknown!)
            : nodes.Node("Mul", nodes.ToFloat(isUnknown!), nodes.Constant(Flags(counts), 1, Size));
    }

    private bool EachIs(Func<int, bool> test, out bool[] values)
    {
        values = [.. Enumerable.Range(0, Size).Select(test)];
        return !values.Contains(false);
    }

    private static double[] Flags(bool[] values) => Array.ConvertAll(values, value => value ? 1.0 : 0);
}
