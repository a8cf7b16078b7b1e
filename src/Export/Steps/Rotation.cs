using System.Collections.Immutable;
using RealNvp.ML.Export.Onnx;
using RealNvp.ML.Export.Storage;

namespace RealNvp.ML.Export.Steps;

/// <summary>A fixed rotation of all features before a coupling, y = Q x with an orthogonal Q; log|det| = 0 and x = Q' y.</summary>
public sealed class Rotation : FlowStep
{
    /// <summary>How far Q Q' may be from the identity: rounding of float32.</summary>
    private const double OrthogonalityTolerance = 1e-4;

    /// <summary>Random vectors that are turned there and back.</summary>
    private const int Trials = 16;

    /// <summary>A rotation.</summary>
    /// <param name="features">The number of values in a row, D.</param>
    /// <param name="matrix">Q, [D, D] row-major, orthogonal.</param>
    public Rotation(int features, ImmutableArray<float> matrix)
    {
        RequireMatrix(matrix, features);
        RequireOrthogonal(matrix.AsSpan(), features);
        Features = features;
        Matrix = matrix;
    }

    /// <summary>
    /// Requires Q (Q' z) = z for a few random vectors of signs (Freivalds 1977): a matrix that is not orthogonal passes each with a chance
    /// of at most a half, and where a single entry of Q Q' is wrong with none. All products of rows would take D^3.
    /// </summary>
    private static void RequireOrthogonal(ReadOnlySpan<float> matrix, int features)
    {
        var random = new Random(features);
        var signs = new double[features];
        var turned = new double[features];
        for (int trial = 0; trial < Trials; trial++)
        {
            Array.Clear(turned);
            for (int i = 0; i < features; i++)
            {
                signs[i] = 2 * random.Next(2) - 1;
                ReadOnlySpan<float> row = matrix.Slice(i * features, features);
                for (int j = 0; j < row.Length; j++)
                    turned[j] += row[j] * signs[i];
            }
            for (int i = 0; i < features; i++)
            {
                ReadOnlySpan<float> row = matrix.Slice(i * features, features);
                double back = 0;
                for (int j = 0; j < row.Length; j++)
                    back += row[j] * turned[j];
                if (!(Math.Abs(back - signs[i]) <= OrthogonalityTolerance))
                {
                    throw new FlowModelException($"expects an orthogonal matrix Q; row {i} of Q Q' times a vector of signs is {back}, "
                        + $"expected {signs[i]}.");
                }
            }
        }
    }

    /// <summary>The number of values in a row.</summary>
    public int Features { get; }

    /// <summary>Q, [Features, Features] row-major.</summary>
    public ImmutableArray<float> Matrix { get; }

    /// <inheritdoc/>
    public override FlowShape OutputShape(FlowShape input) => RequireVector(input, Features);

    /// <inheritdoc/>
    public override string Describe() => $"{Features} features";

    internal override void EmitDensity(DensityState state) => Emit(state, transposed: 1);

    internal override void EmitSampling(FlowState state) => Emit(state, transposed: 0);

    internal override void Save(StepWriter writer) => writer.Tensor("matrix", Matrix, Features, Features);

    internal static Rotation Load(StepReader reader)
    {
        (ImmutableArray<float> matrix, int features, _) = reader.Matrix("matrix");
        return new(features, matrix);
    }

    // rows are vectors: x Q' one way, y Q the other
    private void Emit(FlowState state, long transposed) => state.Vector.Reset(
        state.Nodes.Node(
            "Gemm", [state.Vector.Whole(), state.Nodes.Constant(Matrix.AsSpan(), Features, Features)], [("transB", transposed)]));
}
