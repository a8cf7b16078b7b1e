namespace RealNvp.ML.Trainers.Data.Rows;

/// <summary>
/// What held-out rows say of two models. A dozen rows often say of a flow that has learned its training rows by heart that it is the better
/// one; the difference must then be more than chance would make it.
/// </summary>
internal static class HeldOutGain
{
    private const int Few = 30;

    /// <summary>Of so many standard errors one difference in forty is by chance, were there none.</summary>
    private const double StandardErrors = 2;

    /// <summary>Whether rows are so few that a mean above 0 says little.</summary>
    public static bool IsOfFew(long rows) => rows <= Few;

    /// <summary>The weighted mean of what rows gain.</summary>
    public static double Mean(IReadOnlyList<double> gains, IReadOnlyList<float> weights)
        => gains.Zip(weights, (gain, weight) => gain * weight).Sum() / weights.Sum(weight => (double)weight);

    /// <summary>Whether the mean of what rows gain is above 0, of few rows by more than two standard errors.</summary>
    /// <param name="gains">By how many nats each row is more likely.</param>
    /// <param name="weights">Of the rows.</param>
    public static bool IsSure(IReadOnlyList<double> gains, IReadOnlyList<float> weights)
    {
        double total = weights.Sum(weight => (double)weight), mean = Mean(gains, weights);
        double variance = gains.Zip(weights, (gain, weight) => Math.Pow(weight / total * (gain - mean), 2)).Sum();
        return mean > (IsOfFew(gains.Count) ? StandardErrors * Math.Sqrt(variance) : 0);
    }
}
