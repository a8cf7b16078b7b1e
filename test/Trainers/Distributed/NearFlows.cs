using RealNvp.ML.Export;

namespace RealNvp.ML.Tests.Trainers.Distributed;

/// <summary>Whether two trainings with sums in another order came to the same.</summary>
internal static class NearFlows
{
    /// <summary>
    /// Over 200 steps the weights of a flow without batch norm stay within 1e-5 of each other. A batch norm takes out the bias before it:
    /// that has no gradient but roundings, which Adam makes whole steps of, so that such weights wander. What the flow says of rows does
    /// not.
    /// </summary>
    public static void Assert(string what, FlowModel expected, FlowModel found)
    {
        float[] own = RankTraining.Weights(expected), other = RankTraining.Weights(found);
        Xunit.Assert.Equal(own.Length, other.Length);
        double[] apart = [.. own.Zip(other, (x, y) => (double)Math.Abs(x - y)).Order()];
        if (what == RankTraining.Table)
            Xunit.Assert.InRange(apart[^1], 0, 1e-5);
        Xunit.Assert.InRange(apart[apart.Length / 2], 0, 1e-3);
        float[] likelihoods = RankTraining.LogLikelihoods(what, expected), others = RankTraining.LogLikelihoods(what, found);
        double features = expected.InputShape.Size;
        Xunit.Assert.InRange(Math.Abs(likelihoods.Average() - others.Average()) / features, 0, 1e-3);
        Xunit.Assert.InRange(likelihoods.Zip(others, (x, y) => Math.Abs(x - y)).Max() / features, 0, 0.05);
    }
}
