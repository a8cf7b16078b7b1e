using System.Collections.Immutable;
using RealNvp.ML.Export.Onnx;
using RealNvp.ML.Export.Storage;

namespace RealNvp.ML.Export.Steps;

/// <summary>
/// Coupling-output batch normalisation of image flows (paper, section 3.7), frozen: y = scale * x + shift per channel on the half that the
/// coupling transformed, the other half passes; log|det| = (transformed pixels per channel) * sum log(scale).
/// </summary>
public sealed class ImageBatchNorm : FlowStep
{
    /// <summary>A frozen batch norm.</summary>
    /// <param name="mask">The mask of the coupling before it.</param>
    /// <param name="scale">1 / sqrt(running variance + epsilon) per channel with transformed pixels; positive.</param>
    /// <param name="shift">-(running mean) * scale per channel with transformed pixels.</param>
    public ImageBatchNorm(ImageMask mask, ImmutableArray<float> scale, ImmutableArray<float> shift)
    {
        if (scale.IsEmpty || scale.Length != shift.Length)
            throw new FlowModelException(
                $"expects one scale and one shift per channel, found {scale.Length} scales and {shift.Length} shifts.");
        RequireScales(scale, shift);
        Mask = mask;
        Scale = scale;
        Shift = shift;
    }

    /// <summary>The mask of the coupling before it: its conditioning half passes.</summary>
    public ImageMask Mask { get; }

    /// <summary>The factor of each channel with transformed pixels: all, or half of them.</summary>
    public ImmutableArray<float> Scale { get; }

    /// <summary>What is added to them after the factor.</summary>
    public ImmutableArray<float> Shift { get; }

    /// <inheritdoc/>
    public override FlowShape OutputShape(FlowShape input) => RequireImage(input, Mask.IsCheckerboard() ? Scale.Length : 2 * Scale.Length);

    /// <inheritdoc/>
    public override string Describe() => $"all but {Mask}, scales {Scale.Min():G3} to {Scale.Max():G3}";

    internal override void EmitDensity(DensityState state)
    {
        ImageState image = state.Image;
        string scaled = state.Nodes.Node("Mul", image.Tensor, Map(state, Scale, 1));
        image.Replace(state.Nodes.Node("Add", scaled, Map(state, Shift, 0)));
        state.AddImageConstantLogDet(Scale.Sum(value => Math.Log(value)),
            Mask.IsCheckerboard() ? Mask.Complement().Conditioning(image.Height, image.Width) : []);
    }

    internal override void EmitSampling(FlowState state)
    {
        string shifted = state.Nodes.Node("Sub", state.Image.Tensor, Map(state, Shift, 0));
        state.Image.Replace(state.Nodes.Node("Mul", shifted, Map(state, [.. Scale.Select(value => 1 / value)], 1)));
    }

    internal override void Save(StepWriter writer)
    {
        writer.Text("mask", Mask.ToString());
        writer.Tensor("scale", Scale);
        writer.Tensor("shift", Shift);
    }

    internal static ImageBatchNorm Load(StepReader reader)
        => new(reader.Enum<ImageMask>("mask"), reader.Tensor("scale"), reader.Tensor("shift"));

    /// <summary>The values as a constant over the whole image, with <paramref name="passing"/> where the conditioning half is.</summary>
    private string Map(FlowState state, ImmutableArray<float> values, float passing)
    {
        (GraphNodes nodes, int height, int width) = (state.Nodes, state.Image.Height, state.Image.Width);
        IEnumerable<float> others = Enumerable.Repeat(passing, values.Length);
        return Mask switch
        {
            ImageMask.FirstChannels => nodes.Constant([.. others, .. values], 2 * values.Length, 1, 1),
            ImageMask.SecondChannels => nodes.Constant([.. values, .. others], 2 * values.Length, 1, 1),
            _ => nodes.Constant(
                [.. values.SelectMany(value => Mask.Conditioning(height, width).Select(pixel => pixel == 1 ? passing : value))],
                values.Length, height, width),
        };
    }
}
