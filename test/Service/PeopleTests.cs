using System.Net;
using System.Text;
using System.Text.Json;
using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.AspNetCore.Http;
using RealNvp.ML.AspNetCore.People;
using RealNvp.ML.Export;
using RealNvp.ML.Serving.Models;
using RealNvp.ML.Serving.Rows;
using RealNvp.ML.Tests.Conditions;
using RealNvp.ML.Tests.Eng;
using RealNvp.ML.Tests.Tool;
using RealNvp.ML.Transforms;

namespace RealNvp.ML.Tests.Service;

/// <summary>Plain JSON rows.</summary>
[Trait("Area", "Service")]
public sealed class PeopleTests(ServedFlows served) : IClassFixture<ServedFlows>
{
    private RunningService Service => served.Service;

    [Fact]
    public async Task Rows_may_be_lists_objects_by_feature_or_by_column()
    {
        float[][] rows = Flows.Rows(served.Flow, 9, seed: 7);
        (float[] scores, float[] pValues, bool[] flags) = served.Expected(rows);
        object[] bodies =
        [
            rows,
            new { rows },
            rows.Select(row => row.Index().ToDictionary(value => $"feature {value.Index}", value => value.Item)),
            rows.Select(row => row.Index().Reverse().ToDictionary(value => $"feature {value.Index}", value => (object)value.Item)
                .Append(new("id", new { a = new[] { 1 } }))).Select(row => row.ToDictionary()),
            rows.Select(row => new { Features = row, id = "x" }),
        ];
        foreach (object body in bodies)
        {
            JsonElement answer = await Service.Post("models/plain/score", body);
            Assert.Equal("plain", answer.GetProperty("model").GetString());
            Assert.Equal(12, answer.GetProperty("version").GetString()!.Length);
            JsonElement[] results = [.. answer.GetProperty("rows").EnumerateArray()];
            Assert.Equal(scores, results.Select(row => row.GetProperty("Score").GetSingle()));
            Assert.Equal(pValues, results.Select(row => row.GetProperty("PValue").GetSingle()));
            Assert.Equal(flags, results.Select(row => row.GetProperty("PredictedLabel").GetBoolean()));
        }
        JsonElement named = await Service.Post("models/plain/score", new { rows, outputs = new[] { "Latent", "Typicality" } });
        JsonElement first = named.GetProperty("rows")[0];
        Assert.Equal(["Latent", "Typicality"], first.EnumerateObject().Select(value => value.Name));
        Tolerance.Values(Flows.Evaluate(served.Flow, rows[0]).Latent, [.. first.GetProperty("Latent").EnumerateArray()
            .Select(value => value.GetSingle())]);
    }

    [Fact]
    public async Task Pipelines_take_texts_and_missing_numbers_and_give_what_stands_behind()
    {
        ServedFlows.Machine[] rows = ServedFlows.Machine.Rows(23, seed: 4);
        JsonElement answer = await Service.Post("models/categories/score", new
        {
            rows = rows.Select(row => new { row.Remark, row.Age, Pressure = float.IsNaN(row.Pressure) ? null : (float?)row.Pressure,
                row.Kind }),
        });
        JsonElement[] results = [.. answer.GetProperty("rows").EnumerateArray()];
        string path = Service.File("categories.zip");
        Assert.Equal(ServedFlows.Column<float>(path, rows, "Score"), results.Select(row => row.GetProperty("Score").GetSingle()));
        // these two by the thresholds of each group, which stand behind the flow
        Assert.Equal(ServedFlows.Column<float>(path, rows, "PValue"), results.Select(row => row.GetProperty("PValue").GetSingle()));
        Assert.Equal(ServedFlows.Column<bool>(path, rows, "PredictedLabel"),
            results.Select(row => row.GetProperty("PredictedLabel").GetBoolean()));
    }

    /// <summary>The models that the repository keeps, with the results that they gave when they were written.</summary>
    [Theory, InlineData("pipeline-2.zip"), InlineData("regression-1.zip"), InlineData("condition-3.zip"), InlineData("mixture-1.rnvp")]
    public async Task Every_kind_of_model_gives_what_it_gave(string file)
    {
        JsonElement kept = JsonDocument.Parse(File.ReadAllText(
            Path.Combine(Repository.Root, "test", "SavedModels", file + ".json"))).RootElement;
        float[][] rows = [.. kept.GetProperty("Rows").EnumerateArray().Select(row
            => row.EnumerateArray().Select(value => value.GetSingle()).ToArray())];
        object[] asked = [.. rows.Select((row, i) => file switch
        {
            "pipeline-2.zip" => (object)new { A = row[0], B = row[1], C = row[2], D = row[3] },
            "regression-1.zip" => new { Label = row[0], Features = row[1..] },
            "condition-3.zip" => new { Features = row[..2], Condition = new[] { row[2], i % 4 == 3 ? null : (float?)row[3] } },
            _ => row,
        })];
        string[] columns = file == "regression-1.zip" ? ["LogLikelihood", "Score", "Median", "Lower", "Upper"] : ["LogLikelihood"];

        JsonElement answer = await Service.Post($"models/{Path.GetFileNameWithoutExtension(file)}/score",
            new { rows = asked, outputs = columns });

        Tolerance.LogLikelihoods([.. kept.GetProperty("LogLikelihoods").EnumerateArray().Select(value => value.GetDouble())],
            [.. columns.SelectMany(column => answer.GetProperty("rows").EnumerateArray()
                .Select(row => row.GetProperty(column).GetSingle()))], rows[0].Length);
    }

    [Fact]
    public async Task A_regression_needs_no_label()
    {
        JsonElement answer = await Service.Post("models/regression-1/score", """[{"Features": [1, 2, 3]}, [1, 2, 3]]""");
        JsonElement[] rows = [.. answer.GetProperty("rows").EnumerateArray()];
        Assert.True(float.IsFinite(rows[0].GetProperty("Median").GetSingle()));
        Assert.Equal(JsonValueKind.Null, rows[0].GetProperty("LogLikelihood").ValueKind);
        Assert.Equal(rows[0].GetRawText(), rows[1].GetRawText());
    }

    [Fact]
    public async Task Drawn_rows_are_those_of_the_library()
    {
        var ml = new MLContext();
        using RealNvpTransformer flow = ml.Transforms.ApplyRealNvp(served.Flow).Fit(Tables.Load(ml, [new float[4]]));
        JsonElement answer = await Service.Post("models/plain/sample", new { count = 3_000, seed = 8, temperature = 0.5 });
        Assert.Equal(flow.SampleRows(3_000, seed: 8, temperature: 0.5f), answer.GetProperty("rows").EnumerateArray().Select(row
            => Enumerable.Range(0, 4).Select(i => row.GetProperty($"feature {i}").GetSingle()).ToArray()));
        Assert.Equal(10, (await Service.Post("models/plain/sample", "")).GetProperty("rows").GetArrayLength());

        JsonElement given = await Service.Post("models/condition-3/sample",
            """{"count": 2, "seed": 1, "conditions": [[1, 2], [3, null]]}""");
        Assert.Equal(4, given.GetProperty("rows").GetArrayLength());
        ServedModel model = Service.Host.Hold("condition-3")!;
        float[][] expected = [.. model.Flow.Sample(Conditional.Load(ml, [new() { Features = [0, 0], Condition = [1, 2] },
            new() { Features = [0, 0], Condition = [3, float.NaN] }]), perRow: 2, seed: 1).GetColumn<float[]>("Features")];
        model.Release();
        Assert.Equal(expected.SelectMany(row => row), given.GetProperty("rows").EnumerateArray().SelectMany(row => Numbers(row)));
    }

    /// <summary>As rows are: by the names of their values, a condition of one value too.</summary>
    [Fact]
    public void A_value_of_a_vector_of_one_is_found_by_its_name()
    {
        foreach (string[] names in new[] { new[] { "hour" }, ["hour", "load"] })
        {
            var fields = new RowFields([new ModelColumn("Condition", ColumnKind.Single, [names.Length], names)]);
            var json = new Utf8JsonReader("""[{"hour": 3, "load": 2}, {"load": 4, "hour": null}]"""u8);
            json.Read();
            Assert.Equal(names.Length == 1 ? [3, float.NaN] : [3, 2, float.NaN, 4], (float[])fields.Read(ref json, 10).Columns[0]);
        }
    }

    /// <summary>Rows to score have a text where the condition has one-hot values, and so may conditions to draw rows for.</summary>
    [Fact]
    public void A_text_of_a_condition_is_a_text_where_rows_are_drawn()
    {
        string[] names = ["site.north", "site.south", "site.west", "load", "load:missing"];
        FeatureGroup[] groups = [.. FeatureGroup.Of(names, ["site"], ["load"])];
        var condition = new FlowCondition([.. names.Select(_ => 0f)], [.. names.Select(_ => 1f)], names: [.. names]);
        float[][] read(string body)
        {
            var json = new Utf8JsonReader(Encoding.UTF8.GetBytes(body));
            json.Read();
            return ConditionRows.Read(ref json, condition, groups, 10);
        }
        float[][] expected = [[0, 1, 0, 2, 0], [0, 0, 0, 3, 1], [1, 0, 0, 0, 0]];
        Assert.Equal(expected, read("""
            [{"load": 2, "load:missing": 0, "site": "south"}, {"site": null, "load": 3, "load:missing": true},
             {"site": "north", "load:missing": false, "load": 0}]
            """));
        Assert.Equal(expected[..1], read("""[{"load": 2, "site": "south"}]"""));
        Assert.Equal(expected, read("[[0, 1, 0, 2, 0], [0, 0, 0, 3, 1], [1, 0, 0, 0, 0]]"));
        Assert.Equal(expected[..1],
            read("""[{"site.north": 0, "site.south": 1, "site.west": 0, "load": 2, "load:missing": 0}]"""));
        Assert.Contains("'site' of condition 1 is \"east\", which training has not seen. It knows \"north\", \"south\", \"west\".",
            Assert.Throws<RequestException>(() => read("""
                [{"load": 2, "load:missing": 0, "site": "south"}, {"load": 2, "load:missing": 0, "site": "east"}]
                """)).Message, StringComparison.Ordinal);
        Assert.Contains("'load' of condition 0 is missing, and the flow has learned nothing of missing ones: give a number; the one that "
            + "training put in the place of missing ones, with \"load:missing\": 1, says that it is missing.",
            Assert.Throws<RequestException>(() => read("""[{"load": null, "site": "south"}]""")).Message, StringComparison.Ordinal);
        foreach ((string body, string message) in new[]
        {
            ("""[{"site": "south"}]""", "Condition 0 has no 'load'; null says that a value is missing."),
            ("""[{"site": "south", "load": "much"}]""", "'load' of condition 0 is the text \"much\", expected a number"),
            ("[[0, 1]]", "Condition 0 has 2 values, expected 5: 5 of Condition."),
            ("[1]", "Condition 0 is neither an object nor a list of values."),
        })
        {
            Assert.Contains(message, Assert.Throws<RequestException>(() => read(body)).Message, StringComparison.Ordinal);
        }
        Assert.Contains("'load' of condition 1 is beyond the numbers of single precision", Assert.Throws<RequestException>(
            () => read("[[0, 1, 0, 2, 0], [0, 1, 0, 1e300, 0]]")).Message, StringComparison.Ordinal);
        Assert.Equal("""[{"site": "north", "load": ...}]""", ConditionRows.Form(condition, groups));
    }

    /// <summary>A number that was never missing needs no flag that says so.</summary>
    [Fact]
    public void A_condition_of_numbers_that_may_be_missing_needs_no_flags()
    {
        string[] names = ["load", "load:missing", "hour"];
        var condition = new FlowCondition([0, 0, 0], [1, 1, 1], names: [.. names]);
        float[][] read(string body)
        {
            var json = new Utf8JsonReader(Encoding.UTF8.GetBytes(body));
            json.Read();
            return ConditionRows.Read(ref json, condition, [.. FeatureGroup.Of(names, [], ["load"])], 10);
        }
        float[][] expected = [[2, 0, 9], [3, 1, 10], [4, 0, 11]];
        Assert.Equal(expected, read("""
            [{"load": 2, "hour": 9}, {"hour": 10, "load:missing": 1, "load": 3}, {"load": 4, "load:missing": false, "hour": 11}]
            """));
        Assert.Equal(expected, read("[[2, 0, 9], [3, 1, 10], [4, 0, 11]]"));
    }

    /// <summary>As in rows to score: a number that stands for a missing one is answered as null is.</summary>
    [Fact]
    public async Task A_code_of_a_condition_is_missing_where_rows_are_drawn()
    {
        await using RunningService service = await RunningService.Start(folder =>
        {
            File.WriteAllLines(folder.File("rows.csv"), ["a,c", .. Enumerable.Range(0, 80)
                .Select(i => FormattableString.Invariant($"{i % 9 + 0.1 * (i % 4)},{(i % 8 == 0 ? -999 : i % 9)}"))]);
            ToolRun.Good(["train", folder.File("rows.csv"), "-o", folder.File("coded.zip"), "--condition", "c", "--na", "-999",
                .. TrainedPlant.Quick]);
            File.Delete(folder.File("rows.csv"));
        });
        async Task<(HttpStatusCode, string)> drawn(string condition)
        {
            using var body = new StringContent($$"""{"count": 1, "conditions": [{{condition}}]}""", Encoding.UTF8);
            using HttpResponseMessage answer = await service.Client.PostAsync(new Uri("models/coded/sample", UriKind.Relative), body,
                TestContext.Current.CancellationToken);
            return (answer.StatusCode, await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
        }
        Assert.Equal(HttpStatusCode.OK, (await drawn("""{"c": 3}""")).Item1);
        (HttpStatusCode status, string said) = await drawn("""{"c": null}""");
        Assert.Equal(HttpStatusCode.BadRequest, status);
        Assert.Contains("'c' of condition 0 is missing", said, StringComparison.Ordinal);
        Assert.Equal((status, said), await drawn("""{"c": -999}"""));
        Assert.Equal((status, said), await drawn("[-999]"));
    }

    [Fact]
    public async Task A_category_of_a_drawn_row_is_the_likeliest_of_its_texts()
    {
        var ml = new MLContext();
        ITransformer model = ml.Model.Load(Service.File("categories.zip"), out _);
        using var owned = (IDisposable)model;
        string[] kinds = ["press", "fan", "pump"];
        float[][] expected = model.FindRealNvp().SampleRows(60, seed: 2, temperature: 8); // wide enough for several
        JsonElement answer = await Service.Post("models/categories/sample", new { count = 60, seed = 2, temperature = 8 });
        JsonElement[] drawn = [.. answer.GetProperty("rows").EnumerateArray()];
        Assert.All(drawn, row => Assert.Equal(["Pressure", "Age", "Kind"], row.EnumerateObject().Select(value => value.Name)));
        Assert.Equal(expected.Select(row => (row[0], row[1])),
            drawn.Select(row => (row.GetProperty("Pressure").GetSingle(), row.GetProperty("Age").GetSingle())));
        Assert.Equal(expected.Select(row => kinds[row[2..].Index().MaxBy(value => value.Item).Index]),
            drawn.Select(row => row.GetProperty("Kind").GetString()));
        Assert.True(drawn.DistinctBy(row => row.GetProperty("Kind").GetString()).Count() > 1);
    }

    [Fact]
    public async Task A_category_that_is_the_only_feature_column_is_a_text_too()
    {
        var ml = new MLContext();
        ITransformer model = ml.Model.Load(Service.File("alone.zip"), out _);
        using var owned = (IDisposable)model;
        string[] kinds = ["press", "fan", "pump"];
        float[][] expected = model.FindRealNvp().SampleRows(60, seed: 2, temperature: 8);
        JsonElement answer = await Service.Post("models/alone/sample", new { count = 60, seed = 2, temperature = 8 });
        JsonElement[] drawn = [.. answer.GetProperty("rows").EnumerateArray()];
        Assert.All(drawn, row => Assert.Equal("Kind", Assert.Single(row.EnumerateObject()).Name));
        string?[] texts = [.. drawn.Select(row => row.GetProperty("Kind").GetString())];
        Assert.Equal(expected.Select(row => kinds[row.Index().MaxBy(value => value.Item).Index]), texts);
        Assert.True(texts.Distinct().Count() > 1);
        await Service.Post("models/alone/score", new { rows = texts.Select(kind => new { Kind = kind }) }); // what is drawn can be scored
    }

    [Fact]
    public async Task Models_are_described_and_their_rows_are_counted()
    {
        JsonElement list = (await Service.Get("models")).GetProperty("models");
        Assert.Equal(["alone", "categories", "condition-3", "mixture-1", "pipeline-2", "plain", "regression-1"],
            list.EnumerateArray().Select(model => model.GetProperty("name").GetString()));
        long before = (await Service.Get("models/mixture-1")).GetProperty("rows").GetInt64();
        float[][] rows = [.. Tables.Gaussian(1_000, 4, seed: 3).Select(row => row.Select(value => 100 * value).ToArray())];
        JsonElement answer = await Service.Post("models/mixture-1/score", rows);
        JsonElement model = await Service.Get("models/mixture-1");
        Assert.Equal(before + 1_000, model.GetProperty("rows").GetInt64());
        Assert.InRange(answer.GetProperty("rows").EnumerateArray().Count(row => row.GetProperty("PredictedLabel").GetBoolean()),
            900, 1_000);
        Assert.InRange(model.GetProperty("flaggedShare").GetDouble(), 0.9, 1); // rows a hundred times as large are none of its kind
        Assert.True(model.GetProperty("drifted").GetBoolean());
        Assert.True(model.GetProperty("driftDistance").GetDouble() > 0.8);
        Assert.False((await Service.Get("models/categories")).GetProperty("drifted").GetBoolean());
    }

    /// <summary>The numbers of a row, which is a list, or an object where features have names.</summary>
    private static IEnumerable<float> Numbers(JsonElement row) => row.ValueKind == JsonValueKind.Array
        ? row.EnumerateArray().Select(value => value.GetSingle()) : row.EnumerateObject().Select(value => value.Value.GetSingle());

    [Theory]
    [InlineData("""[{"Kind": "\ud800", "Pressure": 1, "Age": 1}]""", "a text that is no Unicode")]
    [InlineData("""[{"Kind": "fan", "Pressure": 1, "Age": 1, "\udc00": 1}]""", "a text that is no Unicode")]
    [InlineData("""[{"Kind": "fan", "Pressure": 1, "Age": null}]""", "'Age' of row 0 is missing, expected a whole number from -2147483648")]
    [InlineData("""[["fan", 1, 1], ["fan", 1, 1.5]]""", "'Age' of row 1 is 1.5, expected a whole number")]
    [InlineData("""[["fan", 1, 1e10]]""", "'Age' of row 0 is 10000000000, expected a whole number")]
    [InlineData("""[["fan", 1, 1e999]]""", "'Age' of row 0 is Infinity, expected a whole number")]
    public async Task Values_that_a_column_cannot_hold_are_refused_rather_than_changed(string rows, string message)
    {
        (int status, JsonElement answer) = await Service.TryPost("models/categories/score", rows);
        Assert.Contains(message, answer.GetProperty("error").GetString(), StringComparison.Ordinal);
        Assert.Equal(400, status);
    }

    [Fact]
    public async Task Fields_are_found_in_any_order_beside_others()
    {
        JsonElement expected = await Service.Post("models/plain/score", "[[1, 2, 3, 4]]");
        JsonElement answer = await Service.Post("models/plain/score",
            """[{"x": {"y": [1]}, "feature 3": 4, "feature 1": 2, "": 0, "feature 2": 3, "\u0066eature 0": 1, "feature 00": 9}]""");
        Assert.Equal(expected.GetProperty("rows").GetRawText(), answer.GetProperty("rows").GetRawText());
    }

    [Theory]
    [InlineData("score", "3", 400, "The body has no rows. Expected: {\"rows\": [")]
    [InlineData("score", """{"rows": 3}""", 400, "The rows are no list")]
    [InlineData("score", "[3]", 400, "Row 0 is neither an object nor a list")]
    [InlineData("score", "[[1, 2, 3, 4], [1, 2, 3]]", 400, "Row 1 has 3 values, expected 4: 4 of Features")]
    [InlineData("score", """[{"feature 0": 1, "feature 1": 1, "feature 3": 1}]""", 400,
        "Row 0 has no 'feature 2'; null says that a value is missing")]
    [InlineData("score", """[{"Features": [1, 2]}]""", 400, "'Features' of row 0 is a list of 2 values, expected 4")]
    [InlineData("score", """[{"Features": 1}]""", 400, "'Features' of row 0 is one value, expected 4")]
    [InlineData("score", """[["a", 2, 3, 4]]""", 400, "'Features' of row 0 is the text \"a\", expected a number")]
    [InlineData("score", """{"rows": [], "outputs": ["X"]}""", 400, "The model has no output 'X'. It has: Score")]
    [InlineData("score", "[[1, 2, 3, 4]] x", 400, "The body is not JSON as expected")]
    [InlineData("sample", """{"count": -1}""", 400, "The count is a whole number")]
    [InlineData("sample", """{"number": 1}""", 400, "There is no 'number' to ask for")]
    [InlineData("sample", """{"count": 5001}""", 413, "5001 rows are asked for, at most 5000")]
    [InlineData("sample", """{"conditions": [[1]]}""", 400, "The flow has no condition")]
    [InlineData("nothing", "[]", 404, "There is no /models/plain/nothing here")]
    public async Task Wrong_requests_are_told_what_is_wrong(string what, string body, int status, string message)
    {
        (int found, JsonElement answer) = await Service.TryPost("models/plain/" + what, body);
        Assert.Contains(message, answer.GetProperty("error").GetString(), StringComparison.Ordinal);
        Assert.Equal(status, found);
    }
}
