using System.Text;
using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Runtime;
using RealNvp.ML.Export;
using RealNvp.ML.Export.Onnx;
using RealNvp.ML.Export.Storage;
using RealNvp.ML.Transforms;
using RealNvp.ML.Transforms.Images.Pictures;
using RealNvp.ML.Transforms.MlNet;
using RealNvp.ML.Transforms.Onnx;
using RealNvp.ML.Transforms.Parity;
using RealNvp.ML.Transforms.Rows;
using RealNvp.ML.Transforms.Sampling;
using RealNvp.ML.Transforms.Scoring;

[assembly: LoadableClass(typeof(RealNvpTransformer), null, typeof(SignatureLoadModel),
    "Real NVP flow", RealNvpTransformer.LoaderSignature)]

namespace RealNvp.ML.Transforms;

/// <summary>
/// Scores rows with a trained Real NVP flow through ONNX Runtime, in batches, and draws new rows from it. Saved with
/// <c>mlContext.Model.Save</c>, alone or in a pipeline, it loads again with <c>mlContext.Model.Load</c> in any application that has this
/// library beside it; no registration is needed.
/// </summary>
/// <remarks>
/// <format type="text/markdown"><![CDATA[
/// ### Input and output columns
/// | Column | Type | Description |
/// | -- | -- | -- |
/// | `Condition` (input) | Known-size vector of Single | Of a flow with a condition: what all the columns below are said given. |
/// | `Features` (input) | Known-size vector of Single | One row. A row with a NaN or infinite value gets NaN results and the label false. |
/// | `Score` | Single | -LogLikelihood: higher is more anomalous. Unbounded, may be negative, finite for every finite row. |
/// | `PredictedLabel` | Boolean | Whether the score is above the threshold. |
/// | `LogLikelihood` | Single | Natural logarithm of the density, in the units of the input column. |
/// | `PValue` | Single | The share of held-out rows, this one counted, that score as high or higher. |
/// | `Typicality` | Single | \|Score - mean held-out score\|: how far the row is from the typical set, on either side. |
/// | `TypicalityPValue` | Single | The share of held-out rows, this one counted, whose typicality is as high or higher. |
/// | `BitsPerDimension` | Single | Where named in <see cref="RealNvpColumns"/>: of the centre of the row's bin, for discrete data. |
/// | `Contributions` | Vector of Single | Where named in <see cref="RealNvpColumns"/>: what each feature adds to the score. |
/// | `ScoreMap` | Vector of Single, height x width | Where named: each position's share of the score, for images and continuous maps. |
/// | `MapMaximum` | Single | Where named: the map's largest value. |
/// | `MapMaximumPValue`, `MapMaximumLabel` | Single, Boolean | Where named: the decision by that. |
/// | `Latent` | Vector of Single | The row in latent space, where training rows are standard normal. Not for a mixture of flows. |
///
/// Exportable to ONNX: as a part of a whole pipeline by ML.NET's `mlContext.Model.ConvertToOnnx`, with every column, and alone by
/// `ExportDensity`. Threshold and column names are then constants of the graph. A step before the flow that has no ONNX form is an
/// `InvalidOperationException` that names the column, a graph that gives something else than the pipeline a `FlowParityException`.
///
/// Only what a reader asks for is computed. Cursors read ahead by one batch, and where a reader goes on by several, which idle cores
/// compute side by side (<see cref="RealNvpCores"/>); rows come in order, and an error of the source comes at its row. Transformers may be
/// used by many threads at once; a `PredictionEngine`, as always, by one. Disposing an engine disposes the transformer too, unless it was
/// made with `OwnsTransformer = false`.
/// ]]></format>
/// </remarks>
/// <example>
/// <code>
/// ITransformer scorer = mlContext.Transforms.ApplyRealNvp(FlowModel.Load("flow.rnvp")).Fit(data);
/// IDataView scored = scorer.Transform(data);
/// </code>
/// </example>
public sealed class RealNvpTransformer : ITransformer, IDisposable
{
    /// <summary>The name under which ML.NET finds the loader of a saved model.</summary>
    internal const string LoaderSignature = "RealNvpTransformer";

    // of layout 2 are flows without a condition, of layout 3 those with one; from layout 4 on settings have a digest, from 5 on the columns
    // of the score map
    private const uint MapLayout = 0x00010005;

    private static readonly SavedLayout s_layout = new("RNVPFLOW", LoaderSignature, MapLayout, Oldest: 0x00010002, Sealed: 0x00010004);

    private readonly IHost _host;
    private readonly FlowRuntime _runtime;
    private readonly RealNvpColumns _columns;
    private readonly int? _batchSize;
    private readonly DensityMap _map;

    /// <summary>A transformer over a trained flow, with the flow's calibrated threshold. Sessions are made at first use.</summary>
    /// <param name="environment">The MLContext or catalog environment: says which GPU to use, if any.</param>
    /// <param name="model">The flow.</param>
    /// <param name="columns">Column names; ML.NET's own by default.</param>
    /// <param name="batchSize">Rows per batch; null chooses.</param>
    internal RealNvpTransformer(IHostEnvironment environment, FlowModel model, RealNvpColumns? columns = null, int? batchSize = null)
        : this(environment.Register(LoaderSignature), model, null, columns ?? RealNvpColumns.Default, model.Calibration.Threshold,
            batchSize) { }

    /// <summary>A transformer that shares sessions which are there already.</summary>
    internal RealNvpTransformer(IHost host, FlowModel model, FlowRuntime others, RealNvpColumns columns)
        : this(host.Register(LoaderSignature), model, others, columns, model.Calibration.Threshold, batchSize: null) { }

    /// <param name="host">Says which GPU to use, and takes messages.</param>
    /// <param name="model">The flow.</param>
    /// <param name="others">A hold on the flow's sessions to share, or null for sessions of its own. It is shared last: a hold that an
    /// exception leaves behind is never let go.</param>
    /// <param name="columns">Column names.</param>
    /// <param name="threshold">On the score.</param>
    /// <param name="batchSize">Rows per batch; null chooses.</param>
    /// <param name="owns">Whether it holds the sessions that are shared; one that does not is good for as long as others do.</param>
    private RealNvpTransformer(IHost host, FlowModel model, FlowRuntime? others, RealNvpColumns columns, float threshold, int? batchSize,
        bool owns = true)
    {
        FlowRuntime.CheckBatchSize(batchSize);
        if (float.IsNaN(threshold))
            throw new ArgumentOutOfRangeException(nameof(threshold), "The threshold is not a number.");
        _host = host;
        Model = model;
        Threshold = threshold;
        _columns = columns.CheckedFor(model);
        _batchSize = batchSize;
        _runtime = others is null ? new FlowRuntime(host, model, typeof(RealNvpTransformer))
            : owns ? others.Share(typeof(RealNvpTransformer)) : others.Borrow(typeof(RealNvpTransformer));
        _map = new DensityMap(_runtime, model, _columns, threshold, batchSize);
    }

    /// <summary>The flow as plain data.</summary>
    public FlowModel Model { get; }

    /// <summary>The column that is read.</summary>
    public string FeatureColumnName => _columns.Features;

    /// <summary>The column of conditions that is read too; null where the flow has none.</summary>
    public string? ConditionColumnName => _columns.Condition;

    /// <summary>The columns that are read and added.</summary>
    public RealNvpColumns Columns => _columns;

    /// <summary>Rows with a score above this have <c>PredictedLabel</c> true.</summary>
    public float Threshold { get; }

    /// <summary>This transformer's hold on the graphs.</summary>
    internal FlowRuntime Runtime => _runtime;

    /// <summary>What it adds to rows, for those who bring rows otherwise than by a view.</summary>
    internal RowMap Map => _map;

    /// <inheritdoc/>
    bool ITransformer.IsRowToRowMapper => true;

    /// <summary>
    /// The same flow with another threshold on the score. It shares this transformer's sessions and must be disposed too; either may be
    /// disposed first.
    /// </summary>
    /// <param name="threshold">In nats, as <c>Score</c>; may be infinite, not NaN.</param>
    public RealNvpTransformer WithThreshold(float threshold) => With(Model, threshold);

    /// <summary>
    /// The same flow with other columns, for example with contributions. It shares this transformer's sessions and must be disposed too;
    /// either may be disposed first.
    /// </summary>
    /// <param name="columns">The names of the columns to add.</param>
    public RealNvpTransformer WithColumns(RealNvpColumns columns)
    {
        ArgumentNullException.ThrowIfNull(columns);
        return new(_host, Model, _runtime, columns with { Features = FeatureColumnName, Condition = ConditionColumnName },
            Threshold, _batchSize);
    }

    /// <summary>
    /// The same image flow over images of another size: it is convolutional throughout, and samples images larger than those it was trained
    /// on. Without calibration and contributions, and with sessions of its own; must be disposed too.
    /// </summary>
    /// <param name="height">A multiple of <see cref="FlowModel.ImageSizeUnit"/>.</param>
    /// <param name="width">A multiple of <see cref="FlowModel.ImageSizeUnit"/>.</param>
    /// <exception cref="FlowModelException">
    /// The flow is over vectors, or the size does not fit its steps: the nearest that do are named.
    /// </exception>
    /// <example>
    /// <code>
    /// using RealNvpTransformer large = flow.WithImageSize(96, 96);
    /// using MLImage samples = large.SampleGrid(rows: 4, columns: 4);
    /// </code>
    /// </example>
    public RealNvpTransformer WithImageSize(int height, int width)
    {
        FlowModel model = Model.WithImageSize(height, width);
        return new(_host, model, null, _columns with { Contributions = null }, model.Calibration.Threshold, _batchSize);
    }

    /// <summary>
    /// The same flow with the threshold that flags a share <paramref name="contamination"/> of rows like the training rows, from the
    /// held-out scores, and of the score map where that is calibrated. It shares this transformer's sessions and must be disposed too;
    /// either may be disposed first.
    /// </summary>
    /// <param name="contamination">From 0 to below 1. Where the held-out scores are too few for it, nothing is flagged, which a warning
    /// in the context's log says.</param>
    public RealNvpTransformer WithContamination(double contamination)
    {
        FlowModel model = Model.WithCalibration(Model.Calibration.WithContamination(contamination))
            .WithScoreMapCalibration(Model.ScoreMapCalibration?.WithContamination(contamination));
        if (model.Calibration.WhyNothing is { } why)
        {
            using IChannel channel = _host.Start("Calibration");
            channel.Warning(MessageSensitivity.None, $"{why}. Take a larger one, set a threshold with WithThreshold, or train with more "
                + "calibration rows.");
        }
        return With(model, model.Calibration.Threshold);
    }

    /// <inheritdoc/>
    public DataViewSchema GetOutputSchema(DataViewSchema inputSchema) => _map.OutputSchema(inputSchema);

    /// <summary>Adds the columns. Nothing is read or computed until the result is.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The feature or the condition column is missing or of another type.</exception>
    /// <exception cref="ObjectDisposedException">The transformer was disposed.</exception>
    public IDataView Transform(IDataView input)
    {
        _runtime.ThrowIfDisposed();
        return ConvertibleView.Of(_map.Transform(input), input, Part());
    }

    /// <inheritdoc/>
    IRowToRowMapper ITransformer.GetRowToRowMapper(DataViewSchema inputSchema)
    {
        _runtime.ThrowIfDisposed();
        return _map.RowMapper(inputSchema);
    }

    /// <summary>
    /// Bits per dimension of discrete data, as papers print them: the mean over the rows of -(LL + sum ln delta) / (D ln 2), each row's
    /// averaged over draws of v + (u - 1/2) delta with uniform u, for a column value v is the centre of a bin of the width delta. One pass,
    /// in constant memory; draw d of row i depends on the seed, i and d alone. The column of the same name is of the centre, without noise,
    /// and another number.
    /// </summary>
    /// <param name="data">A view with the feature column and, of a flow with a condition, the condition column.</param>
    /// <param name="draws">Draws per row, 1 or more: more of them take noise out of the figure, which is right in the mean for any.</param>
    /// <param name="seed">Which noise.</param>
    /// <param name="importanceWeighted">
    /// Whether to average each row's densities over its draws instead of their logarithms: the bound of Burda, Grosse and Salakhutdinov
    /// ("Importance weighted autoencoders", ICLR 2016), never looser on average, and with more draws nearer to the bits of the row's own
    /// probability, which the flow gives to the whole bin. Papers that report it take hundreds of draws. With one draw it is the same.
    /// False by default.
    /// </param>
    /// <exception cref="InvalidOperationException">The model is not discrete (<see cref="FlowModel.IsDiscrete"/>).</exception>
    /// <remarks>
    /// Pixels between an image flow's levels, or all in the lower half of them, are named in a warning in the context's log.
    /// </remarks>
    /// <exception cref="ArgumentException">
    /// There is no row, some hold NaN or infinite values (their number is named), or a pixel is outside the levels of training.
    /// </exception>
    /// <exception cref="ArgumentOutOfRangeException">
    /// The feature column is missing or of another type, or <paramref name="draws"/> is below 1.
    /// </exception>
    /// <example>
    /// <code>
    /// BitsPerDimensionEstimate bits = flow.BitsPerDimension(testImages);
    /// Console.WriteLine($"{bits.Mean:F3} +- {bits.StandardError:F3} bits/dim over {bits.Rows} images, {bits.Draws} draws each");
    /// </code>
    /// </example>
    public BitsPerDimensionEstimate BitsPerDimension(IDataView data, int draws = 8, int seed = 0, bool importanceWeighted = false)
    {
        ArgumentNullException.ThrowIfNull(data);
        ArgumentOutOfRangeException.ThrowIfLessThan(draws, 1);
        _runtime.ThrowIfDisposed();
        using IChannel channel = _host.Start("Bits per dimension");
        return BitsPerDimensionEstimate.Of(_runtime, Model, data, _columns, draws, seed, importanceWeighted,
            _runtime.RowsPerBatch(_batchSize), warning => channel.Warning(MessageSensitivity.None, warning));
    }

    /// <summary>
    /// Draws rows from the flow: one column named as the feature column, with the slot names of the training data. Rows are made while they
    /// are read, in constant memory, the same ones in every enumeration; row i depends on the seed and i alone. Of a flow whose condition
    /// may be unknown these are rows of p(features).
    /// </summary>
    /// <param name="count">How many rows.</param>
    /// <param name="seed">Which rows.</param>
    /// <param name="temperature">Multiplies the latent noise: below 1 draws nearer to the mode, 1 the learned density.</param>
    /// <exception cref="InvalidOperationException">The flow needs a condition for each row: draw with the other overload.</exception>
    /// <exception cref="ObjectDisposedException">The transformer was disposed, before this call or before the rows are read.</exception>
    public IDataView Sample(long count, int seed = 0, float temperature = 1)
    {
        _runtime.ThrowIfDisposed();
        RealNvpSampler.CheckTemperature(temperature);
        RequireNoCondition("Sample(conditions, perRow)");
        return new DrawingMap(_runtime, Model, FeatureColumnName, temperature, _batchSize, images: null, seed).Draw(count);
    }

    /// <summary>
    /// Draws rows from a flow with a condition, <paramref name="perRow"/> for each row of a view: that view with each row repeated,
    /// and one column more, named as the feature column, with features drawn given the row's condition. Rows are made while they are read,
    /// in constant memory, the same ones in every enumeration; the features of row i depend on its condition, the seed and i alone.
    /// </summary>
    /// <param name="conditions">A view with the condition column; its rows must come in the same order each time.</param>
    /// <param name="perRow">How many rows for each of its rows.</param>
    /// <param name="seed">Which rows.</param>
    /// <param name="temperature">Multiplies the latent noise: below 1 draws nearer to the mode, 1 the learned density.</param>
    /// <exception cref="InvalidOperationException">The flow has no condition: draw with the other overload.</exception>
    /// <exception cref="ArgumentOutOfRangeException">
    /// The condition column is missing or of another type or size, or <paramref name="perRow"/> is below 1.
    /// </exception>
    /// <exception cref="ObjectDisposedException">The transformer was disposed, before this call or before the rows are read.</exception>
    /// <example>
    /// <code>
    /// IDataView drawn = flow.Sample(conditions: hours, perRow: 100, seed: 1); // 100 rows of what is usual at each hour
    /// </code>
    /// </example>
    public IDataView Sample(IDataView conditions, int perRow = 1, int seed = 0, float temperature = 1)
    {
        ArgumentNullException.ThrowIfNull(conditions);
        ArgumentOutOfRangeException.ThrowIfLessThan(perRow, 1);
        _runtime.ThrowIfDisposed();
        RealNvpSampler.CheckTemperature(temperature);
        RequireCondition("Sample(count)");
        return new DrawingMap(_runtime, Model, FeatureColumnName, temperature, _batchSize, images: null, seed, ConditionColumnName)
            .DrawFor(conditions, perRow);
    }

    /// <summary>
    /// Draws pictures from an image flow: the rows of <see cref="Sample(long, int, float)"/> as one column of <see cref="MLImage"/>, grey
    /// or colour: each value v of levels of the width w becomes the nearest of them, floor(v / w + 1/2), and the levels 0 to k - 1 are
    /// spread over 0 to 255. An image is valid until the reader goes on to the next row, as with ML.NET's own columns: save it or copy its
    /// pixels while reading. Of a flow whose condition may be unknown these are images of p(features).
    /// </summary>
    /// <param name="count">How many.</param>
    /// <param name="seed">Which.</param>
    /// <param name="temperature">Multiplies the latent noise: below 1 draws nearer to the mode, 1 the learned density.</param>
    /// <param name="outputColumnName">The name of the one column.</param>
    /// <exception cref="InvalidOperationException">
    /// The flow is not over images of 1 or 3 channels with known levels, or needs a condition for each: draw with the other overload.
    /// </exception>
    /// <exception cref="ObjectDisposedException">The transformer was disposed, before this call or before the rows are read.</exception>
    /// <example>
    /// <code>
    /// foreach (MLImage image in flow.SampleImages(10, seed: 1).GetColumn&lt;MLImage&gt;("Image"))
    ///     image.Save($"sample{i++}.png");
    /// </code>
    /// </example>
    public IDataView SampleImages(long count, int seed = 0, float temperature = 1, string outputColumnName = "Image")
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(outputColumnName);
        _runtime.ThrowIfDisposed();
        RealNvpSampler.CheckTemperature(temperature);
        RequireNoCondition("SampleImages(conditions, perRow)");
        return new DrawingMap(_runtime, Model, outputColumnName, temperature, _batchSize, new LevelImage(Model), seed).Draw(count);
    }

    /// <summary>
    /// Draws pictures from an image flow with a condition, so many for each row of a view: the rows of <see
    /// cref="Sample(IDataView, int, int, float)"/> with a column of <see cref="MLImage"/> in place of the features.
    /// </summary>
    /// <param name="conditions">A view with the condition column; its rows must come in the same order each time.</param>
    /// <param name="perRow">How many pictures for each of its rows.</param>
    /// <param name="seed">Which.</param>
    /// <param name="temperature">Multiplies the latent noise: below 1 draws nearer to the mode, 1 the learned density.</param>
    /// <param name="outputColumnName">The name of the column that is added.</param>
    /// <exception cref="InvalidOperationException">
    /// The flow has no condition, or is not over images of 1 or 3 channels with known levels.
    /// </exception>
    /// <exception cref="ArgumentOutOfRangeException">
    /// The condition column is missing or of another type or size, or <paramref name="perRow"/> is below 1.
    /// </exception>
    /// <exception cref="ObjectDisposedException">The transformer was disposed, before this call or before the rows are read.</exception>
    public IDataView SampleImages(
        IDataView conditions, int perRow = 1, int seed = 0, float temperature = 1, string outputColumnName = "Image")
    {
        ArgumentNullException.ThrowIfNull(conditions);
        ArgumentOutOfRangeException.ThrowIfLessThan(perRow, 1);
        ArgumentException.ThrowIfNullOrWhiteSpace(outputColumnName);
        _runtime.ThrowIfDisposed();
        RealNvpSampler.CheckTemperature(temperature);
        RequireCondition("SampleImages(count)");
        return new DrawingMap(_runtime, Model, outputColumnName, temperature, _batchSize, new LevelImage(Model), seed, ConditionColumnName)
            .DrawFor(conditions, perRow);
    }

    /// <summary>
    /// A transformer from a column of latents to a column of features: the flow backwards. Of a flow with a condition it also reads the
    /// condition column. It shares this transformer's sessions and must be disposed too; either may be disposed first.
    /// </summary>
    /// <param name="latentColumnName">The column to read; by default the one that this transformer adds.</param>
    /// <param name="outputColumnName">The column to add; by default named as the feature column, or <c>Image</c> for images.</param>
    /// <param name="temperature">Multiplies the latents.</param>
    /// <param name="asImages">
    /// Whether the column is to hold <see cref="MLImage"/>, as <see cref="SampleImages(long, int, float, string)"/> makes them, and not
    /// vectors.
    /// </param>
    /// <exception cref="InvalidOperationException">
    /// The flow is a mixture, whose latents do not say which member they belong to: use <see cref="Sample(long, int, float)"/>. Or images
    /// are asked for, and it is not over images of 1 or 3 channels with known levels.
    /// </exception>
    public RealNvpSampler CreateSampler(
        string? latentColumnName = null, string? outputColumnName = null, float temperature = 1, bool asImages = false)
        => new(_host, Model, _runtime, latentColumnName ?? _columns.Latent, outputColumnName ?? (asImages ? "Image" : _columns.Features),
            temperature, asImages, _batchSize, ConditionColumnName);

    /// <summary>A monitor of whether what is scored is still like the rows that calibrated the flow.</summary>
    /// <param name="falseAlarmRate">The chance that it ever speaks up without cause, above 0 and below 1.</param>
    /// <param name="window">Rows that are looked at together, at least 20.</param>
    /// <exception cref="InvalidOperationException">The flow was not calibrated.</exception>
    public DriftMonitor CreateDriftMonitor(double falseAlarmRate = 0.01, int window = 500) => Model.Calibration.Count > 0
        ? new(Model.Calibration, falseAlarmRate, window)
        : throw new InvalidOperationException("The flow has no calibration rows to compare with: train it with a CalibrationFraction.");

    /// <summary>
    /// Writes the density graph with score, label, p-value and the other columns that <see cref="Columns"/> name to an ONNX file, after
    /// this very graph has given the trained flow's results on the stored probe rows; the errors are added to the file's metadata. The
    /// graph's input <c>Threshold</c> defaults to <see cref="Threshold"/>. Outputs have the names of <see cref="RealNvpColumns"/>'
    /// properties, whatever the columns are called.
    /// </summary>
    /// <exception cref="FlowParityException">The graph disagrees with the trained flow. Nothing is written.</exception>
    /// <exception cref="InvalidOperationException">A graph cannot have a column that is named.</exception>
    public void ExportDensity(string path) => ExportDensity(path, optionalInputs: true);

    /// <summary>As the other overload, with or without the optional input.</summary>
    /// <param name="path">The file.</param>
    /// <param name="optionalInputs">
    /// Whether <c>Threshold</c> is an input that may be left out, true by default; false makes it a constant, for runtimes that refuse
    /// such inputs or warn of them.
    /// </param>
    /// <exception cref="FlowParityException">The graph disagrees with the trained flow. Nothing is written.</exception>
    /// <exception cref="InvalidOperationException">A graph cannot have a column that is named.</exception>
    public void ExportDensity(string path, bool optionalInputs) => Export(path, CheckedDensity, optionalInputs);

    /// <summary>
    /// Writes the sampling graph to an ONNX file, after this very graph has given the stored probe rows back from the trained flow's
    /// latents; the errors are added to the file's metadata.
    /// </summary>
    /// <remarks>
    /// An image flow from <see cref="WithImageSize"/> has no probes: its graph is checked as <see cref="ExportSampler(string, int, int)"/>
    /// does.
    /// </remarks>
    /// <exception cref="FlowParityException">The graph disagrees with the trained flow. Nothing is written.</exception>
    public void ExportSampler(string path) => ExportSampler(path, optionalInputs: true);

    /// <summary>As the other overload, with or without the optional input.</summary>
    /// <param name="path">The file.</param>
    /// <param name="optionalInputs">
    /// Whether <c>Temperature</c> is an input that may be left out, true by default; false makes it the constant 1, for runtimes that
    /// refuse such inputs or warn of them: noise that is multiplied beforehand does the same.
    /// </param>
    /// <exception cref="FlowParityException">The graph disagrees with the trained flow. Nothing is written.</exception>
    public void ExportSampler(string path, bool optionalInputs) => Export(path, CheckedSampler, optionalInputs);

    /// <summary>
    /// Writes the sampling graph of images of another size to an ONNX file, after the graph of the trained size has given the stored probe
    /// rows back, and the density graph of the other size has given the latents of its samples back from the exact bytes of that size,
    /// within a root mean square error of 0.01.
    /// </summary>
    /// <param name="path">The file.</param>
    /// <param name="height">A multiple of <see cref="FlowModel.ImageSizeUnit"/>.</param>
    /// <param name="width">A multiple of <see cref="FlowModel.ImageSizeUnit"/>.</param>
    /// <exception cref="FlowModelException">
    /// The flow is over vectors, or the size does not fit its steps: the nearest that do are named.
    /// </exception>
    /// <exception cref="FlowParityException">A graph disagrees. Nothing is written.</exception>
    /// <example>
    /// <code>
    /// flow.ExportSampler("sampler-96.onnx", height: 96, width: 96);
    /// </code>
    /// </example>
    public void ExportSampler(string path, int height, int width)
    {
        FlowModel model = Model.WithImageSize(height, width);
        FlowParity.CheckSampling(Model, Model.BuildSamplingGraph());
        Export(path, () => Checked(model.BuildSamplingGraph(), graph => FlowParity.CheckRoundTrip(model, graph)));
    }

    /// <summary>
    /// Writes both graphs as a model repository of NVIDIA Triton (its ONNX Runtime backend), each checked as <see
    /// cref="ExportDensity(string)"/> and <see cref="ExportSampler(string)"/> check it: <c>NAME/VERSION/model.onnx</c> with
    /// <c>NAME/config.pbtxt</c>, and <c>NAME-sampler</c> likewise. Requests are gathered to batches there. The graphs' optional inputs are
    /// not offered: the threshold is <see cref="Threshold"/>, the temperature 1; a client that wants another compares the score itself, or
    /// scales the latents that it sends.
    /// </summary>
    /// <param name="folder">The repository; made where it is missing.</param>
    /// <param name="name">What clients call the model: letters, digits, '-', '_' and '.'.</param>
    /// <param name="version">The version, from 1; Triton serves the highest of those that are there.</param>
    /// <param name="maxBatchSize">Rows of a batch at most; null takes 1,024, and 64 of images.</param>
    /// <exception cref="ArgumentException">The name has other characters.</exception>
    /// <exception cref="FlowParityException">A graph disagrees with the trained flow. Nothing is written.</exception>
    /// <example>
    /// <code>
    /// flow.ExportTriton("models", "pumps"); // tritonserver --model-repository=models
    /// </code>
    /// </example>
    public void ExportTriton(string folder, string name, int version = 1, int? maxBatchSize = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        ArgumentException.ThrowIfNullOrEmpty(name);
        ArgumentOutOfRangeException.ThrowIfLessThan(version, 1);
        if (maxBatchSize is { } most)
            ArgumentOutOfRangeException.ThrowIfLessThan(most, 1, nameof(maxBatchSize));
        if (!name.All(letter => char.IsAsciiLetterOrDigit(letter) || letter is '-' or '_' or '.') || name.Trim('.').Length == 0)
        {
            throw new ArgumentException($"The name is '{name}', expected letters, digits, '-', '_' and '.': it names a folder and stands "
                + "in the addresses of requests.", nameof(name));
        }
        _runtime.ThrowIfDisposed();
        foreach ((string model, byte[] graph) in new[] { (name, CheckedDensity()), (name + "-sampler", CheckedSampler()) })
        {
            string place = Directory.CreateDirectory(Path.Combine(folder, model)).FullName;
            string file = Path.Combine(Directory.CreateDirectory(Path.Combine(place, $"{version}")).FullName, "model.onnx");
            string config = TritonConfig.Of(model, graph,
                maxBatchSize ?? (Model.InputShape.IsImage ? TritonConfig.MostImages : TritonConfig.MostRows), !Model.InputShape.IsImage);
            AtomicFile.Write(file, graph);
            AtomicFile.Write(Path.Combine(place, "config.pbtxt"), Encoding.UTF8.GetBytes(config));
        }
    }

    /// <summary>
    /// Lets go of the sessions; they are freed when no transformer that shares them is left. Reading through this one afterwards, also
    /// through views and cursors made before, throws <see cref="ObjectDisposedException"/>.
    /// </summary>
    public void Dispose() => _runtime.Dispose();

    /// <inheritdoc/>
    void ICanSaveModel.Save(ModelSaveContext ctx)
    {
        SavedSettings.Save(ctx, s_layout, writer =>
        {
            foreach (string? name in (string?[])[_columns.Features, _columns.Score, _columns.PredictedLabel, _columns.LogLikelihood,
                _columns.PValue, _columns.Typicality, _columns.TypicalityPValue, _columns.BitsPerDimension, _columns.Contributions,
                _columns.Latent])
            {
                writer.Write(name ?? "");
            }
            writer.Write(Threshold);
            writer.Write(_batchSize ?? FlowRuntime.DefaultBatchSize);
            foreach (string? name in (string?[])[_columns.ScoreMap, _columns.MapMaximum, _columns.MapMaximumPValue,
                _columns.MapMaximumLabel])
            {
                writer.Write(name ?? "");
            }
            if (ConditionColumnName is not null)
                writer.Write(ConditionColumnName);
        });
        FlowStream.Save(ctx, Model);
    }

    /// <summary>The loader: ML.NET finds it by its name and parameters. <paramref name="context"/> is a ModelLoadContext.</summary>
    private static RealNvpTransformer Create(IHostEnvironment environment, object context)
        => SavedSettings.Load(context, s_layout, (reader, layout) => Create(environment, context, reader, layout));

    private static RealNvpTransformer Create(IHostEnvironment environment, object context, BinaryReader reader, uint layout)
    {
        string? NameOrNull() => reader.ReadString() is { Length: > 0 } name ? name : null;
        var columns = new RealNvpColumns
        {
            Features = reader.ReadString(),
            Score = reader.ReadString(),
            PredictedLabel = reader.ReadString(),
            LogLikelihood = reader.ReadString(),
            PValue = reader.ReadString(),
            Typicality = reader.ReadString(),
            TypicalityPValue = reader.ReadString(),
            BitsPerDimension = NameOrNull(),
            Contributions = NameOrNull(),
            Latent = reader.ReadString(),
        };
        float threshold = reader.ReadSingle();
        int batchSize = reader.ReadInt32(); // the default stands for one that was not chosen
        if (layout >= MapLayout)
        {
            columns = columns with
            {
                ScoreMap = NameOrNull(),
                MapMaximum = NameOrNull(),
                MapMaximumPValue = NameOrNull(),
                MapMaximumLabel = NameOrNull(),
            };
        }
        FlowModel model = FlowStream.Load(context);
        if (model.Condition is not null)
            columns = columns with { Condition = reader.ReadString() };
        if (model.WhyNoContributions is not null)
            columns = columns with { Contributions = null }; // once a name could be saved that no row could be read of
        return new(environment.Register(LoaderSignature), model, null, columns, threshold,
            batchSize == FlowRuntime.DefaultBatchSize ? null : batchSize);
    }

    private void Export(string path, Func<byte[]> graph, bool optionalInputs = true)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        _runtime.ThrowIfDisposed();
        AtomicFile.Write(path, optionalInputs ? graph() : FlowGraph.WithoutOptionalInputs(graph()));
    }

    /// <summary>The graph that <see cref="ExportDensity(string)"/> writes, checked as it is.</summary>
    internal byte[] BuildCheckedDensity()
    {
        _runtime.ThrowIfDisposed();
        return CheckedDensity();
    }

    /// <summary>Requires that rows can be drawn without conditions.</summary>
    private void RequireNoCondition(string instead)
    {
        if (Model.Condition is { MayBeUnknown: false })
        {
            throw new InvalidOperationException($"The flow is of '{FeatureColumnName}' given '{ConditionColumnName}', and each row is "
                + $"drawn given a condition: use {instead} of its transformer. A flow trained with ConditionDropout also draws without.");
        }
    }

    /// <summary>Requires that there are conditions to draw rows for.</summary>
    private void RequireCondition(string instead)
    {
        if (Model.Condition is null)
            throw new InvalidOperationException($"The flow has no condition to draw rows for: use {instead}.");
    }

    private DensityPart Part() => new(_host, nameof(RealNvpTransformer), _runtime, Model, _columns, Threshold);

    private byte[] CheckedDensity()
    {
        DensityPart part = Part();
        if (part.Refusal is { } refusal)
            throw new InvalidOperationException(refusal);
        (byte[] graph, IReadOnlyDictionary<string, string> facts) = part.Certified(GraphNodes.Opset);
        return FlowGraph.WithParity(graph, facts);
    }

    private byte[] CheckedSampler() => Checked(Model.BuildSamplingGraph(), graph => FlowParity.CheckSampler(Model, graph));

    private static byte[] Checked(byte[] graph, Func<byte[], IReadOnlyDictionary<string, string>> check)
        => FlowGraph.WithParity(graph, check(graph));

    /// <summary>The same transformer without a hold on the sessions: disposing it leaves this one as it is.</summary>
    internal RealNvpTransformer Borrowed() => new(_host, Model, _runtime, _columns, Threshold, _batchSize, owns: false);

    /// <summary>A transformer over sessions that it does not own.</summary>
    internal static RealNvpTransformer Over(IHost host, FlowModel model, FlowRuntime sessions, RealNvpColumns columns)
        => new(host, model, sessions, columns, model.Calibration.Threshold, batchSize: null, owns: false);

    private RealNvpTransformer With(FlowModel model, float threshold)
        => new(_host, model, _runtime, _columns, threshold, _batchSize);
}
