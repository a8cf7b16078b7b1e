using RealNvp.ML.Export;
using RealNvp.ML.Export.Steps;
using RealNvp.ML.Tests.Exports;

namespace RealNvp.ML.Tests.Measuring;

/// <summary>Image flows with random, non-trivial weights, made without libtorch.</summary>
internal static class ImageFlows
{
    /// <summary>A flow of two scales, calibrated, with probes by the double-precision loops.</summary>
    public static FlowModel Random(int channels = 1, int height = 4, int width = 4, int levels = 17, float levelWidth = 1, int seed = 1)
        => Complete(FlowShape.Image(channels, height, width), [Steps(channels, levels, levelWidth, seed)], levels, levelWidth);

    /// <summary>A mixture of two such flows.</summary>
    public static FlowModel Mixture(int channels = 1, int levels = 17, float levelWidth = 1)
        => Complete(FlowShape.Image(channels, 4, 4), [Steps(channels, levels, levelWidth, 1), Steps(channels, levels, levelWidth, 2)],
        levels, levelWidth);

    /// <summary>
    /// A flow of two scales given a condition of two values that may be unknown, or a mixture of several; calibrated, with probes.
    /// </summary>
    public static FlowModel Conditional(int members = 1, int channels = 1, int height = 4, int width = 4)
        => Complete(FlowShape.Image(channels, height, width),
            [.. Enumerable.Range(1, members).Select(seed => Steps(channels, 17, 1, seed, conditionInputs: 4))], 17, 1,
            new FlowCondition([1.5f, -20], [0.5f, 8], mayBeUnknown: true, ["hour", "load"]));

    /// <summary>Conditions of it: usual ones, some unknown, and some far out.</summary>
    public static float[][] Conditions(int count) => [.. Enumerable.Range(0, count).Select(i => new[]
    {
        i % 7 == 3 ? float.NaN : i % 11 == 5 ? 40 : 1 + 0.3f * (i % 5),
        i % 14 == 3 ? float.NaN : i % 13 == 6 ? -1e6f : -30 + 4f * (i % 6),
    })];

    /// <summary>A flow that is its logit alone: every pixel is, squashed, logistic of a standard normal.</summary>
    public static FlowModel LogitAlone(int channels, int height, int width, int levels, float levelWidth)
        => new(FlowShape.Image(channels, height, width), [new Logit(levels, levelWidth)]);

    /// <summary>A flow's logit.</summary>
    public static Logit LogitOf(FlowModel model) => model.Steps.OfType<Logit>().First();

    /// <summary>Images of random levels; the first is of level 0 throughout, the second of the highest.</summary>
    public static float[][] Rows(FlowModel model, int count, int seed = 3)
    {
        Logit logit = LogitOf(model);
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(row => Enumerable.Range(0, model.InputShape.Size)
            .Select(_ => logit.LevelWidth * (row == 0 ? 0 : row == 1 ? logit.Levels - 1 : random.Next(logit.Levels))).ToArray())];
    }

    private static FlowStep[] Steps(int channels, int levels, float levelWidth, int seed, int conditionInputs = 0)
    {
        var steps = new RandomImageSteps(seed, conditionInputs);
        return [new Logit(levels, levelWidth), .. steps.Scale(channels), .. steps.Both(ImageMask.OddPixels, 2 * channels),
            .. steps.Both(ImageMask.EvenPixels, 2 * channels)];
    }

    private static FlowModel Complete(FlowShape shape, FlowStep[][] members, int levels, float levelWidth, FlowCondition? condition = null)
    {
        var bare = new FlowModel(shape, members, condition: condition);
        float[][] rows = Rows(bare, ProbeSet.StandardCount, seed: 4), conditions = condition is null ? [] : Conditions(rows.Length);
        float[]? Given(int row) => condition is null ? null : conditions[row];
        return new(shape, members,
            new Calibration(Rows(bare, 39, seed: 5).Select((row, i) => (float)-ReferenceFlow.LogLikelihood(bare, row, Given(i))), 0.1),
            new FlowMetadata { Training = FlowMetadata.Empty.Training.Add("levels", $"{levels} of {levelWidth}") },
            new ProbeSet(
                [.. rows.SelectMany(row => row)],
                [.. rows.Select((row, i) => ReferenceFlow.LogLikelihood(bare, row, Given(i)))],
                [.. rows.SelectMany((row, i) => ReferenceFlow.Latent(bare, row, i % members.Length, Given(i)))],
                [.. conditions.SelectMany(row => row)]), condition);
    }
}
