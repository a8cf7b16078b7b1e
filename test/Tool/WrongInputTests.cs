using System.Globalization;
using System.Text;
using System.Text.Json;
using RealNvp.ML.Tests.Eng;
using RealNvp.ML.Tool.Tables;

namespace RealNvp.ML.Tests.Tool;

/// <summary>What is wrong is said in one line that names it, with an exit code to go by.</summary>
public sealed class WrongInputTests(TrainedPlant plant) : IClassFixture<TrainedPlant>
{
    public static TheoryData<string, string, string, int> Tables => new()
    {
        { "", "score", "is empty", 1 },
        { "\n\n", "train", "is empty", 1 },
        { "a,b\n", "train", "has a header and no rows", 1 },
        { "a,b\n1,2\n3\n", "train", "line 3: 1 cell, where the first line has 2", 1 },
        { "a,a\n1,2\n", "train", "names the column 'a' 2 times: give each column a name of its own", 1 },
        // two rows that a quote makes one, and one that swallows the rest
        { "a,b\n1,5\" pipe\n2,6\" pipe\n", "train", "line 2: a quote within a cell that does not begin with one", 1 },
        { "a,b\n1,2\n3,\"4\n5,6\n", "train", "line 3: a quote that nothing closes", 1 },
        { "a,b\n,2\n,3\n", "train --columns a", "all cells of the column 'a' are empty", 1 },
        { "Score,b\n1,2\n2,3\n", "train", "'Score' bears the name of a result", 1 },
        { "a,b\n1,2\n2,3\n", "train --columns c", "has no column 'c'. It has: a, b", 1 },
        { "a,b\n1,2\n2,3\n", "train --label b --columns a,b", "'b' cannot be the label and an input", 2 },
        { "a,b\n1,2\n2,3\n", "train --condition a --columns a", "'a' cannot be a feature and a condition", 2 },
        { "a,b\n1,2\n2,3\n", "train --columns a,b --ignore b", "'b' cannot be ignored, and an input of the flow, at once", 2 },
        { "a,b\n1,2\n2,3\n", "train --condition b --ignore b", "'b' cannot be ignored", 2 },
        { "a,b\n1,2\n2,3\n", "train --columns a --categories b", "--categories names 'b', and --columns and --condition do not", 2 },
        { "id\n1\n2\n", "train", "no column is left to learn from", 1 },
        { "a,b\n1,2\n", "train", "has 1 usable row, expected", 1 },
        { "temperature,pressure,flow,unit\n1,2,3,4\n", "score", "has no column 'valve'", 1 },
        { "temperature,pressure,flow,unit,valve\n1,2,3,4,x\n\n1,2,many,4,x\n", "score",
            "line 4, column 'flow': 'many' is not a number", 1 },
        { "temperature,pressure,flow,unit,valve,flow\n1,2,3,4,x,5\n", "score", "names the column 'flow' 2 times", 1 },
        { "temperature,pressure,flow,unit,valve\n1,2,3,4,x\n", "score --keep what", "has no column 'what'", 1 },
        { "temperature,pressure,flow,unit,valve\n1,2,3,4,x\n", "score --add What", "there is no result 'What'", 2 },
    };

    [Theory]
    [MemberData(nameof(Tables))]
    public void Tables_that_will_not_do(string csv, string command, string message, int exitCode)
    {
        string path = plant.Path("wrong.csv");
        File.WriteAllText(path, csv);
        string[] words = command.Split(' ');
        string output = plant.Path("wrong.out");
        string line = ToolRun.Bad(exitCode, words[0] == "train" ? ["train", path, "-o", output, .. words[1..], .. TrainedPlant.Quick]
            : ["score", plant.Model, path, "-o", output, .. words[1..]]);
        Assert.Contains(message, line, StringComparison.Ordinal);
        // nothing is left of the output, not even a part
        Assert.Empty(Directory.GetFileSystemEntries(Path.GetDirectoryName(output)!, "*wrong.out*"));
    }

    [Fact]
    public void Quotes_that_every_reader_takes_alike_are_taken()
    {
        foreach (string row in new[] { "1,\"a\"\"b,\n\"", "1,5\"x6\"", "1, \"a,b\"", "\"1\",\"\"", "1,a b" })
            Assert.Null(Quotes.Fault(row, ','));
        foreach (string row in new[] { "1,5\" a,b\"", "1,a\"\nb\"", "1,\"a" })
            Assert.NotNull(Quotes.Fault(row, ','));
    }

    [Fact]
    public void Letters_that_are_not_UTF8_are_named_by_an_option_and_come_out_as_they_came_in()
    {
        byte[] rows = Encoding.Latin1.GetBytes("größe,ort\n1.5,Köln\n2.5,Zürich\n1,Köln\n3,Zürich\n2,Köln\n2.25,Köln\n");
        string path = plant.Path("latin.csv"), model = plant.Path("latin.zip"), scored = plant.Path("latin.out");
        File.WriteAllBytes(path, rows);
        Assert.Contains("latin.csv is not UTF-8: it holds the byte 0xF6 where no letter has it. --encoding latin1",
            ToolRun.Bad(1, ["train", path, "-o", model, .. TrainedPlant.Quick]), StringComparison.Ordinal);
        Assert.Contains("features: größe, ort (category)", ToolRun.Good(["train", path, "-o", model, "--encoding", "latin1",
            .. TrainedPlant.Quick]).Error, StringComparison.Ordinal);
        ToolRun run = ToolRun.Good("score", model, path, "--encoding", "windows-1252", "-o", scored);
        Assert.Empty(run.Error);
        Assert.Equal(Encoding.Latin1.GetString(rows).Split('\n')[1..6],
            Encoding.Latin1.GetString(File.ReadAllBytes(scored)).Split('\n')[1..6]
                .Select(line => string.Join(',', line.Split(',')[..2])));
    }

    [Fact]
    public void Columns_that_are_nearly_numbers_and_labels_that_nobody_looked_for_are_told()
    {
        string path = plant.Path("nearly.csv");
        File.WriteAllText(path, "a;b;c;kind\n" + string.Concat(Enumerable.Range(0, 60).Select(i
            => $"{i / 7},{i % 7};{(i == 4 ? "-" : i % 9)};{i * 0.37};{(i % 20 == 0 ? "attack" : "normal")}\n")));
        string[] command = ["train", path, "-o", plant.Path("nearly.zip"), "--label", "kind", .. TrainedPlant.Quick];
        string notes = ToolRun.Good([.. command, "--quiet"]).Error;
        Assert.Contains("warning: column 'a' is no feature, for not all its cells are numbers: '0,0' has a comma", notes,
            StringComparison.Ordinal);
        Assert.Contains("warning: column 'b' is a category, for not all its cells are numbers: '-' is none", notes,
            StringComparison.Ordinal);
        Assert.Contains("warning: no row is left out: 'kind' holds attack, normal, and anomalies are labelled 1, true", notes,
            StringComparison.Ordinal);
        notes = ToolRun.Good([.. command, "--anomaly", "attack", "--categories", "b", "--ignore", "a"]).Error;
        Assert.Contains("3 of 60 rows are anomalies by 'kind', and not learned from", notes, StringComparison.Ordinal);
        Assert.DoesNotContain("not all its cells are numbers", notes, StringComparison.Ordinal);
    }

    [Fact]
    public void Cells_that_the_model_does_not_know_are_told_and_unlabelled_rows_are_no_negatives()
    {
        string path = plant.Path("unknown.csv");
        File.WriteAllText(path, "temperature,pressure,flow,unit,valve,broken\n,2,4,7,open,yes\n,2,4,7,Open,no\n,3,4,7,,\n,2,4,7,ajar,no\n");
        string[] warnings = ToolRun.Good("score", plant.Model, path).Error.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(2, warnings.Length);
        Assert.EndsWith("all cells of the column 'temperature' are missing.", warnings[0], StringComparison.Ordinal);
        Assert.EndsWith("2 of 4 cells of 'valve' are categories that the model does not know, the first is 'Open'.", warnings[1],
            StringComparison.Ordinal);
        ToolRun evaluated = ToolRun.Good("evaluate", plant.Model, path, "--label", "broken", "--json");
        Assert.Contains("\"rowsWithoutLabel\": 1", evaluated.Output, StringComparison.Ordinal);
        Assert.Contains("the first is 'Open'", evaluated.Error, StringComparison.Ordinal);
        float[] scores = [.. ToolRun.Good("score", plant.Model, path, "--keep", "none").Lines[1..]
            .Select(line => float.Parse(line.Split(',')[0], CultureInfo.InvariantCulture))];
        Assert.NotEqual(scores[1], scores[2]);
        Assert.Equal(-((double)scores[1] + scores[3]) / 2, JsonDocument.Parse(evaluated.Output).RootElement
            .GetProperty("meanLogLikelihood").GetDouble(), 9);
        string told = ToolRun.Good("evaluate", plant.Model, path, "--label", "broken").Output;
        Assert.Contains("nats (2 rows that are no anomalies)", told, StringComparison.Ordinal);
        Assert.Contains("1 (1 row without a label left out)", told, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", "Required command was not provided")]
    [InlineData("learn", "'learn'")]
    [InlineData("train --epochs many", "--epochs")]
    [InlineData("train --seed many", "--seed is 'many', expected a number")]
    [InlineData("score model.zip --threshold high", "--threshold is 'high', expected a number")]
    [InlineData("train --epochs 0", "--epochs is '0', expected a number from 1 on")]
    [InlineData("train --contamination 1.5", "--contamination is '1.5', expected a number from 0 to below 1")]
    [InlineData("train --trim 0.7", "--trim is '0.7', expected a number from 0 to below 0.5")]
    [InlineData("train --couplings 1", "--couplings is '1', expected a number from 2 on")]
    [InlineData("train data.csv --epochs 2 --steps 3", "--epochs and --steps both say how long to train")]
    [InlineData("train data.csv --anomaly bad", "--anomaly names labels of the column of --label, which is not given")]
    [InlineData("evaluate model.zip --anomaly bad", "--anomaly names labels of the column of --label")]
    [InlineData("explain model.zip data.csv --all --top 2", "--all tells every column and --top some")]
    [InlineData("train data.csv --lable foo", "There is no option --lable: did you mean --label? `realnvp train --help`")]
    [InlineData("train data.csv --lable=foo", "There is no option --lable: did you mean --label?")]
    [InlineData("score --thresold 5 model.zip data.csv", "There is no option --thresold: did you mean --threshold?")]
    [InlineData("score model.zip -k id data.csv", "There is no option -k. `realnvp score --help`")]
    [InlineData("score model.zip data.csv --zzzzzzz", "There is no option --zzzzzzz. ")]
    [InlineData("info model.zip --jsn", "There is no option --jsn: did you mean --json?")]
    [InlineData("export -o graphs modle.zip --chek x", "There is no option --chek: did you mean --check?")]
    [InlineData("serve model.zip --url x", "There is no option --url: did you mean --urls?")]
    [InlineData("--halp", "There is no option --halp: did you mean --help?")]
    [InlineData("train --missing gone", "gone")]
    [InlineData("train --size 32", "--size is '32', expected height x width")]
    [InlineData("train --device tpu", "--device is 'tpu', expected cpu, cuda or cuda:N")]
    [InlineData("score", "MODEL")]
    [InlineData("score model.zip --shard 5/4", "--shard is '5/4', expected i/n")]
    [InlineData("score model.zip --encoding klingon", "--encoding is 'klingon', expected the name of an encoding")]
    [InlineData("score model.zip --separator ;;", "--separator is ';;', expected one character")]
    public void Command_lines_that_will_not_do(string command, string message)
        => Assert.Contains(message, ToolRun.Bad(2, command.Split(' ', StringSplitOptions.RemoveEmptyEntries)), StringComparison.Ordinal);

    [Fact]
    public void Files_that_are_missing_or_something_else()
    {
        string text = plant.Path("text.zip"), missing = plant.Path("none.csv");
        File.WriteAllText(text, "no zip");
        Assert.Contains($"There is no file or folder {missing}", ToolRun.Bad(1, "train", missing), StringComparison.Ordinal);
        Assert.Contains("There is no model", ToolRun.Bad(1, "score", plant.Path("none.zip"), plant.Path("new.csv")),
            StringComparison.Ordinal);
        Assert.Contains("cannot be loaded as a model", ToolRun.Bad(1, "score", text, plant.Path("new.csv")), StringComparison.Ordinal);
        File.WriteAllText(plant.Path("text.parquet"), "no Parquet");
        Assert.Contains("cannot be read as Parquet", ToolRun.Bad(1, "score", plant.Model, plant.Path("text.parquet")),
            StringComparison.Ordinal);
        Assert.Contains("is the input too", ToolRun.Bad(1, "score", plant.Model, plant.Path("new.csv"), "-o", plant.Path("new.csv")),
            StringComparison.Ordinal);
        Assert.Contains("need a folder", ToolRun.Bad(2, "score", plant.Model, plant.Path("new.csv"), plant.Path("train.csv")),
            StringComparison.Ordinal);
        Assert.Contains("only Parquet is written as Parquet", ToolRun.Bad(2, "score", plant.Model, plant.Path("new.csv"), "-o",
            plant.Path("new.parquet")), StringComparison.Ordinal);
        Assert.Contains("--given is for models of tables with a condition", ToolRun.Bad(2, "sample", plant.Model, "--given",
            plant.Path("new.csv")), StringComparison.Ordinal);
        Assert.Contains("density-1.rnvp is a flow alone: `realnvp serve` and ApplyRealNvp of an application take it",
            ToolRun.Bad(1, "score", Saved("density-1.rnvp"), plant.Path("new.csv")), StringComparison.Ordinal);
        Directory.CreateDirectory(plant.Path("nothing"));
        ToolRun.Bad(1, "train", plant.Path("nothing"));
    }

    /// <summary>Lags leave out the first rows: scores would stand beside other rows.</summary>
    [Fact]
    public void Models_that_look_at_several_rows_are_refused_for_rows_and_told()
    {
        string lags = Saved("lags-2.zip");
        foreach (string[] command in new[] { ["score"], ["explain"], new[] { "evaluate" } })
        {
            Assert.Contains("The step LagsTransformer of the model looks at several rows at once, as lags do, and here each row is taken "
                + "alone", ToolRun.Bad(1, [.. command, lags, plant.Path("new.csv")]), StringComparison.Ordinal);
        }
        Assert.Contains("LagsTransformer", ToolRun.Bad(1, "sample", lags, "--given", plant.Path("new.csv")), StringComparison.Ordinal);
        Assert.Contains("features: ", ToolRun.Good("info", lags).Output, StringComparison.Ordinal);
    }

    /// <summary>A file whose name begins with a dash stands behind two.</summary>
    [Fact]
    public void What_stands_behind_two_dashes_is_no_option()
    {
        Assert.Contains("There is no model --lable", ToolRun.Bad(1, "score", "--", "--lable"), StringComparison.Ordinal);
        Assert.Contains("There is no option --lable", ToolRun.Bad(2, "score", "--lable", "--", "-x"), StringComparison.Ordinal);
        Assert.Contains("--label", ToolRun.Good("train", "--lable", "--help").Output, StringComparison.Ordinal);
    }

    [Fact]
    public void One_row_and_none_are_scored()
    {
        string path = plant.Path("one.csv");
        string[] lines = File.ReadAllText(plant.Path("new.csv")).Split("\nP-");
        File.WriteAllText(path, $"{lines[0]}\nP-{lines[1]}\n");
        ToolRun one = ToolRun.Good("score", plant.Model, path, "--keep", "none");
        Assert.Equal(2, one.Lines.Length);
        File.WriteAllText(path, lines[0]);
        Assert.Equal("Score,PValue,PredictedLabel\n", ToolRun.Good("score", plant.Model, path, "--keep", "none").Output);
    }

    private static string Saved(string name) => Path.Combine(Repository.Root, "test", "SavedModels", name);

    [Fact]
    public void Help_tells_examples_and_exit_codes()
    {
        ToolRun all = ToolRun.OfProcess("--help");
        Assert.Equal((0, ""), (all.ExitCode, all.Error));
        foreach (string word in new[] { "train", "score", "explain", "evaluate", "sample", "export", "info", "Exit codes:" })
            Assert.Contains(word, all.Output, StringComparison.Ordinal);
        foreach (string verb in new[] { "train", "score", "explain", "evaluate", "sample", "export" })
            Assert.Contains($"realnvp {verb} ", ToolRun.Good(verb, "--help").Output, StringComparison.Ordinal);
    }

    [Fact]
    public void A_reader_that_goes_away_ends_the_command_quietly()
    {
        using var process = ToolRun.Start("sample", plant.Model, "-n", "2000000");
        process.StandardInput.Close();
        Assert.NotNull(process.StandardOutput.ReadLine());
        process.StandardOutput.Close();
        Assert.True(process.WaitForExit(60_000));
        Assert.Equal(141, process.ExitCode);
        Assert.Empty(process.StandardError.ReadToEnd());
    }
}
