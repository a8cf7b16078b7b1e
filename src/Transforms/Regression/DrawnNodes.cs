using RealNvp.ML.Export;
using RealNvp.ML.Transforms.Noise;
using RealNvp.ML.Transforms.Onnx;

namespace RealNvp.ML.Transforms.Regression;

/// <summary>
/// Of several labels: draws of the flow for each row, from latents that are the same for all rows, in pairs z and -z. The i-th smallest of
/// S values of a label stands at the probability (i - 1/2) / S, and all weigh the same in the mean.
/// </summary>
internal sealed class DrawnNodes : LabelNodes
{
    /// <summary>Draws, at least.</summary>
    private const int Least = 256;

    /// <summary>Rows of the graph per run, at most: a batch of a few rows with all their draws.</summary>
    private const int MostRows = 4096;

    private readonly OnnxBatch _batch;
    private readonly float[] _conditions, _drawn, _values;
    private readonly int _draws, _labels, _size, _rowsPerRun;

    public DrawnNodes(FlowRuntime runtime, FlowModel model, int capacity)
    {
        (_labels, _size, _draws) = (model.InputShape.Size, model.Condition!.Size, DrawsOf(model));
        double[] z = [.. Enumerable.Range(0, _draws).Select(i => GaussianNoise.InverseNormal((i + 0.5) / _draws))];
        Nodes = ([.. z.Select(_ => 1.0 / _draws)], z);
        Features = new float[capacity * _size];
        _values = new float[capacity * _labels * _draws];
        _rowsPerRun = Math.Clamp(MostRows / _draws, 1, capacity);
        int rows = _rowsPerRun * _draws;
        OnnxTensor latent = OnnxTensor.Rows("Latent", _labels, rows), condition = OnnxTensor.Rows("Condition", _size, rows),
            member = OnnxTensor.Rows("Member", 1, model.IsMixture ? rows : 0), features = OnnxTensor.Rows("Features", _labels, rows);
        (_conditions, _drawn) = (condition.Values, features.Values);
        var noise = new GaussianNoise(0);
        for (int row = 0; row < rows; row++)
        {
            int pair = row % _draws / 2;
            Span<float> values = latent.Values.AsSpan(row * _labels, _labels);
            noise.Fill(pair, values);
            for (int j = 0; j < _labels && row % 2 == 1; j++)
                values[j] = -values[j];
            if (model.IsMixture)
                member.Values[row] = pair % model.Members.Length;
        }
        _batch = new OnnxBatch(runtime.Sampling,
            [latent, OnnxTensor.Scalar("Temperature", 1), condition, .. model.IsMixture ? [member] : (OnnxTensor[])[]], [features]);
    }

    /// <inheritdoc/>
    public override float[] Features { get; }

    /// <inheritdoc/>
    protected override (double[] Weights, double[] Z) Nodes { get; }

    /// <summary>Draws per row: as many of each member.</summary>
    public static int DrawsOf(FlowModel model)
    {
        int pairs = 2 * model.Members.Length;
        return (Least + pairs - 1) / pairs * pairs;
    }

    /// <inheritdoc/>
    public override void Run(int count)
    {
        for (int start = 0; start < count; start += _rowsPerRun)
        {
            int take = Math.Min(_rowsPerRun, count - start);
            for (int row = 0; row < take * _draws; row++)
                Features.AsSpan((start + row / _draws) * _size, _size).CopyTo(_conditions.AsSpan(row * _size));
            _batch.Run(take * _draws);
            for (int row = 0; row < take; row++)
            {
                for (int label = 0; label < _labels; label++)
                {
                    Span<float> values = Drawn(start + row, label);
                    for (int draw = 0; draw < _draws; draw++)
                        values[draw] = _drawn[(row * _draws + draw) * _labels + label];
                    values.Sort();
                }
            }
        }
    }

    /// <inheritdoc/>
    protected override ReadOnlySpan<float> Values(int row, int label) => Drawn(row, label);

    /// <inheritdoc/>
    public override void Dispose() => _batch.Dispose();

    private Span<float> Drawn(int row, int label) => _values.AsSpan((row * _labels + label) * _draws, _draws);
}
