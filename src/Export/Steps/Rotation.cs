using System.Collections.Immutable;
using RealNvp.ML.Export.Onnx;
using RealNvp.ML.Export.Storage;

namespace RealNvp.ML.Export.Steps;

/// <summary>A fixed rotation of all features before a coupling, y = Q x with an orthogonal Q; log|det| = 0 and x = Q' y.</summary>
public sealed class Rotation : FlowStep
{
    /// <summary>How far Q Q' may be from the identity: rounding of float32.</summary>
    private const double OrthogonalityTolerance = 1e-4;

    /// <summary>A rotation.</summary>
    /// <param name="features">The number of values in a row, D.</param>
    /// <param name="matrix">Q, [D, D] row-major, orthogonal.</param>
    public Rotation(int features, ImmutableArray<float> matrix)
    {
        if (features < 1 || matrix.Length != (long)features * features)
            throw new FlowModelException($"expects a matrix of {features} x {features}, found {matrix.Length} values.");
        for (int i = 0; i < features; i++)
        {
            for (int j = 0; j <= i; j++)
            {
                double product = 0;
                for (int k = 0; k < features; k++)
                    product += (double)matrix[i * features + k] * matrix[j * features + k];
                if (!(Math.Abs(product - (i == j ? 1 : 0)) <= OrthogonalityTolerance))
                    throw new FlowModelException($"expects an orthogonal matrix; rows {i} and {j} have the product {product}.");
            }
        }
        Features = features;
        Matrix = matrix;
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
