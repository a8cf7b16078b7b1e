using System.Collections.Immutable;
using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Runtime;
using RealNvp.ML.Transforms;
using RealNvp.ML.Transforms.MlNet;
using RealNvp.ML.Transforms.Series;

[assembly: LoadableClass(typeof(LagsTransformer), null, typeof(SignatureLoadModel), "Lags", LagsTransformer.LoaderSignature)]

namespace RealNvp.ML.Transforms;

/// <summary>
/// Gives each row the values of the rows before it, within its group. Saved with <c>mlContext.Model.Save</c>, alone or in a pipeline.
/// </summary>
/// <remarks>
/// <format type="text/markdown"><![CDATA[
/// ### Input and output columns
/// | Column | Type | Description |
/// | -- | -- | -- |
/// | inputs | Single, or known-size vectors of Single | The values of a row. |
/// | group | Text, key, whole number, Boolean or date | Which series the row is of; a missing value is a group as others are. |
/// | output | Vector of Single | For each lag in turn, every input that many rows before: slots `Temperature-1`, `Temperature-2` |
///
/// Rows come in the order of the source, which is read by one cursor: sort it before, and do not shuffle it. Groups may be interleaved. Of
/// each group as many rows are remembered as the largest lag goes back.
///
/// A `PredictionEngine` sees one row at a time and so cannot know the rows before it: asking for one is an `InvalidOperationException`. A
/// <see cref="SeriesEngine{TSource, TResult}"/> remembers them.
/// ]]></format>
/// </remarks>
public sealed class LagsTransformer : ITransformer
{
    /// <summary>The name under which ML.NET finds the loader of a saved model.</summary>
    internal const string LoaderSignature = "RealNvpLags";

    private static readonly SavedLayout s_layout = new("RNVPLAGS", LoaderSignature, 0x00010002, Oldest: 0x00010001, Sealed: 0x00010002);

    private readonly IHost _host;
    private readonly LagSettings _settings;

    internal LagsTransformer(IHost host, LagSettings settings) => (_host, _settings) = (host, settings);

    /// <summary>The column that is added.</summary>
    public string OutputColumnName => _settings.Output;

    /// <summary>The columns whose earlier values it holds.</summary>
    public ImmutableArray<string> InputColumnNames => _settings.Inputs;

    /// <summary>How many rows before, in the order of the slots.</summary>
    public ImmutableArray<int> Lags => _settings.Lags;

    /// <summary>The column that tells series apart, or null where all rows are one.</summary>
    public string? GroupColumnName => _settings.Group;

    /// <summary>What becomes of the first rows of a group.</summary>
    public LagsOfFirstRows FirstRows => _settings.FirstRows;

    /// <summary>True, so that <see cref="ITransformer.GetRowToRowMapper"/> is asked and says why there is none.</summary>
    bool ITransformer.IsRowToRowMapper => true;

    /// <inheritdoc/>
    public DataViewSchema GetOutputSchema(DataViewSchema inputSchema)
    {
        ArgumentNullException.ThrowIfNull(inputSchema);
        return LagsView.OutputSchema(_settings, inputSchema);
    }

    /// <summary>Adds the column. Nothing is read until the result is.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A column is missing or of another type.</exception>
    /// <exception cref="ArgumentException">The view is shuffled: the rows before a row would be any.</exception>
    public IDataView Transform(IDataView input)
    {
        ArgumentNullException.ThrowIfNull(input);
        if (MlNetInternals.IsShuffled(input))
        {
            throw new ArgumentException($"The view is shuffled, and the column '{_settings.Output}' holds the rows before each row. "
                + "Shuffle after Lags, not before.", nameof(input));
        }
        return ConvertibleView.Of(new LagsView(_settings, input, Warn), input, new RefusedPart(nameof(LagsTransformer),
            $"ConvertToOnnx cannot convert the column '{_settings.Output}' of Lags: a graph sees rows, not the rows before "
            + "them. Hand over a view taken after Lags, mlContext.Data.Cache(view), as the data, and convert the transformers that "
            + "follow: lags are then inputs."));
    }

    /// <inheritdoc/>
    IRowToRowMapper ITransformer.GetRowToRowMapper(DataViewSchema inputSchema) => throw new InvalidOperationException(
        $"The column '{_settings.Output}' holds values of the rows before, and one row at a time, as a PredictionEngine gives them, has "
        + "none before it. Transform a view that holds the rows of the series in order, or ask mlContext.CreateSeriesEngine for an "
        + "engine that remembers them.");

    /// <inheritdoc/>
    void ICanSaveModel.Save(ModelSaveContext ctx) => SavedSettings.Save(ctx, s_layout, _settings.Save);

    /// <summary>The loader: ML.NET finds it by its name and parameters. <paramref name="context"/> is a ModelLoadContext.</summary>
    private static LagsTransformer Create(IHostEnvironment environment, object context)
        => new(environment.Register(LoaderSignature), SavedSettings.Load(context, s_layout, (reader, _) => LagSettings.Load(reader)));

    /// <summary>What the transformer does.</summary>
    internal LagSettings Settings => _settings;

    private void Warn(string message)
    {
        using IChannel channel = _host.Start("Lags");
        channel.Warning(MessageSensitivity.None, message);
    }
}
