using System.Globalization;
using System.IO.Compression;
using System.Text;
using System.Text.Json;
using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace RealNvp.ML.Tests.Tool;

/// <summary>The five-line start, on files as people have them.</summary>
public sealed class TrainAndScoreTests(TrainedPlant plant) : IClassFixture<TrainedPlant>
{
    private static readonly string[] s_results = ["Score", "PValue", "PredictedLabel"];

    /// <summary>What the library itself gives for the rows of new.csv, in an application of its own.</summary>
    private AppRow[] Expected => field ??= Library(Plant.Rows(300, seed: 2));

    [Fact]
    public void The_two_commands_of_the_start_run_as_processes()
    {
        ToolRun train = ToolRun.OfProcess(["train", plant.Path("train.csv"), "-o", plant.Path("again.zip"), "--label", "broken",
            .. TrainedPlant.Quick]);
        Assert.True(train.ExitCode == 0, train.Error);
        Assert.Empty(train.Output);
        ToolRun score = ToolRun.OfProcess("score", plant.Path("again.zip"), plant.Path("new.csv"), "--keep", "id");
        Assert.True(score.ExitCode == 0, score.Error);
        Assert.Empty(score.Error);
        Assert.Equal("id,Score,PValue,PredictedLabel", score.Lines[0]);
        AssertScores(score.Lines[1..]);
        Assert.Equal(Plant.Rows(300, seed: 2).Select(row => row.Id), score.Lines[1..].Select(line => line.Split(',')[0]));
    }

    [Fact]
    public void Choices_are_told()
    {
        Assert.Contains("column 'id' is no feature: it is an identifier by its name", plant.Notes, StringComparison.Ordinal);
        Plant[] learned = [.. Plant.Rows(400, seed: 1).Where(row => !row.Broken)];
        Assert.Contains($"column 'comment' is no feature: it has {learned.Length} different texts", plant.Notes, StringComparison.Ordinal);
        Assert.Contains($"{400 - learned.Length} of 400 rows are anomalies by 'broken', and not learned from", plant.Notes,
            StringComparison.Ordinal);
        Assert.Contains("features: temperature, pressure, flow, unit, valve (category)", plant.Notes, StringComparison.Ordinal);
        Assert.Contains($"column 'temperature': {learned.Count(row => float.IsNaN(row.Temperature))} of {learned.Length} cells are missing",
            plant.Notes, StringComparison.Ordinal);
    }

    public static TheoryData<string, char, string, bool, bool, bool> Formats => new()
    {
        { "as written", ',', "\n", false, false, false },
        { "semicolons and CRLF", ';', "\r\n", false, false, false },
        { "tabs and quotes", '\t', "\n", false, true, false },
        { "byte-order mark and bars", '|', "\r\n", true, false, false },
        { "quotes, another order", ',', "\n", true, true, true },
    };

    [Theory]
    [MemberData(nameof(Formats))]
    public void Rows_score_the_same_however_they_are_written(string _, char separator, string newLine, bool mark, bool quotes,
        bool reversed)
    {
        string[] columns = reversed ? [.. Plant.Header.Reverse()] : Plant.Header;
        string csv = Plant.Csv(Plant.Rows(300, seed: 2), separator, newLine, columns: columns, quoteAll: quotes);
        File.WriteAllText(plant.Path("other.csv"), (mark ? "\uFEFF" : "") + csv);
        ToolRun run = ToolRun.Good("score", plant.Model, plant.Path("other.csv"));
        // the input comes out as it was, each row with three cells more
        string added = separator + string.Join(separator, s_results) + newLine;
        string header = string.Join(separator, columns.Select(name => quotes ? $"\"{name}\"" : name));
        Assert.StartsWith(string.Join(separator, columns) + added, run.Output, StringComparison.Ordinal);
        int at = (string.Join(separator, columns) + added).Length, from = header.Length + newLine.Length;
        foreach (AppRow expected in Expected)
        {
            int end = RowEnd(csv, from, newLine);
            string row = csv[from..end] + separator + string.Join(separator, expected.Cells) + newLine;
            Assert.Equal(row, run.Output.Substring(at, row.Length));
            (at, from) = (at + row.Length, end + newLine.Length);
        }
        Assert.Equal(run.Output.Length, at);
    }

    [Fact]
    public void An_application_finds_in_the_columns_what_it_put_there()
    {
        Plant[] rows = Plant.Rows(300, seed: 2);
        Assert.Contains(rows, row => float.IsNaN(row.Temperature)); // filled for the flow alone
        Assert.Equal(rows.Select(row => (row.Temperature, row.Valve)), Expected.Select(row => (row.temperature, row.valve)));
        Assert.All(Expected, row => Assert.True(float.IsFinite(row.Score)));
    }

    [Fact]
    public void Without_a_header_columns_have_numbers()
    {
        File.WriteAllText(plant.Path("bare.csv"), Plant.Csv(Plant.Rows(200, seed: 1), header: false));
        ToolRun train = ToolRun.Good(["train", plant.Path("bare.csv"), "-o", plant.Path("bare.zip"), .. TrainedPlant.Quick]);
        Assert.Contains("features: Column2, Column3, Column4, Column5, Column6 (category), Column8 (category)", train.Error,
            StringComparison.Ordinal);
        ToolRun score = ToolRun.Good("score", plant.Path("bare.zip"), plant.Path("bare.csv"), "--keep", "Column1");
        Assert.Equal(200, score.Lines.Length);
        Assert.StartsWith("P-1-0,", score.Lines[0], StringComparison.Ordinal);
        string error = ToolRun.Bad(1, "score", plant.Model, plant.Path("bare.csv"));
        Assert.Contains("has no columns 'temperature', 'pressure'", error, StringComparison.Ordinal);
        Assert.Contains("--header yes", error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_column_is_judged_by_the_rows_that_are_learned_from_and_dates_are_no_features()
    {
        File.WriteAllText(plant.Path("found.csv"), "day,x,found,cost,fraud\n" + string.Concat(Enumerable.Range(0, 60).Select(i
            => $"2026-{1 + i % 12:D2}-01,{Math.Sin(i)},{(i % 20 == 0 ? $"stolen,{i}" : ",")},{(i % 20 == 0 ? 1 : 0)}\n")));
        string notes = ToolRun.Good(["train", plant.Path("found.csv"), "-o", plant.Path("found.zip"), "--label", "fraud",
            .. TrainedPlant.Quick]).Error;
        Assert.Contains("column 'day' is no feature: its cells are dates", notes, StringComparison.Ordinal);
        Assert.Contains("column 'found' is no feature: all its cells are empty", notes, StringComparison.Ordinal);
        Assert.Contains("column 'cost' is no feature: all its cells are empty", notes, StringComparison.Ordinal);
        Assert.Contains("57 rows; features: x\n", notes, StringComparison.Ordinal);
        // of one column there is no separator to find
        Assert.StartsWith("x,Score,", ToolRun.WithInput("x\n0.5\n", "score", plant.Path("found.zip")).Output, StringComparison.Ordinal);
        Assert.Contains("all 3 rows are anomalies by 'y'", ToolRun.WithInput("x,y\n1,1\n2,1\n3,1\n", "train", "--label", "y", "-o",
            plant.Path("none.zip")).Error, StringComparison.Ordinal);
    }

    /// <summary>As spreadsheets of half the world write them, with a dash where nothing was measured.</summary>
    [Fact]
    public void Decimal_commas_and_words_for_missing_cells_score_as_points_and_empty_cells()
    {
        string model = plant.Path("comma.zip"), there = plant.Path("comma.csv"), here = plant.Path("point.csv");
        string[] rows = Plant.Csv(Plant.Rows(300, seed: 5), separator: ';', columns: ["temperature", "pressure", "flow", "valve"])
            .Split('\n', StringSplitOptions.RemoveEmptyEntries);
        File.WriteAllLines(here, rows);
        File.WriteAllLines(there, rows.Select(row => string.Join(';', row.Split(';').Select((cell, i)
            => i == 3 ? cell : cell.Length == 0 ? " -" : cell.Replace('.', ',')))));
        string[] written = ["--decimal", "comma", "--na", "-,n.a."];
        string notes = ToolRun.Good(["train", there, "-o", model, .. written, .. TrainedPlant.Quick]).Error;
        Assert.DoesNotContain("warning: column", notes, StringComparison.Ordinal);
        Assert.Contains("features: temperature, pressure, flow, valve (category)", notes, StringComparison.Ordinal);
        string scores = ToolRun.Good("score", model, here, "--keep", "none").Output;
        Assert.Equal(scores, ToolRun.Good(["score", model, there, "--keep", "none", .. written]).Output);
        Assert.Contains("--decimal comma reads decimal commas", ToolRun.Bad(1, "score", model, there), StringComparison.Ordinal);
        Assert.Contains("'1.234,5' is not a number", ToolRun.WithInput("temperature;pressure;flow;valve\n1.234,5;2;3;half\n", "score",
            model, "--decimal", "comma").Error, StringComparison.Ordinal);
        Assert.Contains("'-' is not a number; --na '-' says that it is missing", ToolRun.WithInput(
            "temperature;pressure;flow;valve\n-;2;3;half\n", "score", model).Error, StringComparison.Ordinal);
    }

    /// <summary>The model knows them in rows to score too, and in every format.</summary>
    [Theory]
    [InlineData("mean")]
    [InlineData("flag")]
    public void Numbers_that_stand_for_missing_cells_score_as_empty_cells(string missing)
    {
        string[] rows = Plant.Csv(Plant.Rows(300, seed: 5), columns: ["temperature", "pressure", "flow", "valve"])
            .Split('\n', StringSplitOptions.RemoveEmptyEntries);
        string empty = plant.Path("empty.csv"), coded = plant.Path("coded.csv"), model = plant.Path("coded.zip");
        File.WriteAllLines(empty, rows);
        File.WriteAllLines(coded, rows.Select((row, i) => row.StartsWith(',') ? (i % 2 == 0 ? "-999" : "-999.0") + row : row));
        Assert.Contains("\n-999,", File.ReadAllText(coded), StringComparison.Ordinal);
        string scores(string name, string rows) => ToolRun.Good("score", plant.Path(name), rows, "--keep", "none").Output;
        ToolRun.Good(["train", empty, "-o", plant.Path("empty.zip"), "--missing", missing, .. TrainedPlant.Quick]);
        string notes = ToolRun.Good(["train", coded, "-o", model, "--na", "-999,n.a.", "--missing", missing, .. TrainedPlant.Quick]).Error;
        Assert.Contains($"column 'temperature': {rows.Count(row => row.StartsWith(','))} of 300 cells are missing", notes,
            StringComparison.Ordinal);
        Assert.Equal(scores("empty.zip", empty), scores("coded.zip", coded));
        Assert.Equal(scores("empty.zip", empty), scores("coded.zip", empty));
        Assert.NotEqual(scores("empty.zip", empty), scores("empty.zip", coded));
        Assert.Equal(scores("empty.zip", empty), ToolRun.Good("score", plant.Path("empty.zip"), coded, "--keep", "none", "--na",
            "-999").Output);
        // an application, the service and the graph of the pipeline know them too
        var ml = new MLContext();
        ITransformer loaded = ml.Model.Load(model, out DataViewSchema inputs);
        using var disposed = loaded as IDisposable;
        Assert.Equal(["temperature", "pressure", "flow", "valve"], inputs.Select(column => column.Name));
        Reading[] readings = [new(-999, 2, 3), new(float.NaN, 2, 3), new(70, 2, 3)];
        IDataView scored = loaded.Transform(ml.Data.LoadFromEnumerable(readings));
        float[] score = [.. scored.GetColumn<float>("Score")];
        Assert.Equal(score[0], score[1]);
        Assert.NotEqual(score[0], score[2]);
        Assert.Equal(readings.Select(reading => reading.temperature), scored.GetColumn<float>("temperature"));

        string graphs = plant.Path("coded-graphs");
        ToolRun.Good("export", model, "-o", graphs, "--check", coded);
        using var quiet = new SessionOptions { LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR };
        using var session = new InferenceSession(Path.Combine(graphs, "pipeline.onnx"), quiet);
        using var results = session.Run([Numbers("temperature", reading => reading.temperature),
            Numbers("pressure", reading => reading.pressure), Numbers("flow", reading => reading.flow),
            NamedOnnxValue.CreateFromTensor("valve", new DenseTensor<string>(readings.Select(_ => "half").ToArray(), [3, 1]))],
            ["Score.output"]);
        Assert.Equal(score, results[0].AsEnumerable<float>());

        NamedOnnxValue Numbers(string name, Func<Reading, float> value) => NamedOnnxValue.CreateFromTensor(name,
            new DenseTensor<float>(readings.Select(value).ToArray(), [3, 1]));
    }

    [Fact]
    public void Rows_with_a_code_get_no_score_where_missing_cells_are_skipped()
    {
        string data = plant.Path("skipped.csv"), model = plant.Path("skipped.zip");
        File.WriteAllLines(data, ["x,y", .. Enumerable.Range(0, 60).Select(i => $"{(i % 10 == 0 ? -999 : i)},{i % 7}")]);
        ToolRun.Good(["train", data, "-o", model, "--na", "-999", "--missing", "skip", .. TrainedPlant.Quick]);
        Assert.Equal(["NaN", "NaN"], ToolRun.WithInput("x,y\n-999,3\n,3\n5,3\n", "score", model, "--keep", "none").Lines[1..3]
            .Select(line => line.Split(',')[0] is "" ? "NaN" : line.Split(',')[0]));
    }

    [Fact]
    public void Columns_that_are_called_as_copies_and_flags_are_their_own_or_refused()
    {
        string data = plant.Path("names.csv"), model = plant.Path("names.zip");
        File.WriteAllLines(data, ["x,given:x,y", .. Enumerable.Range(0, 60).Select(i => $"{(i % 10 == 0 ? -999 : i)},{i % 4},{i % 7}")]);
        ToolRun.Good(["train", data, "-o", model, "--na", "-999", .. TrainedPlant.Quick]);
        string[] scores = [.. new[] { 1, 12345 }.Select(other
            => ToolRun.WithInput($"x,given:x,y\n5,{other},3\n", "score", model, "--keep", "none").Lines[1])];
        Assert.NotEqual(scores[0], scores[1]);

        File.WriteAllText(data, File.ReadAllText(data).Replace("given:x", "x:missing", StringComparison.Ordinal));
        Assert.Contains("'x:missing' bears the name of the feature that says whether 'x' is missing", ToolRun.Bad(1, "train", data, "-o",
            model, "--na", "-999", "--missing", "flag"), StringComparison.Ordinal);
        Assert.Contains("--na 'inf'", ToolRun.Bad(2, "train", data, "--na", "inf"), StringComparison.Ordinal);
    }

    [Fact]
    public void Cells_that_all_are_codes_are_told_and_a_damaged_step_says_what_it_is()
    {
        string data = plant.Path("told.csv"), model = plant.Path("told.zip");
        File.WriteAllLines(data, ["x,y", .. Enumerable.Range(0, 60).Select(i => $"{(i % 10 == 0 ? -999 : i)},{i % 7}")]);
        ToolRun.Good(["train", data, "-o", model, "--na", "-999", .. TrainedPlant.Quick]);
        Assert.Contains("all cells of the column 'x' are missing", ToolRun.WithInput("x,y\n-999,3\n,4\n", "score", model).Error,
            StringComparison.Ordinal);

        using (ZipArchive zip = ZipFile.Open(model, ZipArchiveMode.Update))
        {
            ZipArchiveEntry step = zip.Entries.First(entry => Holds(entry, "RealNvpMissingCodes"));
            string name = step.FullName;
            using var content = new MemoryStream();
            using (Stream old = step.Open())
                old.CopyTo(content);
            step.Delete();
            byte[] bytes = content.ToArray();
            bytes[bytes.AsSpan().IndexOf(BitConverter.GetBytes(-999f))] ^= 1;
            using Stream damaged = zip.CreateEntry(name).Open();
            damaged.Write(bytes);
        }
        string error = ToolRun.Bad(1, "info", model);
        Assert.Contains("The entry of RealNvpMissingCodes in the saved model is damaged", error, StringComparison.Ordinal);
        Assert.DoesNotContain("TargetInvocation", error, StringComparison.Ordinal);

        static bool Holds(ZipArchiveEntry entry, string text)
        {
            using var bytes = new MemoryStream();
            using (Stream content = entry.Open())
                content.CopyTo(bytes);
            return bytes.ToArray().AsSpan().IndexOf(Encoding.UTF8.GetBytes(text)) >= 0;
        }
    }

    /// <summary>Twenty readings of each of forty devices, which differ more from each other than readings of one.</summary>
    [Fact]
    public void Rows_of_a_group_stand_in_one_slice()
    {
        string data = plant.Path("devices.csv"), model = plant.Path("devices.zip"), alone = plant.Path("alone.zip");
        var random = new Random(1);
        File.WriteAllLines(data, ["device,x,y", .. Enumerable.Range(0, 800).Select(i => FormattableString.Invariant(
            $"\"d, {i / 20}\",{i / 20},{i / 20 % 7 + 0.01 * random.NextDouble():F4}"))]);
        ToolRun grouped = ToolRun.Good(["train", data, "-o", model, "--group", "device", .. TrainedPlant.Quick]);
        Assert.Contains("features: x, y\n", grouped.Error, StringComparison.Ordinal);
        ToolRun.Good(["train", data, "-o", alone, "--ignore", "device", .. TrainedPlant.Quick]);
        Assert.Equal(80, CalibrationRows(alone));
        Assert.InRange(CalibrationRows(model), 2, 10); // one row of each of a tenth of the devices, or of as many as are needed
        // the model reads no device
        Assert.Contains("reads: x, y\n", ToolRun.Good("info", model).Output, StringComparison.Ordinal);
        Assert.Equal(2, ToolRun.WithInput("y,x\n3,3\n", "score", model, "--keep", "none").Lines.Length);

        // and its name is never that of what the pipeline makes beside the features
        File.WriteAllText(data, File.ReadAllText(data).Replace("device,x,y", "Features,x,y", StringComparison.Ordinal));
        ToolRun.Good(["train", data, "-o", alone, "--group", "Features", .. TrainedPlant.Quick]);
        Assert.Equal(CalibrationRows(model), CalibrationRows(alone));
        File.WriteAllText(data, File.ReadAllText(data).Replace("Features,x,y", "given:x,x,y", StringComparison.Ordinal));
        ToolRun.Good(["train", data, "-o", alone, "--group", "given:x", .. TrainedPlant.Quick]);
        Assert.Equal(CalibrationRows(model), CalibrationRows(alone));
        File.WriteAllText(data, File.ReadAllText(data).Replace("given:x,x,y", "device,x,y", StringComparison.Ordinal));

        Assert.Contains("'device' cannot be the group and an input of the flow at once", ToolRun.Bad(2, "train", data, "--group", "device",
            "--categories", "device"), StringComparison.Ordinal);
        Assert.Contains("'device' cannot be the label and the group at once", ToolRun.Bad(2, "train", data, "--group", "device",
            "--label", "device"), StringComparison.Ordinal);
        Assert.Contains("'none'", ToolRun.Bad(1, "train", data, "--group", "none"), StringComparison.Ordinal);

        static int CalibrationRows(string model) => JsonDocument.Parse(ToolRun.Good("info", model, "--json").Output).RootElement
            .GetProperty("calibrationRows").GetInt32();
    }

    private sealed record Reading(float temperature, float pressure, float flow)
    {
        public string valve => "half";
    }

    [Fact]
    public void A_share_that_too_few_rows_can_tell_flags_nothing_and_says_so()
    {
        string[] command = ["score", plant.Model, plant.Path("new.csv"), "--keep", "none"];
        int rows = JsonDocument.Parse(ToolRun.Good("info", plant.Model, "--json").Output).RootElement.GetProperty("calibrationRows")
            .GetInt32();
        // n rows tell 1 / (n + 1), and no less
        string least = (1.0 / (rows + 1)).ToString(CultureInfo.InvariantCulture);
        Assert.Empty(ToolRun.Good([.. command, "--contamination", least]).Error);
        ToolRun few = ToolRun.Good([.. command, "--contamination", "0.001"]);
        Assert.Contains($"warning: Nothing will be flagged: {rows} calibration rows are too few for a contamination of 0.001, which needs "
            + "999. ", few.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("true", few.Output, StringComparison.Ordinal);
        Assert.Empty(ToolRun.Good([.. command, "--contamination", "0"]).Error); // nothing is to be flagged
        foreach (string verb in new[] { "evaluate", "explain" })
        {
            Assert.Contains("Nothing will be flagged", ToolRun.Good(verb, plant.Model, plant.Path("new.csv"), "--contamination",
                "0.001").Error, StringComparison.Ordinal);
        }
        string[] flagged = ToolRun.Good([.. command, "--threshold", "5"]).Lines[1..];
        Assert.Equal(flagged.Count(line => line.EndsWith("true", StringComparison.Ordinal)), ToolRun.Good("explain", plant.Model,
            plant.Path("new.csv"), "--keep", "none", "--threshold", "5", "--flagged").Lines.Length - 1);
        Assert.Equal(flagged.Average(line => line.EndsWith("true", StringComparison.Ordinal) ? 1.0 : 0), JsonDocument.Parse(
            ToolRun.Good("evaluate", plant.Model, plant.Path("new.csv"), "--threshold", "5", "--json").Output).RootElement
                .GetProperty("flagged").GetDouble(), 9);
    }

    [Fact]
    public void A_filter_reads_standard_input()
    {
        string csv = File.ReadAllText(plant.Path("new.csv"));
        ToolRun run = ToolRun.WithInput(csv, "score", plant.Model, "--keep", "none");
        Assert.True(run.ExitCode == 0, run.Error);
        AssertScores(run.Lines[1..]);
        // training reads its rows more than once
        ToolRun train = ToolRun.WithInput(File.ReadAllText(plant.Path("train.csv")),
            ["train", "-", "-o", plant.Path("piped.zip"), "--label", "broken", .. TrainedPlant.Quick]);
        Assert.True(train.ExitCode == 0, train.Error);
        Assert.Equal(run.Output, ToolRun.WithInput(csv, "score", plant.Path("piped.zip"), "--keep", "none").Output);
    }

    [Fact]
    public void A_filter_answers_line_by_line_where_it_is_to()
    {
        using var process = ToolRun.Start("score", plant.Model, "--block", "1", "--keep", "id");
        Plant[] rows = Plant.Rows(300, seed: 2);
        string[] lines = Plant.Csv(rows.Select(row => row with { Comment = "" })).Split('\n');
        process.StandardInput.Write($"{lines[0]}\n");
        for (int i = 0; i < 3; i++)
        {
            process.StandardInput.Write($"{lines[i + 1]}\n");
            process.StandardInput.Flush();
            if (i == 0)
                Assert.StartsWith("id,", Answer(), StringComparison.Ordinal);
            Assert.Equal($"{rows[i].Id},{string.Join(',', Expected[i].Cells[..1])}", string.Join(',', Answer().Split(',')[..2]));
        }
        process.StandardInput.Close();
        Assert.True(process.WaitForExit(60_000));
        Assert.Equal(0, process.ExitCode);

        string Answer()
        {
            Task<string?> line = process.StandardOutput.ReadLineAsync();
            Assert.True(line.Wait(60_000), "no answer within a minute");
            return line.Result ?? "";
        }
    }

    [Fact]
    public void Labelled_anomalies_are_not_learned_from()
    {
        File.WriteAllText(plant.Path("sound.csv"), Plant.Csv(Plant.Rows(400, seed: 1).Where(row => !row.Broken)));
        ToolRun.Good(["train", plant.Path("sound.csv"), "-o", plant.Path("sound.zip"), "--ignore", "broken", .. TrainedPlant.Quick]);
        Assert.Equal(ToolRun.Good("score", plant.Model, plant.Path("new.csv")).Output,
            ToolRun.Good("score", plant.Path("sound.zip"), plant.Path("new.csv")).Output);
    }

    [Fact]
    public void The_threshold_can_be_another()
    {
        string[] p = Column("--contamination", "0.3", "PValue", "PredictedLabel");
        Assert.All(p, row => Assert.Equal(float.Parse(row.Split(',')[0], CultureInfo.InvariantCulture) <= 0.3f,
            row.EndsWith("true", StringComparison.Ordinal)));
        string[] t = Column("--threshold", "5", "Score", "PredictedLabel");
        Assert.All(t, row => Assert.Equal(float.Parse(row.Split(',')[0], CultureInfo.InvariantCulture) > 5,
            row.EndsWith("true", StringComparison.Ordinal)));
        Assert.Contains("give one", ToolRun.Bad(2, "score", plant.Model, plant.Path("new.csv"), "--threshold", "1", "--contamination",
            "0.1"),
            StringComparison.Ordinal);

        string[] Column(string option, string value, string first, string second)
            => ToolRun.Good("score", plant.Model, plant.Path("new.csv"),
            "--keep", "none", "--add", $"{first},{second}", option, value).Lines[1..];
    }

    [Fact]
    public void Missing_cells_are_filled_flagged_or_left()
    {
        string[] gaps = Scores("mean"), flags = Scores("flag"), skipped = Scores("skip");
        bool[] missing = [.. Plant.Rows(300, seed: 2).Select(row => float.IsNaN(row.Temperature))];
        Assert.DoesNotContain("NaN", gaps);
        Assert.DoesNotContain("NaN", flags);
        Assert.Equal(missing, skipped.Select(score => score == "NaN"));
        Assert.NotEqual(gaps, flags);
        ToolRun info = ToolRun.Good("info", plant.Path("flag.zip"), "--json");
        Assert.Contains("\"temperature:missing\"", info.Output, StringComparison.Ordinal);
        // what is drawn can be scored: it has the columns of the training rows
        ToolRun drawn = ToolRun.Good("sample", plant.Path("flag.zip"), "-n", "20");
        Assert.Equal("temperature,pressure,flow,unit,valve", drawn.Lines[0]);
        Assert.Equal(21, ToolRun.WithInput(drawn.Output, "score", plant.Path("flag.zip")).Lines.Length);

        string[] Scores(string missing)
        {
            ToolRun.Good(["train", plant.Path("train.csv"), "-o", plant.Path(missing + ".zip"), "--label", "broken", "--missing", missing,
                .. TrainedPlant.Quick]);
            return ToolRun.Good("score", plant.Path(missing + ".zip"), plant.Path("new.csv"), "--keep", "none", "--add",
                "Score").Lines[1..];
        }
    }

    private AppRow[] Library(Plant[] rows)
    {
        var mlContext = new MLContext();
        ITransformer model = mlContext.Model.Load(plant.Model, out DataViewSchema schema);
        Assert.Equal(["temperature", "pressure", "flow", "unit", "valve"], schema.Select(column => column.Name));
        IDataView data = mlContext.Data.LoadFromEnumerable(rows.Select(row => new AppInput
        {
            temperature = row.Temperature, pressure = row.Pressure, flow = row.Flow, unit = 7, valve = row.Valve,
        }));
        AppRow[] scored = [.. mlContext.Data.CreateEnumerable<AppRow>(model.Transform(data), reuseRowObject: false)];
        (model as IDisposable)?.Dispose();
        return scored;
    }

    private void AssertScores(string[] lines)
        => Assert.Equal(Expected.Select(row => string.Join(',', row.Cells)), lines.Select(line => string.Join(',', line.Split(',')[^3..])));

    /// <summary>Where a row ends whose quoted cells may hold ends of lines.</summary>
    private static int RowEnd(string csv, int from, string newLine)
    {
        bool isQuoted = false;
        for (int i = from; ; i++)
        {
            isQuoted ^= csv[i] == '"';
            if (!isQuoted && csv.AsSpan(i).StartsWith(newLine))
                return i;
        }
    }

    private class AppInput
    {
        public float temperature { get; set; }
        public float pressure { get; set; }
        public float flow { get; set; }
        public float unit { get; set; }
        public string valve { get; set; } = "";
    }

    private sealed class AppRow : AppInput
    {
        public float Score { get; set; }
        public float PValue { get; set; }
        public bool PredictedLabel { get; set; }

        public string[] Cells
            => [Score.ToString(CultureInfo.InvariantCulture), PValue.ToString(CultureInfo.InvariantCulture), PredictedLabel ? "true"
                : "false"];
    }
}
