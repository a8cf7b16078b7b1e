using System.Collections.Immutable;
using RealNvp.ML.Export.Onnx;
using RealNvp.ML.Export.Storage;

namespace RealNvp.ML.Export.Steps;

/// <summary>
/// One step of a trained flow: an invertible map between the input column and the latent, with its log-determinant. <c>XModule</c> in
/// RealNvp.ML.Trainers is what was trained; <c>X</c> is its frozen data, and knows how to emit itself into the density graph and the
/// sampling graph, and how to save itself to the file.
/// </summary>
/// <remarks>A new step is a class here, its twin in Trainers, and a line in StepKinds, which makes it known to the file.</remarks>
public abstract class FlowStep
{
    private protected FlowStep() { }

    /// <summary>The step's tag in files, which never changes.</summary>
    public string Kind => StepKinds.Tags[GetType()];

    /// <summary>The shape that leaves the step in the density direction.</summary>
    /// <exception cref="FlowModelException">The step does not accept <paramref name="input"/>.</exception>
    public abstract FlowShape OutputShape(FlowShape input);

    /// <summary>The step in a few words, for <see cref="FlowModel.Summary"/>.</summary>
    public abstract string Describe();

    /// <summary>Emits the density direction: replaces the graph's state and adds the log-determinant.</summary>
    internal abstract void EmitDensity(DensityState state);

    /// <summary>Emits the sampling direction: replaces the graph's state by the inverse.</summary>
    internal abstract void EmitSampling(FlowState state);

    /// <summary>Saves the step's data, which a static <c>Load(StepReader)</c> reads back.</summary>
    internal abstract void Save(StepWriter writer);

    /// <summary>This step and the next as one, or null where they do not merge: graphs then have fewer nodes and the same result.</summary>
    internal virtual FlowStep? TryFuse(FlowStep next) => null;

    /// <summary>The step for images whose sides are other by these factors; itself where it knows no sides.</summary>
    internal virtual FlowStep Resized(double down, double across) => this;

    /// <summary>Requires a vector input of <paramref name="features"/> values.</summary>
    private protected static FlowShape RequireVector(FlowShape input, int features) => !input.IsImage && input.Size == features
        ? input
        : throw new FlowModelException($"expects a vector of {features} values, found {input}.");

    /// <summary>Requires a square matrix of finite values over <paramref name="features"/> values.</summary>
    private protected static void RequireMatrix(ImmutableArray<float> matrix, int features)
    {
        if (features < 1 || matrix.Length != (long)features * features)
            throw new FlowModelException($"expects a matrix of {features} x {features}, found {matrix.Length} values.");
        if (matrix.Any(value => !float.IsFinite(value)))
            throw new FlowModelException("expects a matrix of finite values.");
    }

    /// <summary>Requires numbers that a batch norm can have.</summary>
    private protected static void RequireScales(ImmutableArray<float> scale, ImmutableArray<float> shift)
    {
        if (scale.Any(value => !(value > 0 && float.IsFinite(value))) || shift.Any(value => !float.IsFinite(value)))
            throw new FlowModelException("expects positive scales and finite shifts.");
    }

    /// <summary>Requires an image of <paramref name="channels"/> channels.</summary>
    private protected static FlowShape RequireImage(FlowShape input, int channels) => input.IsImage && input.Dimensions[0] == channels
        ? input
        : throw new FlowModelException($"expects an image of {channels} channels, found {input}.");

    /// <summary>Requires an image.</summary>
    private protected static FlowShape RequireImage(FlowShape input)
        => input.IsImage ? input : throw new FlowModelException($"expects an image, found {input} values.");
}
