using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Runtime;
using RealNvp.ML.Transforms;
using RealNvp.ML.Transforms.Images.Heat;
using RealNvp.ML.Transforms.MlNet;

[assembly: LoadableClass(typeof(ScoreMapImageTransformer), null, typeof(SignatureLoadModel),
    "Score map image", ScoreMapImageTransformer.LoaderSignature)]

namespace RealNvp.ML.Transforms;

/// <summary>
/// Paints a score map over the picture that it is of. Saved with <c>mlContext.Model.Save</c>, alone or in a pipeline, it loads again with
/// <c>mlContext.Model.Load</c> in any application that has this library beside it; no registration is needed.
/// </summary>
/// <remarks>
/// <format type="text/markdown"><![CDATA[
/// ### Input and output columns
/// | Column | Type | Description |
/// | -- | -- | -- |
/// | map | Vector of Single, height x width | Each position's share of the score, as `RealNvpColumns.ScoreMap` adds it. |
/// | picture | MLImage | What lies below, of any size; the map is stretched to it. Where none is named, a dark ground of the map's size. |
/// | output | MLImage | The picture with the map over it, from dark red to pale yellow; values up to `Low` leave it as it is. |
/// ]]></format>
/// </remarks>
public sealed class ScoreMapImageTransformer : ITransformer
{
    /// <summary>The name under which ML.NET finds the loader of a saved model.</summary>
    internal const string LoaderSignature = "RealNvpScoreMapImage";

    private static readonly SavedLayout s_layout = new("RNVPHEAT", LoaderSignature, 0x00010001, Oldest: 0x00010001, Sealed: 0x00010001);

    private readonly HeatMap _heat;
    private readonly HeatMapMap _map;

    internal ScoreMapImageTransformer(HeatMap heat)
    {
        _heat = heat;
        _map = new HeatMapMap(heat);
    }

    /// <summary>Values up to this leave the picture as it is.</summary>
    public float Low => _heat.Low;

    /// <summary>Values from this on have the brightest colour.</summary>
    public float High => _heat.High;

    /// <inheritdoc/>
    bool ITransformer.IsRowToRowMapper => true;

    /// <inheritdoc/>
    public DataViewSchema GetOutputSchema(DataViewSchema inputSchema) => _map.OutputSchema(inputSchema);

    /// <summary>Adds the column. Nothing is painted until the result is read.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A column is missing or of another type.</exception>
    public IDataView Transform(IDataView input) => ConvertibleView.Of(_map.Transform(input), input, new RefusedPart(
        nameof(ScoreMapImageTransformer), $"ConvertToOnnx cannot convert the column '{_heat.Output}' of a score map's image: it holds "
        + "images, and a graph holds numbers. Convert the transformers before it: the graph then has the map itself."));

    /// <inheritdoc/>
    IRowToRowMapper ITransformer.GetRowToRowMapper(DataViewSchema inputSchema) => _map.RowMapper(inputSchema);

    /// <inheritdoc/>
    void ICanSaveModel.Save(ModelSaveContext ctx) => SavedSettings.Save(ctx, s_layout, _heat.Save);

    /// <summary>The loader: ML.NET finds it by its name and parameters. <paramref name="context"/> is a ModelLoadContext.</summary>
    private static ScoreMapImageTransformer Create(IHostEnvironment environment, object context)
        => new(SavedSettings.Load(context, s_layout, (reader, _) => HeatMap.Load(reader)));
}
