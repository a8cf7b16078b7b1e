using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Trainers;
using RealNvp.ML.Transforms;

namespace RealNvp.ML.Tests.Trainers;

/// <summary>Every column that may be named, by every kind of flow: it is there after training, or refused before a row is read.</summary>
public sealed class OutputColumnTests
{
    private const int Features = 2 * 4 * 4;

    private static readonly string[] s_named = ["Bits", "Contributions", "Map", "MapMaximum", "MapMaximumPValue", "MapMaximumLabel"];

    private readonly MLContext _ml = new(seed: 1);

    /// <summary>Kinds of flows, what they cannot give, and what they say of it.</summary>
    public static TheoryData<string, string[], string> Designs => new()
    {
        { "table", s_named[2..], "taken for a table, which has none" },
        { "table, mixture", s_named[2..], "taken for a table" },
        { "table given a condition", s_named[2..], "taken for a table" },
        { "table of three dimensions", s_named[2..], "taken for a table" },
        { "table of continuous features", ["Bits", .. s_named[2..]], "" },
        { "pixels", [], "" },
        { "pixels, mixture", [], "" },
        { "pixels given a condition", [], "" },
        { "maps", s_named[..2], "" },
        { "maps, mixture", s_named[..2], "" },
    };

    [Theory, MemberData(nameof(Designs))]
    public void Named_columns_are_there_or_refused_before_a_row_is_read(string design, string[] refused, string why)
    {
        var unread = new Unread(Data(design, 30));
        foreach (string name in s_named)
        {
            RealNvpTrainer trainer = _ml.AnomalyDetection.Trainers.RealNvp(Options(design, [name]));
            if (!refused.Contains(name))
            {
                Assert.Throws<NotSupportedException>(() => trainer.Fit(unread)); // it gets as far as the rows
                continue;
            }
            string message = Assert.Throws<ArgumentException>(() => trainer.Fit(unread)).Message;
            Assert.Contains($"'{name}' cannot be added: ", message, StringComparison.Ordinal);
            Assert.Contains(why, message, StringComparison.Ordinal);
        }

        string[] given = [.. s_named.Except(refused)];
        using RealNvpTransformer model = _ml.AnomalyDetection.Trainers.RealNvp(Options(design, given)).Fit(Data(design, 60));
        IDataView scored = model.Transform(Data(design, 4));
        Assert.Equal(given, s_named.Where(name => scored.Schema.GetColumnOrNull(name) is not null));
        foreach (string name in given)
        {
            double[] values = name is "Contributions" or "Map"
                ? [.. scored.GetColumn<float[]>(name).SelectMany(row => row).Select(value => (double)value)]
                : name == "MapMaximumLabel" ? [.. scored.GetColumn<bool>(name).Select(value => value ? 1.0 : 0)]
                : [.. scored.GetColumn<float>(name).Select(value => (double)value)];
            Assert.Equal(4 * (name == "Contributions" ? Features : name == "Map" ? 16 : 1), values.Length);
            Assert.All(values, value => Assert.True(double.IsFinite(value)));
        }
        // the columns of a flow that is there are refused by the same
        foreach (string name in refused)
            Assert.ThrowsAny<ArgumentException>(() => model.WithColumns(Columns([name])));
    }

    private static RealNvpTrainer.Options Options(string design, string[] columns) => new()
    {
        FeatureKind = design.Split(',', ' ')[0] switch
        {
            "table" => FeatureKind.Table,
            "pixels" => FeatureKind.Pixels,
            _ => FeatureKind.Maps,
        },
        Table = new() { Couplings = 2, HiddenUnits = 4, Dequantize = !design.Contains("continuous", StringComparison.Ordinal) },
        Image = design.StartsWith("pixels", StringComparison.Ordinal)
            ? new() { Levels = 4, LevelWidth = 1, Scales = 1, BaseWidth = 2, Blocks = 1 } : null,
        Maps = design.StartsWith("maps", StringComparison.Ordinal) ? new() { Couplings = 2, HiddenUnits = 4 } : null,
        Members = design.EndsWith("mixture", StringComparison.Ordinal) ? 2 : 1,
        ConditionColumnName = design.EndsWith("condition", StringComparison.Ordinal) ? "Condition" : null,
        Columns = Columns(columns),
        Steps = 2,
        BatchSize = 8,
        Threads = 1,
        Seed = 1,
    };

    private static RealNvpColumns Columns(string[] names)
    {
        string? Named(string name) => names.Contains(name) ? name : null;
        return new()
        {
            BitsPerDimension = Named("Bits"), Contributions = Named("Contributions"), ScoreMap = Named("Map"),
            MapMaximum = Named("MapMaximum"), MapMaximumPValue = Named("MapMaximumPValue"), MapMaximumLabel = Named("MapMaximumLabel"),
        };
    }

    private IDataView Data(string design, int count)
    {
        var random = new Random(count);
        SchemaDefinition schema = SchemaDefinition.Create(typeof(Row));
        bool isFlat = design is "table" or "table, mixture";
        schema["Features"].ColumnType = isFlat ? new VectorDataViewType(NumberDataViewType.Single, Features)
            : new VectorDataViewType(NumberDataViewType.Single, 2, 4, 4);
        return _ml.Data.LoadFromEnumerable(Enumerable.Range(0, count).Select(_ => new Row
        {
            Features = [.. Enumerable.Range(0, Features).Select(_ => (float)random.Next(4))],
            Condition = [random.NextSingle()],
        }).ToArray(), schema);
    }

    private sealed class Row
    {
        public float[] Features { get; set; } = [];

        [VectorType(1)]
        public float[] Condition { get; set; } = [];
    }

    /// <summary>A view that is not to be read.</summary>
    private sealed class Unread(IDataView rows) : IDataView
    {
        public bool CanShuffle => false;

        public DataViewSchema Schema => rows.Schema;

        public long? GetRowCount() => null;

        public DataViewRowCursor GetRowCursor(IEnumerable<DataViewSchema.Column> columnsNeeded, Random? rand = null)
            => throw new NotSupportedException();

        public DataViewRowCursor[] GetRowCursorSet(IEnumerable<DataViewSchema.Column> columnsNeeded, int n, Random? rand = null)
            => throw new NotSupportedException();
    }
}
