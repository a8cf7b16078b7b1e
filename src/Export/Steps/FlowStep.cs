using RealNvp.ML.Export.Onnx;
using RealNvp.ML.Export.Storage;

namespace RealNvp.ML.Export.Steps;

/// <summary>
/// One step of a trained flow: an invertible map between the input column and the latent, with its log-determinant. The class of the same name in
/// RealNvp.ML.Trainers is what was trained; this one is its frozen data, and knows how to write itself into the density graph, the sampling graph and the file.
/// </summary>
/// <remarks>A new step is a class here and its twin in Trainers; a static <c>Read(StepReader)</c> makes it known to the file format.</remarks>
public abstract class FlowStep
{
    private protected FlowStep() { }

    /// <summary>The stable name of the step in files: the name of its class.</summary>
    public string Kind => GetType().Name;

    /// <summary>The shape that leaves the step in the density direction.</summary>
    /// <exception cref="FlowModelException">The step does not accept <paramref name="input"/>.</exception>
    public abstract FlowShape OutputShape(FlowShape input);

    /// <summary>The step in a few words, for <see cref="FlowModel.Summary"/>.</summary>
    public abstract string Describe();

    /// <summary>Writes the density direction: replaces the graph's state and adds the log-determinant.</summary>
    internal abstract void WriteDensity(DensityGraph graph);

    /// <summary>Writes the sampling direction: replaces the graph's state by the inverse.</summary>
    internal abstract void WriteSampling(SamplingGraph graph);

    /// <summary>Writes the step's data.</summary>
    internal abstract void Write(StepWriter writer);

    /// <summary>This step and the next as one, or null where they do not merge: graphs then have fewer nodes and the same result.</summary>
    internal virtual FlowStep? TryFuse(FlowStep next) => null;

    /// <summary>Requires a vector input of <paramref name="features"/> values.</summary>
    private protected static FlowShape RequireVector(FlowShape input, int features) => !input.IsImage && input.Size == features
        ? input
        : throw new FlowModelException($"expects a vector of {features} values, found {input}.");

    /// <summary>Requires an image of <paramref name="channels"/> channels.</summary>
    private protected static FlowShape RequireImage(FlowShape input, int channels) => input.IsImage && input.Dimensions[0] == channels
        ? input
        : throw new FlowModelException($"expects an image of {channels} channels, found {input}.");

    /// <summary>Requires an image.</summary>
    private protected static FlowShape RequireImage(FlowShape input) => input.IsImage ? input : throw new FlowModelException($"expects an image, found {input} values.");
}
