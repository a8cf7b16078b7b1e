using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Transforms.Columns;
using RealNvp.ML.Transforms.Images.Heat;
using RealNvp.ML.Transforms.MlNet;

namespace RealNvp.ML.Transforms;

/// <summary>
/// Paints score maps over the pictures that they are of; made by <see cref="ImageCatalog.ScoreMapImage"/>. Where the range of the colours
/// is not given it is told from the maps that it is fitted on.
/// </summary>
public sealed class ScoreMapImageEstimator : IEstimator<ScoreMapImageTransformer>
{
    /// <summary>The share of values of usual maps that has no colour.</summary>
    private const double UsualShare = 0.95;

    /// <summary>The brightest colour is so many times as far from the low end as the largest value of usual maps.</summary>
    private const float Reach = 4;

    private readonly string _output, _map;
    private readonly string? _picture;
    private readonly float? _low, _high;
    private readonly float _opacity;

    internal ScoreMapImageEstimator(string output, string map, string? picture, float? low, float? high, float opacity)
    {
        (_output, _map, _picture, _low, _high, _opacity) = (output, map, picture, low, high, opacity);
        float first = low ?? (high ?? 0) - 1;
        new HeatMap(output, map, picture, first, high ?? first + 1, opacity).Checked();
    }

    /// <summary>The transformer. Rows are read only where the range of the colours is to be told from them.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A column is missing or of another type, or the ends that come of the maps and of the
    /// arguments do not fit.</exception>
    /// <exception cref="ArgumentException">There is no map to tell the range from.</exception>
    public ScoreMapImageTransformer Fit(IDataView input)
    {
        ArgumentNullException.ThrowIfNull(input);
        new HeatMapMap(new(_output, _map, _picture, 0, 1, _opacity)).FindInputs(input.Schema);
        (float low, float high) = _low is { } first && _high is { } last ? (first, last) : Range(input);
        return new ScoreMapImageTransformer(new HeatMap(_output, _map, _picture, low, high, _opacity).Checked());
    }

    /// <inheritdoc/>
    public SchemaShape GetOutputSchema(SchemaShape inputSchema)
    {
        var map = new HeatMapMap(new(_output, _map, _picture, 0, 1, _opacity));
        map.FindInputs(inputSchema);
        return MlNetInternals.ShapeWith(inputSchema, map.Added);
    }

    private (float Low, float High) Range(IDataView input)
    {
        DataViewSchema.Column column = HeatMapMap.MapColumn(input.Schema, _map);
        (int height, int width) = HeatMapMap.Size(column);
        var map = new float[height * width];
        var all = new List<float>();
        using DataViewRowCursor cursor = input.GetRowCursor([column]);
        var reader = new FeatureReader(cursor, column, map.Length, map);
        while (cursor.MoveNext())
        {
            reader.Take(0);
            all.AddRange(map.Where(float.IsFinite));
        }
        if (all.Count == 0)
            throw new ArgumentException($"There is no map in the column '{_map}' to tell the colours' range from: give low and high.",
                nameof(input));
        all.Sort();
        float low = _low ?? all[(int)(UsualShare * (all.Count - 1))];
        float reach = Reach * (all[^1] - low);
        return (low, _high ?? low + (reach > 0 ? reach : 1));
    }
}
