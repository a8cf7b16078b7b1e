using System.Collections.Immutable;
using System.Numerics;
using RealNvp.ML.Export.Onnx;
using RealNvp.ML.Export.Storage;

namespace RealNvp.ML.Export.Steps;

/// <summary>
/// A learned linear map of all features before a coupling (Kingma and Dhariwal 2018, section 3.2, for vectors), y = W x, log|det| = log|det
/// W| for every row, x = W^-1 y. The inverse and the log-determinant are computed here, in double precision, from the very numbers that the
/// density graph multiplies by.
/// </summary>
public sealed class InvertibleLinear : FlowStep
{
    /// <summary>A linear map.</summary>
    /// <param name="features">The number of values in a row, D.</param>
    /// <param name="matrix">W, [D, D] row-major, invertible.</param>
    public InvertibleLinear(int features, ImmutableArray<float> matrix)
    {
        RequireMatrix(matrix, features);
        Features = features;
        Matrix = matrix;
        (double[] inverse, LogAbsDet) = Invert([.. matrix.Select(value => (double)value)], features);
        Inverse = [.. inverse.Select(value => (float)value)];
    }

    /// <summary>The number of values in a row.</summary>
    public int Features { get; }

    /// <summary>W, [Features, Features] row-major.</summary>
    public ImmutableArray<float> Matrix { get; }

    /// <summary>W^-1, [Features, Features] row-major.</summary>
    public ImmutableArray<float> Inverse { get; }

    /// <summary>log|det W|.</summary>
    public double LogAbsDet { get; }

    /// <inheritdoc/>
    public override FlowShape OutputShape(FlowShape input) => RequireVector(input, Features);

    /// <inheritdoc/>
    public override string Describe() => $"{Features} features, log|det| {LogAbsDet:G3}";

    internal override void EmitDensity(DensityState state)
    {
        Emit(state, Matrix);
        state.AddConstantLogDet(LogAbsDet);
    }

    internal override void EmitSampling(FlowState state) => Emit(state, Inverse);

    internal override void Save(StepWriter writer) => writer.Tensor("matrix", Matrix, Features, Features);

    internal static InvertibleLinear Load(StepReader reader)
    {
        (ImmutableArray<float> matrix, int features, _) = reader.Matrix("matrix");
        return new(features, matrix);
    }

    // rows are vectors: x W'
    private void Emit(FlowState state, ImmutableArray<float> matrix) => state.Vector.Reset(
        state.Nodes.Node("Gemm", [state.Vector.Whole(), state.Nodes.Constant(matrix.AsSpan(), Features, Features)], [("transB", 1L)]));

    /// <summary>Gauss-Jordan elimination with the largest pivot of each column.</summary>
    private static (double[] Inverse, double LogAbsDet) Invert(double[] matrix, int size)
    {
        var inverse = new double[matrix.Length];
        double logAbsDet = 0;
        for (int i = 0; i < size; i++)
            inverse[i * size + i] = 1;
        for (int column = 0; column < size; column++)
        {
            int pivot = column;
            for (int row = column + 1; row < size; row++)
            {
                if (Math.Abs(matrix[row * size + column]) > Math.Abs(matrix[pivot * size + column]))
                    pivot = row;
            }
            double value = matrix[pivot * size + column];
            if (value == 0)
                throw new FlowModelException("expects an invertible matrix, found a singular one.");
            logAbsDet += Math.Log(Math.Abs(value));
            foreach (double[] side in new[] { matrix, inverse })
            {
                Span<double> top = side.AsSpan(column * size, size), chosen = side.AsSpan(pivot * size, size);
                for (int i = 0; i < size; i++)
                    (top[i], chosen[i]) = (chosen[i] / value, pivot == column ? chosen[i] / value : top[i]);
            }
            for (int row = 0; row < size; row++)
            {
                double factor = matrix[row * size + column];
                if (row == column || factor == 0)
                    continue;
                foreach (double[] side in new[] { matrix, inverse })
                {
                    // left of the column the matrix already is the identity's
                    int from = side == matrix ? column : 0;
                    SubtractMultiple(side.AsSpan(row * size + from, size - from), factor, side.AsSpan(column * size + from, size - from));
                }
            }
        }
        return inverse.All(value => float.IsFinite((float)value))
            ? (inverse, logAbsDet)
            : throw new FlowModelException("expects an invertible matrix, found one whose inverse overflows.");
    }

    private static void SubtractMultiple(Span<double> from, double factor, ReadOnlySpan<double> of)
    {
        int width = Vector<double>.Count, i = 0;
        var factors = new Vector<double>(factor);
        for (; i <= from.Length - width; i += width)
            (new Vector<double>(from[i..]) - factors * new Vector<double>(of[i..])).CopyTo(from[i..]);
        for (; i < from.Length; i++)
            from[i] -= factor * of[i];
    }
}
