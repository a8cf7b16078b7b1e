using System.Collections.Immutable;
using Microsoft.ML.Runtime;
using RealNvp.ML.Export;
using RealNvp.ML.Export.Onnx;
using RealNvp.ML.Transforms.MlNet;
using RealNvp.ML.Transforms.Onnx;
using RealNvp.ML.Transforms.Parity;
using RealNvp.ML.Transforms.Pipelines;

namespace RealNvp.ML.Transforms.Scoring;

/// <summary>A flow that scores, in a graph of the whole pipeline: every column that it adds.</summary>
internal sealed class DensityPart : FlowPart
{
    /// <summary>
    /// Values of one row's variants, which contributions take: more would make a graph that needs gigabytes to score a row.
    /// </summary>
    private const long MostVariantValues = 1 << 20;

    private readonly FlowRuntime _runtime;
    private readonly FlowModel _model;
    private readonly int _explained; // columns that contributions replace one by one
    private readonly float _threshold;
    private readonly ImmutableArray<DensityColumn> _added;

    /// <summary>A part for a transformer.</summary>
    /// <param name="host">Takes messages.</param>
    /// <param name="name">The transformer, as errors call it.</param>
    /// <param name="runtime">Computes what contributions must be.</param>
    /// <param name="model">The flow.</param>
    /// <param name="columns">Column names.</param>
    /// <param name="threshold">On the score: a constant of the graph.</param>
    public DensityPart(IHost host, string name, FlowRuntime runtime, FlowModel model, RealNvpColumns columns, float threshold)
        : base(host, name)
    {
        (_runtime, _model, _threshold) = (runtime, model, threshold);
        _added = [.. DensityColumn.Of(columns, hasLatent: !model.IsMixture)];
        int size = model.InputShape.Size;
        var features = new PipelineInput(columns.Features, "Features", size);
        Inputs = columns.Condition is null ? [features] : [features, new(columns.Condition, "Condition", model.Condition!.Size)];
        Outputs = [.. _added.Select(column
            => new PipelineOutput(column.Name, column.Output.ToString(), column.Detach(model.InputShape, 0, []).Type))];
        _explained = ExplainedColumns.Of(model.Metadata, size).Count;
        ValuesPerRow = columns.Contributions is null ? size : (2 * _explained - 1) * (long)size;
        if (columns.Contributions is { } contributions)
            Refusal = WhyTooManyContributions(contributions);
    }

    /// <inheritdoc/>
    public override string? Refusal { get; }

    /// <inheritdoc/>
    public override ImmutableArray<PipelineInput> Inputs { get; }

    /// <inheritdoc/>
    public override ImmutableArray<PipelineOutput> Outputs { get; }

    /// <inheritdoc/>
    protected override long ValuesPerRow { get; }

    /// <inheritdoc/>
    protected override byte[] Build() => Certified(GraphNodes.PipelineOpset).Graph;

    /// <summary>The graph of all added columns, and what its check has found.</summary>
    /// <param name="opset">One of those of <see cref="GraphNodes"/>.</param>
    /// <exception cref="FlowParityException">It disagrees with the trained flow.</exception>
    public (byte[] Graph, IReadOnlyDictionary<string, string> Facts) Certified(int opset)
    {
        bool hasContributions = Has(DensityOutput.Contributions);
        DensityOutputs outputs = DensityOutputs.Decision
            | (Has(DensityOutput.BitsPerDimension) ? DensityOutputs.BitsPerDimension : 0)
            | (hasContributions ? DensityOutputs.Contributions : 0)
            | (_added.Any(column => DensityColumn.NeedsMap(column.Output)) ? DensityOutputs.ScoreMap : 0);
        byte[] graph = _model.BuildDensityGraph(outputs, _threshold, opset);
        IReadOnlyDictionary<string, string> facts = FlowParity.CheckDensity(_model, graph, _threshold);
        if (hasContributions && _model.Probes.Count > 0)
            CheckContributions(graph);
        return (graph, facts);
    }

    /// <inheritdoc/>
    public override double Allowed(float[][] expected, int output, int row, int element)
    {
        int size = _model.InputShape.Size;
        float score = expected[Index(DensityOutput.Score)][row], typicality = expected[Index(DensityOutput.Typicality)][row];
        double nats = FlowParity.LogLikelihoodTolerance(score, size);
        Calibration calibration = _model.Calibration;
        return _added[output].Output switch
        {
            DensityOutput.Score or DensityOutput.LogLikelihood or DensityOutput.Typicality => nats,
            // where the score is that near to a cut
            DensityOutput.PredictedLabel => Math.Abs(score - (double)_threshold) <= nats ? 1 : 0,
            DensityOutput.PValue => Steps(calibration.PValue, score, nats),
            DensityOutput.TypicalityPValue => Steps(calibration.TypicalityPValue, typicality, nats),
            DensityOutput.BitsPerDimension => nats / _model.BitsPerDimensionTerms.NatsPerBit,
            DensityOutput.Latent => FlowParity.LatentTolerance(
                Array.ConvertAll(expected[output].AsSpan(row * size, size).ToArray(), value => (double)value)),
            // a position's share may be off by as much as the sum of all
            DensityOutput.ScoreMap or DensityOutput.MapMaximum => nats,
            DensityOutput.MapMaximumLabel => Maximum(expected, row) is not { } maximum
                || Math.Abs(maximum - (double)MapCalibration.Threshold) <= nats ? 1 : 0,
            DensityOutput.MapMaximumPValue => Maximum(expected, row) is { } maximum ? Steps(MapCalibration.PValue, maximum, nats) : 1,
            DensityOutput.Contributions => ContributionsTolerance(score, expected[output].AsSpan(row * size, size)),
            _ => throw new ArgumentOutOfRangeException(nameof(output)),
        };
    }

    private Calibration MapCalibration => _model.ScoreMapCalibration?.Maximum ?? Calibration.None;

    /// <summary>The largest value of a row's map; null where no added column tells it.</summary>
    private float? Maximum(float[][] expected, int row)
    {
        if (Index(DensityOutput.MapMaximum) is >= 0 and var maximum)
            return expected[maximum][row];
        if (Index(DensityOutput.ScoreMap) is not (>= 0 and var map))
            return null;
        int positions = _model.InputShape.Dimensions[1] * _model.InputShape.Dimensions[2];
        return expected[map].AsSpan(row * positions, positions).ToArray().Max();
    }

    private bool Has(DensityOutput output) => _added.Any(column => column.Output == output);

    private int Index(DensityOutput output) => _added.Select(column => column.Output).ToList().IndexOf(output);

    private string? WhyTooManyContributions(string column)
    {
        return ValuesPerRow <= MostVariantValues ? null : $"An ONNX graph cannot have the column '{column}' of {Name}: a row of "
            + $"{_model.InputShape.Size} features has {2L * _explained - 1} scores in them, which a graph would compute as one "
            + "batch: too many for its memory. Leave it out: transformer.WithColumns(transformer.Columns with { Contributions = null }).";
    }

    /// <summary>Their own computation, in C#, on the probe rows.</summary>
    private void CheckContributions(byte[] graph)
    {
        int size = _model.InputShape.Size, count = Math.Min(_model.Probes.Count, RowsToCheck);
        float[] rows = [.. _model.Probes.Rows.Take(count * size)];
        float[] conditions = [.. _model.Probes.Conditions.Take(count * (_model.Condition?.Size ?? 0))];
        float[] logLikelihoods = _runtime.LogLikelihoods(rows, conditions);
        using var expected = new Contributions(_runtime, _model, count);
        expected.Run(rows, conditions, logLikelihoods, count);
        FlowParity.CheckContributions(graph, rows, conditions, expected.Values, size,
            row => ContributionsTolerance(-logLikelihoods[row], expected.Values.AsSpan(row * size, size)));
    }

    /// <summary>They are differences of scores between that of the row and, less their sum, that of the medians.</summary>
    private double ContributionsTolerance(float score, ReadOnlySpan<float> contributions)
    {
        double largest = Math.Abs(score);
        foreach (float contribution in contributions)
            largest += Math.Abs(contribution);
        return 2 * FlowParity.LogLikelihoodTolerance(largest, _model.InputShape.Size);
    }

    /// <summary>What a p-value may be off by where the value that it is of may be off by so much.</summary>
    private static double Steps(Func<float, float> pValue, float value, double by)
    {
        float at = pValue(value);
        return 1e-6 + Math.Max(Math.Abs(pValue((float)(value - by)) - at), Math.Abs(pValue((float)(value + by)) - at));
    }
}
