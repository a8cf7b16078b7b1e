using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Runtime;
using RealNvp.ML.Export;
using RealNvp.ML.Transforms;
using RealNvp.ML.Transforms.MlNet;
using RealNvp.ML.Transforms.Onnx;
using RealNvp.ML.Transforms.Regression;
using RealNvp.ML.Transforms.Rows;

[assembly: LoadableClass(typeof(RealNvpRegressionTransformer), null, typeof(SignatureLoadModel),
    "Real NVP regression", RealNvpRegressionTransformer.LoaderSignature)]

namespace RealNvp.ML.Transforms;

/// <summary>
/// Tells the distribution of a label given features, by a flow p(label | features): its mean, median, and an interval that covers the label
/// as often as it says. Made by <c>mlContext.Regression.Trainers.RealNvp</c>; <c>mlContext.Regression.Evaluate</c> reads what it adds.
/// </summary>
/// <remarks>
/// <format type="text/markdown"><![CDATA[
/// ### Input and output columns
/// | Column | Type | Description |
/// | -- | -- | -- |
/// | `Features` (input) | Known-size vector of Single | What is known of a row. A NaN or infinite one makes all results NaN. |
/// | `Label` (input, may be missing) | Single, or vector of Single | What the log-likelihood is of. |
/// | `Score` | Single, or vector of Single | The mean of the label. |
/// | `Median` | the same | Its median. |
/// | `Lower`, `Upper` | the same | The ends of an interval around the median that covers the label with the probability `IntervalMass`. |
/// | `LogLikelihood` | Single | Logarithm of the density of the row's label, in its units; NaN where there is no label. |
///
/// The interval is calibrated with rows that were held out of training for nothing else (split-conformal): over rows like those it covers
/// as often as it says, whatever the flow has learned. That holds over all rows together, and for each of several labels by itself. It is
/// infinite where the held-out rows are too few: a mass m needs m / (1 - m) of them, 9 for 0.9.
///
/// Of one label, quantiles are those of the flow; of a mixture they are interpolated between 65 of each member. The mean is over the
/// central 99.99 % of the distribution. Of several labels all are those of 256 draws or a few more, the same ones for equal features.
/// ]]></format>
/// </remarks>
public sealed class RealNvpRegressionTransformer : ISingleFeaturePredictionTransformer<FlowModel>, IDisposable
{
    /// <summary>The name under which ML.NET finds the loader of a saved model.</summary>
    internal const string LoaderSignature = "RealNvpRegression";

    /// <summary>The mass of an interval where none is named.</summary>
    internal const double DefaultMass = 0.9;

    private static readonly SavedLayout s_layout = new("RNVPREGR", LoaderSignature, 0x00010001, Oldest: 0x00010001, Sealed: 0x00010001);

    private readonly IHost _host;
    private readonly FlowRuntime _runtime;
    private readonly IntervalCalibration _calibration;
    private readonly RegressionMap _map;

    /// <summary>A transformer over a trained flow.</summary>
    /// <param name="host">Says which GPU to use, and takes messages.</param>
    /// <param name="model">The flow of labels given features.</param>
    /// <param name="others">A hold on the flow's sessions to share, or null for sessions of its own.</param>
    /// <param name="label">The column of labels.</param>
    /// <param name="features">The column of features.</param>
    /// <param name="columns">The columns to add.</param>
    /// <param name="calibration">What intervals follow from.</param>
    /// <param name="mass">What they are to cover.</param>
    internal RealNvpRegressionTransformer(IHostEnvironment host, FlowModel model, FlowRuntime? others, string label, string features,
        RealNvpRegressionColumns columns, IntervalCalibration calibration, double mass)
    {
        _host = host.Register(LoaderSignature);
        (Model, LabelColumnName, FeatureColumnName, Columns) = (model, label, features, columns.Checked());
        (_calibration, IntervalMass) = (calibration, CheckedMass(mass));
        _runtime = others?.Share(typeof(RealNvpRegressionTransformer))
            ?? new FlowRuntime(_host, model, typeof(RealNvpRegressionTransformer));
        _map = new RegressionMap(_runtime, model, features, label, Columns.Names,
            [.. Enumerable.Range(0, model.InputShape.Size).Select(i => calibration.Reach(i, mass))]);
    }

    /// <summary>The flow as plain data: of the labels, given the features as its condition.</summary>
    public FlowModel Model { get; }

    /// <summary>The column of labels, which rows need not have.</summary>
    public string LabelColumnName { get; }

    /// <summary>The column that is read.</summary>
    public string FeatureColumnName { get; }

    /// <summary>Its type.</summary>
    public DataViewType FeatureColumnType => new VectorDataViewType(NumberDataViewType.Single, Model.Condition!.Size);

    /// <summary>The columns that are added.</summary>
    public RealNvpRegressionColumns Columns { get; }

    /// <summary>The probability with which the interval covers the label.</summary>
    public double IntervalMass { get; }

    /// <summary>The number of held-out rows that the interval is calibrated with.</summary>
    public int CalibrationCount => _calibration.Count;

    /// <summary>What it adds to rows, for those who bring rows otherwise than by a view.</summary>
    internal RowMap Map => _map;

    /// <inheritdoc/>
    bool ITransformer.IsRowToRowMapper => true;

    /// <summary>
    /// The flow of the labels given the features, to sample and to export. It runs on this transformer's sessions and does not own them: it
    /// is good until this transformer is disposed, and disposing it leaves this one as it is. Its feature column is the labels', a vector,
    /// and its condition column the features'.
    /// </summary>
    /// <example>
    /// <code>
    /// IDataView drawn = model.Flow.Sample(rows, perRow: 100, seed: 1); // 100 labels for each row
    /// model.Flow.ExportDensity("density.onnx");
    /// </code>
    /// </example>
    public RealNvpTransformer Flow => RealNvpTransformer.Over(_host, Model, _runtime,
        new RealNvpColumns { Features = LabelColumnName, Condition = FeatureColumnName });

    /// <summary>
    /// The same with intervals of another mass, from the same held-out rows. It shares this transformer's sessions and must be disposed
    /// too; either may be disposed first.
    /// </summary>
    /// <param name="mass">Above 0 and below 1. Where the held-out rows are too few for it, intervals are infinite.</param>
    public RealNvpRegressionTransformer WithIntervalMass(double mass)
        => new(_host, Model, _runtime, LabelColumnName, FeatureColumnName, Columns, _calibration, mass);

    /// <inheritdoc/>
    public DataViewSchema GetOutputSchema(DataViewSchema inputSchema) => _map.OutputSchema(inputSchema);

    /// <summary>Adds the columns. Nothing is read or computed until the result is.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The feature column is missing or of another type.</exception>
    /// <exception cref="ObjectDisposedException">The transformer was disposed.</exception>
    public IDataView Transform(IDataView input)
    {
        _runtime.ThrowIfDisposed();
        return ConvertibleView.Of(_map.Transform(input), input, new RefusedPart(nameof(RealNvpRegressionTransformer),
            $"ConvertToOnnx cannot convert the columns of the regression of '{LabelColumnName}'. Flow.ExportDensity and Flow.ExportSampler "
            + "of its transformer write the flow's graphs by themselves."));
    }

    /// <inheritdoc/>
    IRowToRowMapper ITransformer.GetRowToRowMapper(DataViewSchema inputSchema)
    {
        _runtime.ThrowIfDisposed();
        return _map.RowMapper(inputSchema);
    }

    /// <summary>Lets go of the sessions, as <see cref="RealNvpTransformer.Dispose"/>.</summary>
    public void Dispose() => _runtime.Dispose();

    /// <inheritdoc/>
    void ICanSaveModel.Save(ModelSaveContext ctx)
    {
        SavedSettings.Save(ctx, s_layout, writer =>
        {
            writer.Write(LabelColumnName);
            writer.Write(FeatureColumnName);
            foreach (string name in Columns.Names)
                writer.Write(name);
            writer.Write(IntervalMass);
            _calibration.Save(writer);
        });
        FlowStream.Save(ctx, Model);
    }

    /// <summary>Requires a mass that an interval can have.</summary>
    internal static double CheckedMass(double mass) => mass is > 0 and < 1 ? mass
        : throw new ArgumentOutOfRangeException(nameof(mass), mass, "The mass of an interval is a probability above 0 and below 1.");

    /// <summary>The loader: ML.NET finds it by its name and parameters. <paramref name="context"/> is a ModelLoadContext.</summary>
    private static RealNvpRegressionTransformer Create(IHostEnvironment environment, object context)
        => SavedSettings.Load(context, s_layout, (reader, _) => Create(environment, context, reader));

    private static RealNvpRegressionTransformer Create(IHostEnvironment environment, object context, BinaryReader reader)
    {
        string label = reader.ReadString(), features = reader.ReadString();
        var columns = new RealNvpRegressionColumns
        {
            Score = reader.ReadString(),
            Median = reader.ReadString(),
            Lower = reader.ReadString(),
            Upper = reader.ReadString(),
            LogLikelihood = reader.ReadString(),
        };
        double mass = reader.ReadDouble();
        FlowModel model = FlowStream.Load(context);
        if (model.Condition is null)
            throw new FlowModelException("The saved regression's flow has no condition, which its features are.");
        return new(environment, model, null, label, features, columns, IntervalCalibration.Load(reader, model.InputShape.Size), mass);
    }
}
