using System.Collections.Immutable;
using RealNvp.ML.Export.Onnx;
using RealNvp.ML.Export.Storage;

namespace RealNvp.ML.Export.Steps;

/// <summary>
/// A step of a flow of continuous maps, [N, C, H, W], that knows what is usual where: y = (x - mean) / standard deviation of each channel
/// at each position; log|det| = -sum log(standard deviation). After a <see cref="ChannelLinear"/> that makes the
/// channels uncorrelated it is a Gaussian per position (Defard et al. 2021, "PaDiM") whose correlations are those of all positions.
/// </summary>
public sealed class PositionStandardization : FlowStep
{
    /// <summary>Standardisation by these statistics.</summary>
    /// <param name="shape">C, H and W.</param>
    /// <param name="mean">The means, planar, finite.</param>
    /// <param name="standardDeviation">As many standard deviations, positive.</param>
    public PositionStandardization(FlowShape shape, ImmutableArray<float> mean, ImmutableArray<float> standardDeviation)
    {
        _ = new Standardization(mean, standardDeviation); // the same is expected of them
        if (!shape.IsImage || shape.Size != mean.Length)
            throw new FlowModelException($"expects means of channels x height x width, found {mean.Length} for {shape}.");
        Shape = shape;
        Mean = mean;
        StandardDeviation = standardDeviation;
    }

    /// <summary>C, H and W.</summary>
    public FlowShape Shape { get; }

    /// <summary>The means [C, H, W], in units of the step before.</summary>
    public ImmutableArray<float> Mean { get; }

    /// <summary>The standard deviations [C, H, W], in the same units.</summary>
    public ImmutableArray<float> StandardDeviation { get; }

    private int Positions => Shape.Dimensions[1] * Shape.Dimensions[2];

    /// <inheritdoc/>
    public override FlowShape OutputShape(FlowShape input) => Shape.Equals(input)
        ? input
        : throw new FlowModelException($"expects maps of {Shape}, found {input}.");

    /// <inheritdoc/>
    public override string Describe() => $"{Shape}, means up to {Mean.Max(Math.Abs):G3}, standard deviations "
        + $"{StandardDeviation.Min():G3} to {StandardDeviation.Max():G3}";

    internal override void EmitDensity(DensityState state)
    {
        GraphNodes nodes = state.Nodes;
        string centred = nodes.Node("Sub", state.Image.Tensor, Constant(nodes, Mean));
        state.Image.Replace(nodes.Node("Mul", centred,
            Constant(nodes, [.. StandardDeviation.Select(deviation => (float)(1 / (double)deviation))])));
        // the same for every picture: spread evenly in the map of the score, so that positions which vary more do not stand out in it
        state.AddImageConstantLogDet(-StandardDeviation.Sum(deviation => Math.Log(deviation)) / Positions);
    }

    internal override void EmitSampling(FlowState state)
    {
        GraphNodes nodes = state.Nodes;
        string scaled = nodes.Node("Mul", state.Image.Tensor, Constant(nodes, StandardDeviation));
        state.Image.Replace(nodes.Node("Add", scaled, Constant(nodes, Mean)));
    }

    /// <summary>The same of other sides: means and the logarithms of deviations go linearly from position to position.</summary>
    internal override FlowStep Resized(double down, double across)
    {
        int height = (int)Math.Round(Shape.Dimensions[1] * down), width = (int)Math.Round(Shape.Dimensions[2] * across);
        float[] deviations = Resized([.. StandardDeviation.Select(value => Math.Log(value))], height, width);
        return new PositionStandardization(FlowShape.Image(Shape.Dimensions[0], height, width),
            [.. Resized([.. Mean.Select(value => (double)value)], height, width)], [.. deviations.Select(MathF.Exp)]);
    }

    internal override void Save(StepWriter writer)
    {
        writer.Tensor("mean", Mean, [.. Shape.Dimensions]);
        writer.Tensor("standard_deviation", StandardDeviation, [.. Shape.Dimensions]);
    }

    internal static PositionStandardization Load(StepReader reader)
    {
        (ImmutableArray<float> mean, int[] dimensions) = reader.Tensor("mean", rank: 3);
        return new(FlowShape.FromDimensions(dimensions), mean, reader.Tensor("standard_deviation", rank: 3).Values);
    }

    private string Constant(GraphNodes nodes, ImmutableArray<float> values)
        => nodes.Constant(values.AsSpan(), Shape.Dimensions[0], Shape.Dimensions[1], Shape.Dimensions[2]);

    private float[] Resized(double[] values, int height, int width)
    {
        (int channels, int rows, int columns) = (Shape.Dimensions[0], Shape.Dimensions[1], Shape.Dimensions[2]);
        var result = new float[channels * height * width];
        for (int i = 0; i < result.Length; i++)
        {
            (int plane, int y, int x) = (i / (height * width), i / width % height, i % width);
            (int top, int bottom, double v) = Between(y, height, rows);
            (int left, int right, double u) = Between(x, width, columns);
            double At(int row, int column) => values[(plane * rows + row) * columns + column];
            double upper = At(top, left) + u * (At(top, right) - At(top, left));
            double lower = At(bottom, left) + u * (At(bottom, right) - At(bottom, left));
            result[i] = (float)(upper + v * (lower - upper));
        }
        return result;

        static (int Before, int After, double Share) Between(int i, int count, int of)
        {
            double at = Math.Clamp((i + 0.5) * of / count - 0.5, 0, of - 1);
            int before = (int)at;
            return (before, Math.Min(before + 1, of - 1), at - before);
        }
    }
}
