using System.Globalization;
using System.Text.Json;
using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using RealNvp.ML.Export;
using RealNvp.ML.Tests.Transforms.Images;
using RealNvp.ML.Tests.Transforms.Pipelines;
using RealNvp.ML.Transforms;
using SkiaSharp;

namespace RealNvp.ML.Tests.Tool;

/// <summary>Drawing, evaluating, explaining, exporting, telling; conditions and images.</summary>
public sealed class OtherVerbTests(TrainedPlant plant) : IClassFixture<TrainedPlant>
{
    [Fact]
    public void Drawn_rows_have_the_columns_of_the_training_rows()
    {
        ToolRun run = ToolRun.Good("sample", plant.Model, "-n", "200", "--seed", "3");
        Assert.Equal("temperature,pressure,flow,unit,valve", run.Lines[0]);
        Assert.Equal(200, run.Lines.Length - 1);
        Assert.All(run.Lines[1..], line => Assert.Contains(line.Split(',')[4], new[] { "closed", "half", "open" }));
        Assert.Equal(run.Output, ToolRun.Good("sample", plant.Model, "-n", "200", "--seed", "3").Output);
        Assert.NotEqual(run.Output, ToolRun.Good("sample", plant.Model, "-n", "200", "--seed", "4").Output);

        // the library's own rows, of the categories the likeliest, and of a constant itself
        ITransformer model = new MLContext().Model.Load(plant.Model, out _);
        using RealNvpTransformer flow = model.FindRealNvp();
        string[] names = [.. flow.Model.Metadata.FeatureNames];
        string[] expected = [.. flow.Sample(200, seed: 3).GetColumn<float[]>("Features").Select(row
            => string.Join(',', row[..3].Select(value => value.ToString(CultureInfo.InvariantCulture)))
            + ",7," + names[4 + row[4..].Index().MaxBy(value => value.Item).Index]["valve.".Length..])];
        Assert.Equal(expected, run.Lines[1..]);
    }

    [Fact]
    public void Evaluation_is_that_of_the_scores()
    {
        string data = plant.Path("new.csv");
        (float Score, bool Flagged, bool Broken)[] rows = [.. Plant.Rows(300, seed: 2)
            .Zip(ToolRun.Good("score", plant.Model, data, "--keep", "none").Lines.Skip(1).Select(line => line.Split(',')), (row, cells)
                => (float.Parse(cells[0], CultureInfo.InvariantCulture), cells[2] == "true", row.Broken))];
        JsonElement figures = JsonDocument.Parse(ToolRun.Good("evaluate", plant.Model, data, "--label", "broken",
            "--json").Output).RootElement;
        double figure(string name) => figures.GetProperty(name).GetDouble();
        Assert.Equal(300, figure("rows"));
        AssertMean(figures, rows.Where(row => !row.Broken)); // what was learned
        AssertMean(JsonDocument.Parse(ToolRun.Good("evaluate", plant.Model, data, "--json").Output).RootElement, rows);
        // pairs of a broken and a sound row in which the broken one scores higher
        double pairs = (from broken in rows where broken.Broken from sound in rows where !sound.Broken
            select broken.Score > sound.Score ? 1 : broken.Score == sound.Score ? 0.5 : 0).Average();
        Assert.InRange(pairs, 0.7, 1); // the rows are told at all
        Assert.Equal(pairs, figure("areaUnderRocCurve"), 6);
        Assert.Equal(rows.Where(row => row.Broken).Average(row => row.Flagged ? 1.0 : 0), figure("anomaliesFlagged"), 9);
        Assert.Equal(rows.Where(row => !row.Broken).Average(row => row.Flagged ? 1.0 : 0), figure("othersFlagged"), 9);
        Assert.Equal(rows.Where(row => row.Flagged).Average(row => row.Broken ? 1.0 : 0), figure("precision"), 9);
        // the precision that a threshold at each broken row's score has
        Assert.Equal((from broken in rows where broken.Broken let above = rows.Where(row => row.Score >= broken.Score)
            select above.Average(row => row.Broken ? 1.0 : 0)).Average(), figure("averagePrecision"), 9);
        string told = ToolRun.Good("evaluate", plant.Model, data, "--label", "broken").Output;
        Assert.Contains("area under the ROC curve", told, StringComparison.Ordinal);
        Assert.Contains($"nats ({rows.Count(row => !row.Broken)} rows that are no anomalies)", told, StringComparison.Ordinal);
        Assert.DoesNotContain("E+", told, StringComparison.Ordinal);
        Assert.Contains("--anomaly names others", ToolRun.Bad(1, "evaluate", plant.Model, data, "--label", "broken", "--anomaly", "kaput"),
            StringComparison.Ordinal);
    }

    [Fact]
    public void Reasons_are_the_contributions_of_columns()
    {
        string data = plant.Path("new.csv");
        ToolRun all = ToolRun.Good("explain", plant.Model, data, "--keep", "none", "--all");
        Assert.Equal("Score,PValue,PredictedLabel,nats.temperature,nats.pressure,nats.flow,nats.unit,nats.valve", all.Lines[0]);
        float[][] nats = [.. all.Lines[1..].Select(line => line.Split(',')[3..].Select(cell
            => float.Parse(cell, CultureInfo.InvariantCulture))
            .ToArray())];
        // what all columns add is the score less that of the medians, which is the same for every row
        float[] rest = [.. all.Lines[1..].Zip(nats, (line, row)
            => float.Parse(line.Split(',')[0], CultureInfo.InvariantCulture) - row.Sum())];
        Assert.All(rest, value => Assert.InRange(value, rest[0] - 0.01f, rest[0] + 0.01f));
        string[] names = ["temperature", "pressure", "flow", "unit", "valve"];
        ToolRun top = ToolRun.Good("explain", plant.Model, data, "--keep", "id", "--top", "1");
        Assert.Equal("id,Score,PValue,PredictedLabel,Reason1,Nats1", top.Lines[0]);
        Assert.Equal(nats.Select(row => names[Array.IndexOf(row, row.Max())]), top.Lines[1..].Select(line => line.Split(',')[4]));
        // what adds nothing is no reason
        Assert.Equal(nats.Select(row => Math.Max(1, row.Count(value => value > 1e-3f))), ToolRun.Good("explain", plant.Model, data,
            "--keep", "none", "--top", "5").Lines[1..].Select(line
                => line.Split(',')[3..].Where((_, i) => i % 2 == 0).Count(name => name.Length > 0)));
        // no valve position has half of the rows: the row to compare with has the most frequent one, not none
        ITransformer model = new MLContext().Model.Load(plant.Model, out _);
        using RealNvpTransformer flow = model.FindRealNvp();
        float[] valves = [.. flow.Model.Metadata.FeatureNames.Zip(flow.Model.Metadata.FeatureMedians)
            .Where(feature => feature.First.StartsWith("valve.", StringComparison.Ordinal)).Select(feature => feature.Second)];
        Assert.Equal([0, 0, 1], valves.Order());

        ToolRun flagged = ToolRun.Good("explain", plant.Model, data, "--keep", "id", "--top", "1", "--flagged");
        Assert.Equal(top.Lines.Where(line => line.Split(',')[3] != "false"), flagged.Lines);
    }

    [Fact]
    public void The_reason_of_a_row_without_a_score_is_what_it_lacks()
    {
        string data = plant.Path("lacking.csv"), model = plant.Path("lacking.zip");
        File.WriteAllText(data, "temperature,pressure,flow,unit,valve\n70,2.2,4,7,open\n70,inf,4,7,half\n,2.2,4,7,open\n"
            + ",2.2,-inf,7,open\n");
        ToolRun.Good(["train", plant.Path("train.csv"), "-o", model, "--label", "broken", "--missing", "skip", "--condition", "flow",
            .. TrainedPlant.Quick]);
        string[] lines = ToolRun.Good("explain", plant.Model, data, "--keep", "none").Lines[1..];
        Assert.Equal(["NaN,NaN,false,pressure,,,,,", "NaN,NaN,false,flow,,,,,"], lines.Where(line => line.StartsWith("NaN",
            StringComparison.Ordinal)));
        Assert.Equal(["NaN,NaN,false,pressure,,,,,", "NaN,NaN,false,temperature,,,,,", "NaN,NaN,false,temperature,,flow,,,"],
            ToolRun.Good("explain", model, data, "--keep", "none").Lines[2..]);
        // a reason that there is not is empty, and so are its nats
        Assert.DoesNotContain(ToolRun.Good("explain", plant.Model, plant.Path("new.csv"), "--keep", "none", "--top", "5").Lines,
            line => line.Contains(",,0", StringComparison.Ordinal));
    }

    [Fact]
    public void Graphs_and_the_flow_file_are_exported()
    {
        ToolRun.Good("export", plant.Model, "-o", plant.Path("graphs"));
        FlowModel flow = FlowModel.Load(plant.Path("graphs/flow.rnvp"));
        Assert.Equal(["flow", "pressure", "temperature", "unit", "valve.closed", "valve.half", "valve.open"],
            flow.Metadata.FeatureNames.Order(StringComparer.Ordinal));
        Assert.True(new FileInfo(plant.Path("graphs/density.onnx")).Length > 1000);
        Assert.True(new FileInfo(plant.Path("graphs/sampler.onnx")).Length > 1000);

        ToolRun.Good("export", plant.Model, "-o", plant.Path("plain"), "--no-optional-inputs");
        Assert.Equal([1, 0], new[] { "graphs", "plain" }.Select(folder =>
        {
            using var quiet = new SessionOptions { LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR };
            using var session = new InferenceSession(plant.Path(folder + "/density.onnx"), quiet);
            return session.OverridableInitializerMetadata.Count;
        }));
    }

    [Fact]
    public void Contributions_are_an_output_of_the_density_graph_where_they_are_asked_for()
    {
        string[] Outputs(params string[] options)
        {
            string folder = plant.Path($"contributing{options.Length}");
            ToolRun.Good(["export", plant.Model, "-o", folder, .. options]);
            using var quiet = new SessionOptions { LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR };
            using var session = new InferenceSession(Path.Combine(folder, "density.onnx"), quiet);
            return [.. session.OutputNames];
        }
        Assert.Equal(["Contributions"], Outputs("--contributions").Except(Outputs()));
    }

    /// <summary>Categories and missing cells in the graph: the raw columns go in, as onnxruntime takes them in any language.</summary>
    [Theory]
    [InlineData]
    [InlineData("--missing", "flag", "--condition", "valve")]
    public void A_whole_pipeline_is_one_graph_from_the_raw_columns(params string[] options)
    {
        string model = plant.Model, folder = plant.Path($"whole{options.Length}");
        if (options.Length > 0)
        {
            model = plant.Path("flagged.zip");
            ToolRun.Good(["train", plant.Path("train.csv"), "-o", model, "--label", "broken", .. options, .. TrainedPlant.Quick]);
        }
        Plant[] rows = [.. Plant.Rows(200, seed: 4), new Plant("x", 70, 2.2f, 4, "jammed", "", false)];
        Assert.Contains(rows, row => float.IsNaN(row.Temperature));
        Assert.Contains(rows, row => row.Valve == "");
        string data = plant.Path($"whole{options.Length}.csv");
        File.WriteAllText(data, Plant.Csv(rows));

        string note = ToolRun.Good("export", model, "-o", folder, "--check", plant.Path("new.csv")).Error;
        Assert.StartsWith("pipeline.onnx, density.onnx, sampler.onnx and flow.rnvp are in ", note, StringComparison.Ordinal);

        using var quiet = new SessionOptions { LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR };
        using var session = new InferenceSession(Path.Combine(folder, "pipeline.onnx"), quiet);
        using var results = session.Run([Numbers("temperature", row => row.Temperature), Numbers("pressure", row => row.Pressure),
            Numbers("flow", row => row.Flow), Numbers("unit", _ => 7), NamedOnnxValue.CreateFromTensor("valve",
                new DenseTensor<string>(rows.Select(row => row.Valve).ToArray(), [rows.Length, 1]))]);
        string[][] expected = [.. ToolRun.Good("score", model, data, "--keep", "none").Lines[1..].Select(line => line.Split(','))];
        Assert.Equal(expected.Select(row => float.Parse(row[0], CultureInfo.InvariantCulture)), Of<float>("Score"));
        Assert.Equal(expected.Select(row => float.Parse(row[1], CultureInfo.InvariantCulture)), Of<float>("PValue"));
        Assert.Equal(expected.Select(row => row[2] == "true"), Of<bool>("PredictedLabel"));

        NamedOnnxValue Numbers(string name, Func<Plant, float> value) => NamedOnnxValue.CreateFromTensor(name,
            new DenseTensor<float>(rows.Select(value).ToArray(), [rows.Length, 1]));

        IEnumerable<T> Of<T>(string name) => results.Single(result => result.Name == name + ".output").AsEnumerable<T>();
    }

    [Fact]
    public void Steps_that_have_no_form_in_ONNX_leave_the_flow_alone()
    {
        string model = plant.Path("machines.zip");
        var ml = new MLContext(seed: 1);
        IDataView rows = Machine.Load(ml, 40, seed: 1);
        using (var pipeline = ml.Transforms.Concatenate("Features", "Temperature", "Temperature")
            .Append(ml.Transforms.ApplyRealNvp(Flows.Random(features: 2)))
            .Append(ml.AnomalyDetection.CalibrateByGroup("Kind", contamination: 0.2)).Fit(rows))
            ml.Model.Save(pipeline, rows.Schema, model);
        ToolRun run = ToolRun.Good("export", model, "-o", plant.Path("alone"));
        Assert.Contains("warning: no pipeline.onnx: ConvertToOnnx cannot convert the columns", run.Error, StringComparison.Ordinal);
        Assert.Equal(["density.onnx", "flow.rnvp", "sampler.onnx"],
            Directory.GetFiles(plant.Path("alone")).Select(Path.GetFileName).Order(StringComparer.Ordinal));
    }

    [Theory, InlineData("--contamination", "0.2"), InlineData("--threshold", "5")]
    public void Thresholds_of_groups_are_not_said_to_be_changed(string option, string value)
    {
        string model = plant.Path("groups.zip"), data = plant.Path("groups.csv");
        var ml = new MLContext(seed: 1);
        IDataView rows = Machine.Load(ml, 40, seed: 1);
        using (var pipeline = ml.Transforms.Concatenate("Features", "Temperature", "Temperature")
            .Append(ml.Transforms.ApplyRealNvp(Flows.Random(features: 2)))
            .Append(ml.AnomalyDetection.CalibrateByGroup("Kind", contamination: 0.2)).Fit(rows))
            ml.Model.Save(pipeline, rows.Schema, model);
        File.WriteAllText(data, "Kind,Temperature\npump,20\n");
        foreach (string verb in new[] { "score", "evaluate", "explain" })
        {
            Assert.Contains("a threshold for each group (CalibrateByGroup), which --contamination and --threshold do not change",
                ToolRun.Bad(2, verb, model, data, option, value), StringComparison.Ordinal);
        }
    }

    [Theory, InlineData(false), InlineData(true)]
    public void Rows_that_are_drawn_normalised_are_told_to_be(bool isNormalised)
    {
        string model = plant.Path($"normalised-{isNormalised}.zip");
        var ml = new MLContext(seed: 1);
        IDataView rows = Machine.Load(ml, 40, seed: 1);
        IEstimator<ITransformer> features = ml.Transforms.Concatenate("Features", "Temperature", "Temperature");
        using (var pipeline = (isNormalised ? features.Append(ml.Transforms.NormalizeMinMax("Features")) : features)
            .Append(ml.Transforms.ApplyRealNvp(Flows.Random(features: 2))).Fit(rows))
            ml.Model.Save(pipeline, rows.Schema, model);
        Assert.Equal(isNormalised, ToolRun.Good("sample", model, "-n", "3").Error.Contains("drawn rows are normalised too",
            StringComparison.Ordinal));
    }

    [Fact]
    public void A_model_is_told()
    {
        string text = ToolRun.Good("info", plant.Model).Output;
        Assert.Contains("reads: temperature, pressure, flow, unit, valve (category)", text, StringComparison.Ordinal);
        Assert.Contains("features: 7", text, StringComparison.Ordinal);
        JsonElement json = JsonDocument.Parse(ToolRun.Good("info", plant.Model, "--json").Output).RootElement;
        Assert.Equal(0.05, json.GetProperty("contamination").GetDouble());
        Assert.Equal("text", json.GetProperty("inputs")[4].GetProperty("kind").GetString());

        File.WriteAllText(plant.Path("commas.csv"), "x,kind\n" + string.Concat(Enumerable.Range(0, 60).Select(i
            => $"{i * 0.37},{(i % 2 == 0 ? "\"half, open\"" : "shut")}\n")));
        ToolRun.Good(["train", plant.Path("commas.csv"), "-o", plant.Path("commas.zip"), .. TrainedPlant.Quick]);
        Assert.Contains("  kind: \"half, open\", shut\n", ToolRun.Good("info", plant.Path("commas.zip")).Output,
            StringComparison.Ordinal);
    }

    [Fact]
    public void A_condition_is_given_to_scores_and_draws()
    {
        string model = plant.Path("given.zip");
        ToolRun.Good(["train", plant.Path("train.csv"), "-o", model, "--condition", "valve,unit", "--label", "broken",
            .. TrainedPlant.Quick]);
        ToolRun scored = ToolRun.Good("score", model, plant.Path("new.csv"), "--keep", "none");
        Assert.Equal(301, scored.Lines.Length);
        File.WriteAllText(plant.Path("valves.csv"), "unit;valve\n7;open\n7;closed\n");
        ToolRun drawn = ToolRun.Good("sample", model, "-n", "3", "--given", plant.Path("valves.csv"));
        Assert.Equal("valve,unit,temperature,pressure,flow", drawn.Lines[0]);
        Assert.Equal(["open,7", "open,7", "open,7", "closed,7", "closed,7", "closed,7"],
            drawn.Lines[1..].Select(line => string.Join(',', line.Split(',')[..2])));
        File.WriteAllText(plant.Path("valves.csv"), "unit;valve\n7;ajar\n7;\n7;open\n");
        drawn = ToolRun.Good("sample", model, "-n", "1", "--given", plant.Path("valves.csv"));
        Assert.Equal(["", "", "open"], drawn.Lines[1..].Select(line => line.Split(',')[0])); // not the first of those that it knows
        Assert.Contains("1 of 3 cells of 'valve' is a category that the model does not know, 'ajar'", drawn.Error,
            StringComparison.Ordinal);
        Assert.Contains("--given FILE with the columns valve, unit", ToolRun.Bad(2, "sample", model), StringComparison.Ordinal);
        File.WriteAllText(plant.Path("valves.csv"), "unit\n7\n");
        Assert.Contains("no column 'valve'", ToolRun.Bad(1, "sample", model, "--given", plant.Path("valves.csv")),
            StringComparison.Ordinal);
    }

    [Fact]
    public void A_category_that_is_alone_is_a_category_too()
    {
        string model = plant.Path("alone.zip");
        ToolRun.Good(["train", plant.Path("train.csv"), "-o", model, "--columns", "temperature,flow", "--condition", "valve",
            .. TrainedPlant.Quick]);
        File.WriteAllText(plant.Path("valves.csv"), "valve,place\nopen,1\nhalf,2\n");
        ToolRun drawn = ToolRun.Good("sample", model, "-n", "1", "--given", plant.Path("valves.csv"));
        Assert.Equal("valve,temperature,flow", drawn.Lines[0]);
        Assert.Equal(["open", "half"], drawn.Lines[1..].Select(line => line.Split(',')[0]));
        File.WriteAllText(plant.Path("valves.csv"), "place\n1\n");
        Assert.Contains("no column 'valve'", ToolRun.Bad(1, "sample", model, "--given", plant.Path("valves.csv")),
            StringComparison.Ordinal);
        ToolRun.Good(["train", plant.Path("train.csv"), "-o", model, "--columns", "valve", .. TrainedPlant.Quick]);
        drawn = ToolRun.Good("sample", model, "-n", "20");
        Assert.Equal("valve", drawn.Lines[0]);
        Assert.All(drawn.Lines[1..], valve => Assert.Contains(valve, new[] { "closed", "half", "open" }));
        File.WriteAllText(plant.Path("valves.csv"), string.Join('\n', drawn.Lines));
        ToolRun reasons = ToolRun.Good("explain", model, plant.Path("valves.csv"), "--keep", "none");
        Assert.Equal("Score,PValue,PredictedLabel,Reason1,Nats1", reasons.Lines[0]); // there is one column to give reasons
        Assert.All(reasons.Lines[1..], line => Assert.Equal("valve", line.Split(',')[3]));
    }

    private static void AssertMean(JsonElement figures, IEnumerable<(float Score, bool Flagged, bool Broken)> rows)
    {
        double[] likelihoods = [.. rows.Select(row => -(double)row.Score)];
        double mean = likelihoods.Average();
        Assert.Equal(mean, figures.GetProperty("meanLogLikelihood").GetDouble(), 9);
        Assert.Equal(Math.Sqrt(likelihoods.Sum(value => (value - mean) * (value - mean)) / (likelihoods.Length - 1) / likelihoods.Length),
            figures.GetProperty("standardError").GetDouble(), 9);
    }

    [Fact]
    public void Drawn_cells_are_those_that_a_column_can_have()
    {
        var random = new Random(5);
        File.WriteAllLines(plant.Path("kinds.csv"), Enumerable.Range(0, 400).Select(i => FormattableString.Invariant(
            $"{random.Next(1, 6)},{random.Next(4) / 3},{2 * random.Next(-2, 3) + 1},{0.25 * random.Next(4)},{random.NextSingle()},-3"))
            .Prepend("persons,shared,odd,quarters,load,code"));
        string model = plant.Path("kinds.zip");
        ToolRun trained = ToolRun.Good(["train", plant.Path("kinds.csv"), "-o", model, .. TrainedPlant.Quick]);
        Assert.Contains("column 'code': all cells are -3; another value will stand out (--ignore", trained.Error, StringComparison.Ordinal);
        float[][] rows = [.. ToolRun.Good("sample", model, "-n", "300").Lines[1..].Select(line
            => line.Split(',').Select(cell => float.Parse(cell, CultureInfo.InvariantCulture)).ToArray())];
        Assert.All(rows, row =>
        {
            Assert.True(float.IsInteger(row[0]) && row[1] is 0 or 1 && float.IsOddInteger(row[2]) && row[5] == -3,
                string.Join(", ", row));
            Assert.False(float.IsInteger(row[4]));
        });
        Assert.Equal([2, 3, 4], rows.Select(row => (int)row[0]).Where(persons => persons is >= 2 and <= 4).Distinct().Order());
        Assert.InRange(rows.Average(row => row[1]), 0.1, 0.45); // a quarter of the rows
    }

    [Fact]
    public void Options_and_names_that_would_do_nothing_are_refused()
    {
        using var folder = new TemporaryFolder();
        folder.Image("images/a.png", 8, 8, (_, row, column) => (byte)(row + column));
        string images = Path.Combine(folder.Root, "images");
        foreach (string[] idle in new[] { ["--columns", "a"], ["--label", "a"], ["--missing", "flag"], new[] { "--hidden", "8" } })
        {
            Assert.Contains($"{idle[0]} is for tables, and", ToolRun.Bad(2, ["train", images, "-o", folder.File("m.zip"), .. idle]),
                StringComparison.Ordinal);
        }
        Assert.Contains("--size is for folders of images, and", ToolRun.Bad(2, "train", plant.Path("train.csv"), "-o",
            folder.File("m.zip"), "--size", "8x8"), StringComparison.Ordinal);
        foreach (string name in new[] { "rows.parquet", "rows.png", "rows.gz", "rows.csv.zip" })
        {
            Assert.Contains("let -o end in .csv", ToolRun.Bad(2, "sample", plant.Model, "-o", folder.File(name)),
                StringComparison.Ordinal);
            Assert.False(File.Exists(folder.File(name)));
        }
    }

    [Fact]
    public void Images_are_learned_scored_and_drawn()
    {
        using var folder = new TemporaryFolder();
        for (int i = 0; i < 60; i++)
        {
            int number = i;
            folder.Image($"images/{i:D2}.png", 8, 8, (channel, row, column)
                => (byte)(TemporaryFolder.Noise(channel, row + 99 * number, column) / 2 + 8 * row));
        }
        string images = Path.Combine(folder.Root, "images"), model = folder.File("images.zip");
        ToolRun.Good("train", images, "-o", model, "--size", "8x8", "--grey", "--maps", "2", "--blocks", "1", "--steps", "3", "--threads",
            "1");
        Assert.Contains("--contributions is for tables", ToolRun.Bad(1, "export", model, "-o", folder.File("none"), "--contributions"),
            StringComparison.Ordinal);
        Assert.False(Directory.Exists(folder.File("none")));
        ToolRun scored = ToolRun.Good("score", model, images);
        Assert.Equal("ImagePath,Score,PValue,PredictedLabel", scored.Lines[0]);
        Assert.Equal(Enumerable.Range(0, 60).Select(i => $"{i:D2}.png"),
            scored.Lines[1..].Select(line => Path.GetFileName(line.Split(',')[0])));
        Assert.All(scored.Lines[1..], line => Assert.True(float.IsFinite(float.Parse(line.Split(',')[1], CultureInfo.InvariantCulture))));
        ToolRun.Good("sample", model, "-n", "4", "-o", folder.File("drawn.png"));
        using SKBitmap grid = SKBitmap.Decode(folder.File("drawn.png"));
        Assert.True(grid.Width >= 16 && grid.Height >= 16, $"{grid.Width} x {grid.Height}");
        ToolRun.Good("sample", model, "-n", "3", "-o", folder.File("drawn/"));
        Assert.Equal(3, Directory.GetFiles(Path.Combine(folder.Root, "drawn")).Length);
        Assert.Contains("-o FILE.png", ToolRun.Bad(2, "sample", model), StringComparison.Ordinal);
        Assert.Contains("-o FILE.png", ToolRun.Bad(2, "sample", model, "-o", folder.File("drawn.jpg")), StringComparison.Ordinal);
        Assert.StartsWith("density.onnx, sampler.onnx and flow.rnvp are in ",
            ToolRun.Good("export", model, "-o", folder.File("graphs")).Error, StringComparison.Ordinal);
        Assert.Contains("is for tables", ToolRun.Bad(1, "explain", model, images), StringComparison.Ordinal);
    }
}
