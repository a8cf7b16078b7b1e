using System.Collections.Immutable;
using RealNvp.ML.Export.Steps;

namespace RealNvp.ML.Export;

/// <summary>The distance of two levels of each value of a row, as the steps of a flow tell it: a flow over discrete data is one that knows it for every value.</summary>
internal static class LevelWidths
{
    /// <summary>
    /// One width per value, in the column's units, or one for all pixels of an image; empty where a value is continuous, or where the members of a mixture do
    /// not agree. One for all, because a file may promise an image that does not fit into memory.
    /// </summary>
    public static ImmutableArray<float> Of(FlowModel model)
    {
        ImmutableArray<float> widths = Of(model.InputShape, model.Members[0]);
        return model.Members.All(steps => Levels(steps) == Levels(model.Members[0]) && Of(model.InputShape, steps).AsSpan().SequenceEqual(widths.AsSpan())) ? widths : [];
    }

    private static int? Levels(ImmutableArray<FlowStep> steps) => (steps.FirstOrDefault() as Logit)?.Levels;

    private static ImmutableArray<float> Of(FlowShape shape, ImmutableArray<FlowStep> steps)
    {
        if (shape.IsImage)
            return steps.FirstOrDefault() is Logit logit ? [logit.LevelWidth] : [];
        // behind a step that changes the values its widths would be in other units than the column's
        return steps.FirstOrDefault() is Dequantization { Widths: var widths } && widths.All(width => width > 0) ? widths : [];
    }
}
