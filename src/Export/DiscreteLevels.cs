using System.Collections.Immutable;
using RealNvp.ML.Export.Steps;

namespace RealNvp.ML.Export;

/// <summary>
/// The levels of discrete data, as the steps of a flow tell them: a flow over discrete data is one that knows the distance of two levels
/// for every value of a row.
/// </summary>
internal sealed class DiscreteLevels
{
    private readonly FlowShape _shape;
    private readonly ImmutableArray<float> _widths; // one for all pixels of an image: a file may promise one that does not fit into memory
    private readonly double _logWidths;

    /// <summary>The levels that the members of a flow tell and agree on.</summary>
    public DiscreteLevels(FlowShape shape, ImmutableArray<ImmutableArray<FlowStep>> members)
    {
        _shape = shape;
        _widths = Of(members[0]);
        if (!members.All(steps => Levels(steps) == Levels(members[0]) && Of(steps).AsSpan().SequenceEqual(_widths.AsSpan())))
            _widths = [];
        _logWidths = _widths.Sum(width => Math.Log(width)) * (shape.IsImage ? shape.Size : 1);
        WhyNot = !_widths.IsEmpty ? null : "bits per dimension are of discrete data, and this model is not: it needs "
            + (shape.IsImage ? "a Logit as its first step" : "a Dequantization as its first step with a width above 0 for every feature")
            + (members.Length > 1 ? ", the same in every member." : ".");
    }

    /// <summary>What a model lacks to be discrete, as a sentence; null where it is.</summary>
    public string? WhyNot { get; }

    /// <summary>One width per value, in the column's units; empty where the model is not discrete.</summary>
    public ImmutableArray<float> Widths() => _shape.IsImage && !_widths.IsEmpty ? [.. Enumerable.Repeat(_widths[0], _shape.Size)] : _widths;

    /// <summary>Bits per dimension of a log-likelihood in nats.</summary>
    public double BitsPerDimension(double logLikelihood) => -(logLikelihood + Terms.LogWidths) / Terms.NatsPerBit;

    /// <summary>The numbers in -(LL + sum ln delta) / (D ln 2).</summary>
    public (double LogWidths, double NatsPerBit) Terms => WhyNot is null
        ? (_logWidths, _shape.Size * Math.Log(2))
        : throw new InvalidOperationException($"There are no bits per dimension: {WhyNot}");

    /// <summary>
    /// The logit that an image flow begins with, a learned dequantisation of the same levels before it or not; null where there is none.
    /// </summary>
    public static Logit? LogitOf(ImmutableArray<FlowStep> steps) => steps is [LearnedDequantization learned, Logit behind, ..]
        ? behind.Levels == learned.Levels && behind.LevelWidth == learned.LevelWidth ? behind : null
        : steps.FirstOrDefault() as Logit;

    private static int? Levels(ImmutableArray<FlowStep> steps) => LogitOf(steps)?.Levels;

    private ImmutableArray<float> Of(ImmutableArray<FlowStep> steps)
    {
        if (_shape.IsImage)
            return LogitOf(steps) is { } logit ? [logit.LevelWidth] : [];
        // after a step that changes the values, widths would be in other units than the column's
        return steps.FirstOrDefault() is Dequantization { Widths: var widths } && widths.All(width => width > 0) ? widths : [];
    }
}
