using System.Collections.Immutable;
using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Transforms;
using RealNvp.ML.Export;
using RealNvp.ML.Transforms;
using RealNvp.ML.Transforms.MlNet;

namespace RealNvp.ML.Tests.Transforms;

/// <summary>The columns of a pipeline as its flow sees them.</summary>
public sealed class FeatureGroupTests
{
    private readonly MLContext _ml = new(seed: 1);

    /// <summary>Pipelines, and what their groups are: name, first feature, categories, ? for a flag.</summary>
    public static TheoryData<string, string> Pipelines => new()
    {
        { "one category alone", "Kind 0 press,fan,pump" },
        { "one category alone, straight into the features", "Kind 0 press,fan,pump" },
        { "one category alone under another name", "Kind 0 press,fan,pump" },
        { "one category alone, normalised", "Kind 0 press,fan,pump" },
        { "a category of one value alone", "Place 0 hall" },
        { "two categories and nothing else", "Kind 0 press,fan,pump; Place 3 hall" },
        { "two categories under other names", "Kind 0 press,fan,pump; Place 3 hall" },
        { "a category twice", "Kind 0 press,fan,pump; Again 3 press,fan,pump" },
        { "a category and a number", "Kind 0 press,fan,pump; Age 3 " },
        { "a category behind lags", "Kind 0 press,fan,pump; Age 3 " },
        { "one number alone", "Age 0 " },
        { "a number and its flag", "Age 0 ?" },
        { "a category and a number with its flag", "Kind 0 press,fan,pump; Age 3 ?" },
        { "bits of a category", "Kind.Bit2 0 ; Kind.Bit1 1 ; Kind.Bit0 2 ; Age 3 " },
    };

    [Theory, MemberData(nameof(Pipelines))]
    public void Texts_that_became_one_hot_are_groups_of_their_names(string pipeline, string expected)
    {
        IDataView rows = _ml.Data.LoadFromEnumerable(Rows);
        ITransformer steps = Features(pipeline).Fit(rows);
        var features = (VectorDataViewType)steps.GetOutputSchema(rows.Schema)["Features"].Type;
        DataViewSchema schema = steps.Transform(rows).Schema;
        // as the vector has them, and as training takes them
        DataViewSchema.Column column = schema["Features"];
        foreach (ImmutableArray<string> names in new[] { SlotNames.Read(column), OneHotColumn.NamesOf(schema, column) })
        {
            FlowModel flow = Flows.Random(features.Size, couplings: features.Size == 1 ? 0 : 2, names: names);
            using var model = Features(pipeline).Append(_ml.Transforms.ApplyRealNvp(flow)).Fit(rows);
            using var file = new MemoryStream();
            _ml.Model.Save(model, rows.Schema, file);
            ITransformer loaded = _ml.Model.Load(file, out DataViewSchema inputs);
            using var owned = (IDisposable)loaded;

            Assert.Equal(expected, string.Join("; ", loaded.FindFeatureGroups(inputs).Select(group
                => $"{group.Name} {group.First} {string.Join(',', group.Categories)}{(group.HasFlag ? "?" : "")}")));
            Assert.Empty(loaded.FindConditionGroups(inputs));
        }
    }

    /// <summary>Parts of texts are no categories, though their names look so.</summary>
    [Fact]
    public void Texts_that_became_other_numbers_are_no_categories()
    {
        IDataView rows = _ml.Data.LoadFromEnumerable(Rows);
        var words = _ml.Transforms.Text.ProduceWordBags("Kind", "Kind").Append(_ml.Transforms.Concatenate("Features", "Kind", "Age"));
        DataViewSchema.Column column = words.Fit(rows).GetOutputSchema(rows.Schema)["Features"];
        VBuffer<ReadOnlyMemory<char>> names = default;
        column.GetSlotNames(ref names);
        FlowModel flow = Flows.Random(names.Length, names: [.. names.DenseValues().Select(name => name.ToString())]);
        using var model = words.Append(_ml.Transforms.ApplyRealNvp(flow)).Fit(rows);
        IReadOnlyList<FeatureGroup> groups = model.FindFeatureGroups(rows.Schema);
        Assert.Equal(names.Length, groups.Count);
        Assert.All(groups, group => Assert.Empty(group.Categories));
    }

    private IEstimator<ITransformer> Features(string pipeline)
    {
        IEstimator<ITransformer> OneHot(string output, string input,
            OneHotEncodingEstimator.OutputKind kind = OneHotEncodingEstimator.OutputKind.Indicator)
            => _ml.Transforms.Categorical.OneHotEncoding(output, input, kind);
        IEstimator<ITransformer> Side(params string[] columns) => _ml.Transforms.Concatenate("Features", columns);
        IEstimator<ITransformer> Flag() => _ml.Transforms.IndicateMissingValues("Age:missing", "Age")
            .Append(_ml.Transforms.Conversion.ConvertType("Age:missing", outputKind: DataKind.Single));
        return pipeline switch
        {
            "one category alone" => OneHot("Kind", "Kind").Append(Side("Kind")),
            "one category alone, straight into the features" => OneHot("Features", "Kind"),
            "one category alone under another name" => OneHot("KindEncoded", "Kind").Append(Side("KindEncoded")),
            "one category alone, normalised" => OneHot("Kind", "Kind").Append(Side("Kind"))
                .Append(_ml.Transforms.NormalizeMinMax("Features")),
            "a category of one value alone" => OneHot("Place", "Place").Append(Side("Place")),
            "two categories and nothing else" => OneHot("Kind", "Kind").Append(OneHot("Place", "Place")).Append(Side("Kind", "Place")),
            "two categories under other names" => OneHot("K", "Kind").Append(OneHot("P", "Place")).Append(Side("K", "P")),
            "a category twice" => OneHot("Kind", "Kind").Append(_ml.Transforms.CopyColumns("Again", "Kind")).Append(Side("Kind", "Again")),
            "a category and a number" => OneHot("Kind", "Kind").Append(Side("Kind", "Age")),
            "a category behind lags" => OneHot("Kind", "Kind").Append(_ml.Transforms.Lags("Before", ["Age"], [1]))
                .Append(Side("Kind", "Age")),
            "one number alone" => Side("Age"),
            "a number and its flag" => Flag().Append(Side("Age", "Age:missing")),
            "a category and a number with its flag" => OneHot("Kind", "Kind").Append(Flag()).Append(Side("Kind", "Age", "Age:missing")),
            "bits of a category" => OneHot("Kind", "Kind", OneHotEncodingEstimator.OutputKind.Binary).Append(Side("Kind", "Age")),
            _ => throw new ArgumentException(pipeline),
        };
    }

    private static Row[] Rows => [.. Enumerable.Range(0, 30).Select(i => new Row
    {
        Kind = new[] { "press", "fan", "pump" }[i % 3], Place = "hall", Age = i % 7 == 6 ? float.NaN : i,
    })];

    private sealed class Row
    {
        public string Kind { get; set; } = "";

        public string Place { get; set; } = "";

        public float Age { get; set; }
    }
}
