using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Transforms.Image;
using RealNvp.ML.Transforms;

namespace RealNvp.ML.Tests.Transforms;

/// <summary>Score maps as pictures: where there is colour, and where the picture is as it was.</summary>
public sealed class ScoreMapImageTests
{
    private readonly MLContext _ml = new(seed: 1);

    [Fact]
    public void Hot_positions_are_bright_and_the_others_as_they_were()
    {
        IDataView data = Load(Map(hot: 3, value: 10));
        ScoreMapImageTransformer transformer = _ml.Transforms.ScoreMapImage(low: 1, high: 5, opacity: 1).Fit(data);
        byte[] painted = Paint(transformer, data);
        // the map is 2 x 2, the picture 8 x 8: the lower right corner is hot
        Assert.Equal([255, 255, 200, 255], painted[^4..]); // the brightest colour
        Assert.Equal([10, 20, 30, 255], painted[..4]); // red, green, blue of the picture
        Assert.Equal([10, 20, 30, 255], painted[(4 * 7)..(4 * 8)]);
        double[] diagonal = [.. Enumerable.Range(0, 8)
            .Select(i => painted.AsSpan(4 * (8 * i + i), 3).ToArray().Average(value => (double)value))];
        Assert.Equal(diagonal.Order(), diagonal); // brighter at every step
    }

    [Fact]
    public void Without_a_picture_the_ground_is_dark_and_of_the_map_s_size()
    {
        IDataView data = Load(Map(hot: 0, value: 10));
        ScoreMapImageTransformer transformer = _ml.Transforms.ScoreMapImage(imageColumnName: null, low: 1, high: 5).Fit(data);
        byte[] painted = Paint(transformer, data);
        Assert.Equal(4 * 4, painted.Length);
        Assert.True(painted[0] > 150);
        Assert.Equal([0, 0, 0, 255], painted[^4..]);
        var type = (ImageDataViewType)transformer.GetOutputSchema(data.Schema)["ScoreMapImage"].Type;
        Assert.Equal((2, 2), (type.Height, type.Width));
    }

    [Fact]
    public void Colours_are_told_from_usual_maps_and_kept_when_saved()
    {
        IDataView usual = Load([.. Enumerable.Range(0, 100).Select(i => new float[] { i, -i, 0.5f * i, float.NaN })]);
        ScoreMapImageTransformer transformer = _ml.Transforms.ScoreMapImage(imageColumnName: null).Fit(usual);
        Assert.InRange(transformer.Low, 80, 90); // of 300 numbers 5 % are above
        Assert.Equal(transformer.Low + 4 * (99 - transformer.Low), transformer.High, 1e-3);
        using var stream = new MemoryStream();
        _ml.Model.Save(transformer, usual.Schema, stream);
        stream.Position = 0;
        ITransformer loaded = _ml.Model.Load(stream, out _);
        Assert.Equal(Paint(transformer, usual), Paint(loaded, usual));
    }

    [Fact]
    public void Other_columns_and_ranges_are_refused()
    {
        IDataView data = Load(Map(0, 1)), flat = Tables.Load(_ml, [[1, 2]]);
        Assert.Contains("height x width", Assert.Throws<ArgumentOutOfRangeException>(()
            => _ml.Transforms.ScoreMapImage(scoreMapColumnName: "Features", imageColumnName: null).Fit(flat)).Message,
            StringComparison.Ordinal);
        Assert.Contains("an image", Assert.Throws<ArgumentOutOfRangeException>(()
            => _ml.Transforms.ScoreMapImage(imageColumnName: "ScoreMap").Fit(data)).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => _ml.Transforms.ScoreMapImage(low: 2, high: 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => _ml.Transforms.ScoreMapImage(opacity: 0));
        Assert.Contains("give low and high", Assert.Throws<ArgumentException>(()
            => _ml.Transforms.ScoreMapImage().Fit(Load())).Message, StringComparison.Ordinal);
    }

    private static float[] Map(int hot, float value) => [.. Enumerable.Range(0, 4).Select(i => i == hot ? value : 0)];

    private static byte[] Paint(ITransformer transformer, IDataView data)
        => transformer.Transform(data).GetColumn<MLImage>("ScoreMapImage").First().Pixels.ToArray();

    private IDataView Load(params float[][] maps)
    {
        byte[] bgra = [.. Enumerable.Range(0, 8 * 8).SelectMany(_ => (byte[])[30, 20, 10, 255])];
        SchemaDefinition schema = SchemaDefinition.Create(typeof(Row));
        schema["ScoreMap"].ColumnType = new VectorDataViewType(NumberDataViewType.Single, 2, 2);
        return _ml.Data.LoadFromEnumerable(maps.Select(map => new Row
        {
            ScoreMap = map,
            Image = MLImage.CreateFromPixels(8, 8, MLPixelFormat.Bgra32, bgra),
        }).ToArray(), schema);
    }

    private sealed class Row
    {
        public float[] ScoreMap { get; set; } = [];

        [ImageType(8, 8)]
        public MLImage Image { get; set; } = null!;
    }
}
