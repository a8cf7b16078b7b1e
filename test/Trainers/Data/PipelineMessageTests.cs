using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Trainers;

namespace RealNvp.ML.Tests.Trainers;

/// <summary>What a pipeline says of a wrong column is what the trainer alone says, and both say what repairs it.</summary>
[Trait("Area", "DataAsItIs")]
public sealed class PipelineMessageTests
{
    private readonly MLContext _ml = new(seed: 1);

    [Theory]
    [InlineData("Unsized", "is a vector of Single of unknown size (the attribute [VectorType(N)], or the ColumnType of a SchemaDefinition")]
    [InlineData("Doubles", "is a vector of Double, not of Single (Conversion.ConvertType")]
    [InlineData("UnsizedDoubles", "is a vector of Double, not of Single (Conversion.ConvertType")]
    [InlineData("A", "is Single, no vector (Concatenate")]
    [InlineData("D", "is Double, no vector of Single (Conversion.ConvertType and Concatenate")]
    [InlineData("Color", "is String, not of Single (Categorical.OneHotEncoding")]
    [InlineData("Key", "is a key (Conversion.MapKeyToVector")]
    [InlineData("Keys", "is a vector of keys (Conversion.MapKeyToVector")]
    [InlineData("Flag", "is Boolean, no vector of Single (Conversion.ConvertType")]
    [InlineData("Nowhere", "is missing; there are A, D,")]
    public void A_wrong_column_is_explained_alike(string column, string expected)
    {
        IEstimator<ITransformer> keys = _ml.Transforms.Conversion.MapValueToKey("Key", "Color")
            .Append(_ml.Transforms.Conversion.MapValueToKey("Keys", "Colors"));
        IDataView data = keys.Fit(Rows()).Transform(Rows());
        string alone = Message(() => Trainer(column).Fit(data)), piped = Message(() => keys.Append(Trainer(column)).Fit(Rows()));
        Assert.Contains($"'{column}' {expected}", alone, StringComparison.Ordinal);
        Assert.Contains("a known-size vector of Single", alone, StringComparison.Ordinal);
        Assert.Equal(alone, piped);
    }

    [Fact]
    public void Rows_that_are_all_left_out_are_counted_with_the_features_at_fault()
    {
        string missing = Message(() => _ml.Transforms.Concatenate("Features", "A", "B", "Missing").Append(Trainer("Features")).Fit(Rows()));
        Assert.Contains("has 0 usable rows, expected at least 4", missing, StringComparison.Ordinal);
        Assert.Contains("left out are 100 that have a NaN or infinite feature ('Missing' in 100 rows, 'B' in 10 rows)", missing,
            StringComparison.Ordinal);

        string unnamed = Message(() => Trainer("Features").Fit(Tables.Load(_ml, [[1, float.NaN], [2, float.NaN], [3, 4]])));
        Assert.Contains("has 1 usable rows, expected at least 4", unnamed, StringComparison.Ordinal);
        Assert.Contains("(value 1 in 2 rows)", unnamed, StringComparison.Ordinal);

        RealNvpTrainer weighted = _ml.AnomalyDetection.Trainers.RealNvp(new RealNvpTrainer.Options { ExampleWeightColumnName = "Weight" });
        Assert.Contains("left out are 100 of weight "
            + "0", Message(() => _ml.Transforms.Concatenate("Features", "A", "A").Append(weighted).Fit(Rows())), StringComparison.Ordinal);

        IDataView right = Tables.Load(_ml, Tables.Gaussian(50, 2, 1)), wrong = Tables.Load(_ml, [[1, float.NaN], [2, float.NaN]]);
        Assert.Contains("Validation has no usable rows in column 'Features', expected at least 1; left out are 2 that",
            Message(() => Trainer("Features").Fit(right, wrong)), StringComparison.Ordinal);
    }

    private RealNvpTrainer Trainer(string column) => _ml.AnomalyDetection.Trainers.RealNvp(column);

    private static string Message(Action act) => Assert.ThrowsAny<ArgumentException>(act).Message;

    private IDataView Rows() => _ml.Data.LoadFromEnumerable(Enumerable.Range(0, 100).Select(i => new Reading
    {
        A = i, B = i % 10 == 0 ? float.PositiveInfinity : i % 7, D = i, Doubles = [i, 1], Unsized = [i, 1], UnsizedDoubles = [i],
            Color = i % 2 == 0 ? "red" : "blue", Colors = ["red", "blue"],
    }).ToArray());

    private sealed class Reading
    {
        public float A { get; set; }

        public double D { get; set; }

        public float B { get; set; }

        public float Missing { get; set; } = float.NaN;

        public float Weight { get; set; }

        public bool Flag { get; set; }

        public string Color { get; set; } = "";

        [VectorType(2)]
        public string[] Colors { get; set; } = [];

        [VectorType(2)]
        public double[] Doubles { get; set; } = [];

        public float[] Unsized { get; set; } = [];

        public double[] UnsizedDoubles { get; set; } = [];
    }
}
