using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Runtime;
using RealNvp.ML.Trainers.Data.Rows;
using RealNvp.ML.Transforms;
using RealNvp.ML.Transforms.Columns;
using RealNvp.ML.Transforms.MlNet;
using RealNvp.ML.Transforms.Onnx;
using RealNvp.ML.Transforms.Parity;
using RealNvp.ML.Transforms.Regression;

namespace RealNvp.ML.Trainers;

/// <summary>
/// Learns the distribution of a label given features, p(label | features), with a Real NVP flow whose condition the features are. Create it
/// by <c>mlContext.Regression.Trainers.RealNvp(...)</c>.
/// </summary>
/// <remarks>
/// <format type="text/markdown"><![CDATA[
/// ### Input and Output Columns
/// The label is a <xref:System.Single>, or a known-size vector of them for several labels; the features are a known-size vector of
/// <xref:System.Single>. Rows with a NaN or infinite one are left out of training with a warning, as `NonFiniteRows` says.
///
/// | Output column | Type | Meaning |
/// | -- | -- | -- |
/// | `Score` | Single, or vector of Single | The mean of the label, as ML.NET's regressions give it. |
/// | `Median`, `Lower`, `Upper` | the same | The median, and an interval that covers the label with the probability `IntervalMass`. |
/// | `LogLikelihood` | Single | Log of the density of the row's label, in its units; NaN where the row has none. |
///
/// ### Trainer Characteristics
/// | | |
/// | -- | -- |
/// | Machine learning task | Regression, of a distribution |
/// | Is normalization required? | No: label and features are standardised |
/// | Is caching required? | No: rows are read once, or once an epoch where they exceed `ResidentLimit` |
/// | Required NuGet in addition to Microsoft.ML | RealNvp.ML.Trainers, TorchSharp-cpu or -cuda-linux, Microsoft.ML.OnnxRuntime or .Gpu |
/// | Exportable to ONNX | Yes: `Flow.ExportDensity` and `Flow.ExportSampler` of the fitted transformer |
/// ]]></format>
/// </remarks>
public sealed class RealNvpRegressionTrainer : IEstimator<RealNvpRegressionTransformer>
{
    /// <summary>Held-out rows whose labels say how far labels go.</summary>
    private const int FewRows = 20;

    private readonly IHost _host;
    private readonly Options _options;
    private readonly TransformsCatalog _transforms;

    /// <summary>What can be chosen.</summary>
    public sealed class Options
    {
        /// <summary>The label column, a <see cref="float"/> or a known-size vector of them; "Label" by default.</summary>
        public string LabelColumnName = "Label";

        /// <summary>The feature column, a known-size vector of <see cref="float"/>; "Features" by default.</summary>
        public string FeatureColumnName = "Features";

        /// <summary>A column of weights, as <see cref="RealNvpTrainer.Options.ExampleWeightColumnName"/>; null for none.</summary>
        public string? ExampleWeightColumnName;

        /// <summary>The names of the columns that the transformer adds; ML.NET's own by default.</summary>
        public RealNvpRegressionColumns Columns = RealNvpRegressionColumns.Default;

        /// <summary>The probability with which the interval covers the label, above 0 and below 1; 0.9 by default.</summary>
        public double IntervalMass = RealNvpRegressionTransformer.DefaultMass;

        /// <summary>
        /// How the flow is trained, <see cref="RealNvpTrainer.Options.ForRegression"/> by default. Of its names of columns
        /// SamplingKeyColumnName alone is read; its Contamination, Image and Maps are not.
        /// </summary>
        public RealNvpTrainer.Options Flow = RealNvpTrainer.Options.ForRegression();

        internal Options Checked()
        {
            var copy = (Options)MemberwiseClone();
            ArgumentException.ThrowIfNullOrWhiteSpace(LabelColumnName);
            ArgumentException.ThrowIfNullOrWhiteSpace(FeatureColumnName);
            copy.Columns = (Columns ?? RealNvpRegressionColumns.Default).Checked().Beside(LabelColumnName, FeatureColumnName);
            copy.Flow = (Flow ?? RealNvpTrainer.Options.ForRegression()).Copy();
            OptionRange.Require(IntervalMass is > 0 and < 1, "", nameof(IntervalMass), IntervalMass, "above 0 and below 1");
            if (LabelColumnName == FeatureColumnName)
                throw new ArgumentException($"The column '{LabelColumnName}' cannot be label and features at once.");
            copy.ForFlow(null, null).Checked();
            return copy;
        }

        /// <summary>The options of the flow, with rows of their own in the form that it reads.</summary>
        internal RealNvpTrainer.Options ForFlow(IDataView? validation, IDataView? calibration)
            => Flow.ForLabels(LabelColumnName, FeatureColumnName, ExampleWeightColumnName, IntervalMass, validation, calibration);
    }

    internal RealNvpRegressionTrainer(IHostEnvironment environment, TransformsCatalog transforms, Options options)
    {
        ArgumentNullException.ThrowIfNull(options);
        (_host, _transforms) = (environment.Register(nameof(RealNvpRegressionTrainer)), transforms);
        _options = options.Checked();
    }

    /// <summary>Trains on the label and the feature column of <paramref name="input"/>.</summary>
    /// <returns>A transformer that runs through ONNX Runtime; dispose it when done.</returns>
    /// <exception cref="ArgumentException">A column is missing or of another type, a label has one value alone, or there are too few rows,
    /// or non-finite ones where they are to fail.</exception>
    /// <exception cref="InvalidOperationException">The loss did not stay finite, a device asked for is missing, or a checkpoint is of
    /// another run.</exception>
    /// <exception cref="DllNotFoundException">A native package is missing.</exception>
    /// <exception cref="OperationCanceledException">Training was cancelled.</exception>
    /// <exception cref="FlowParityException">ONNX Runtime does not give what the trained flow computes; the exception holds the
    /// flow.</exception>
    public RealNvpRegressionTransformer Fit(IDataView input) => Fit(input, null);

    /// <summary>
    /// As the other overload, with rows of their own to choose the best model by; no share of the training rows is held back for that.
    /// </summary>
    /// <param name="input">The rows to train on, and to calibrate with.</param>
    /// <param name="validation">A view with the same columns, or null.</param>
    public RealNvpRegressionTransformer Fit(IDataView input, IDataView? validation)
    {
        ArgumentNullException.ThrowIfNull(input);
        RealNvpTrainer.Options options = _options.ForFlow(WithVectors(validation ?? _options.Flow.Validation),
            WithVectors(_options.Flow.Calibration));
        using RealNvpTrainer.TrainedFlow trained = new RealNvpTrainer(_host, options).Train(WithVectors(input)!, null);
        (int labels, int features) = (trained.Model.InputShape.Size, trained.Model.Condition!.Size);
        int capacity = Math.Clamp((1 << 22) / LabelNodes.ValuesPerRow(trained.Model), 1, FlowRuntime.DefaultBatchSize);
        IntervalCalibration calibration;
        using (LabelNodes nodes = LabelNodes.Create(trained.Runtime, trained.Model, capacity))
        {
            calibration = IntervalCalibration.Of(nodes, trained.CalibrationRows, labels, features, capacity,
                options.OnCancellation == OnCancellation.Throw ? options.CancellationToken : CancellationToken.None);
        }
        if (calibration.Count < IntervalCalibration.RowsFor(_options.IntervalMass))
        {
            using IChannel channel = _host.Start("Calibration");
            channel.Warning(MessageSensitivity.None, $"Intervals will be infinite: {calibration.Count} calibration rows are too few for a "
                + $"mass of {_options.IntervalMass}, which needs {IntervalCalibration.RowsFor(_options.IntervalMass)}. Raise "
                + "Flow.CalibrationFraction, or lower IntervalMass.");
        }
        if (calibration.FarMeans > 0 && calibration.Count >= FewRows)
        {
            using IChannel channel = _host.Start("Calibration");
            channel.Warning(MessageSensitivity.None, $"Of {calibration.FarMeans} of {calibration.Count} held-out rows the mean "
                + $"('{_options.Columns.Score}') is far beyond all of their labels: a tail that no label has shown decides it. Read "
                + $"'{_options.Columns.Median}', or train on logarithms of the label.");
        }
        return new(_host, trained.Model, trained.Runtime, _options.LabelColumnName, _options.FeatureColumnName, _options.Columns,
            calibration, _options.IntervalMass);
    }

    /// <inheritdoc/>
    public SchemaShape GetOutputSchema(SchemaShape inputSchema)
    {
        SchemaShape.Column label = LabelColumn.Find(inputSchema, _options.LabelColumnName);
        FeatureColumn.Require(inputSchema, _options.FeatureColumnName);
        return MlNetInternals.ShapeWith(inputSchema, RegressionMap.Added(_options.Columns.Names, setId: 1,
            labels: label.Kind == SchemaShape.Column.VectorKind.Scalar ? 1 : 2)); // shapes hold no sizes
    }

    /// <summary>The view with its label as a vector, which is what flows are over.</summary>
    private IDataView? WithVectors(IDataView? view)
    {
        if (view is null)
            return null;
        DataViewSchema.Column label = LabelColumn.Find(view.Schema, _options.LabelColumnName);
        FeatureColumn.Find(view.Schema, _options.FeatureColumnName);
        return label.Type is VectorDataViewType ? view
            : _transforms.Concatenate(label.Name, label.Name).Fit(view).Transform(view);
    }
}
