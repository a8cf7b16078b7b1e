namespace RealNvp.ML.Tests.Tool;

/// <summary>What is wrong is said in one line that names it, with an exit code to go by.</summary>
public sealed class WrongInputTests(TrainedPlant plant) : IClassFixture<TrainedPlant>
{

    public static TheoryData<string, string, string> Tables => new()
    {
        { "", "score", "is empty" },
        { "\n\n", "train", "is empty" },
        { "a,b\n", "train", "has a header and no rows" },
        { "a,b\n1,2\n3\n", "train", "line 3: 1 cell, where the first line has 2" },
        { "a,a\n1,2\n", "train", "names the column 'a' 2 times" },
        { "a,b\n,2\n,3\n", "train --columns a", "all cells of the column 'a' are empty" },
        { "Score,b\n1,2\n2,3\n", "train", "'Score' bears the name of a result" },
        { "a,b\n1,2\n2,3\n", "train --columns c", "has no column 'c'. It has: a, b" },
        { "a,b\n1,2\n2,3\n", "train --label b --columns a,b", "'b' cannot be the label and an input" },
        { "a,b\n1,2\n2,3\n", "train --condition a --columns a", "'a' cannot be a feature and a condition" },
        { "id\n1\n2\n", "train", "no column is left to learn from" },
        { "a,b\n1,2\n", "train", "row" },
        { "temperature,pressure,flow,unit\n1,2,3,4\n", "score", "has no column 'valve'" },
        { "temperature,pressure,flow,unit,valve\n1,2,3,4,x\n\n1,2,many,4,x\n", "score", "line 4, column 'flow': 'many' is not a number" },
        { "temperature,pressure,flow,unit,valve,flow\n1,2,3,4,x,5\n", "score", "names the column 'flow' 2 times" },
        { "temperature,pressure,flow,unit,valve\n1,2,3,4,x\n", "score --keep what", "has no column 'what'" },
        { "temperature,pressure,flow,unit,valve\n1,2,3,4,x\n", "score --add What", "there is no result 'What'" },
    };

    [Theory]
    [MemberData(nameof(Tables))]
    public void Tables_that_will_not_do(string csv, string command, string message)
    {
        string path = plant.Path("wrong.csv");
        File.WriteAllText(path, csv);
        string[] words = command.Split(' ');
        string output = plant.Path("wrong.out");
        string line = ToolRun.Bad(1, words[0] == "train" ? ["train", path, "-o", output, .. words[1..], .. TrainedPlant.Quick]
            : ["score", plant.Model, path, "-o", output, .. words[1..]]);
        Assert.Contains(message, line, StringComparison.Ordinal);
        // nothing is left of the output, not even a part
        Assert.Empty(Directory.GetFileSystemEntries(Path.GetDirectoryName(output)!, "*wrong.out*"));
    }

    [Theory]
    [InlineData("", "Required command was not provided")]
    [InlineData("learn", "'learn'")]
    [InlineData("train --epochs many", "--epochs")]
    [InlineData("train --epochs 0", "--epochs is '0', expected a number from 1 on")]
    [InlineData("train --contamination 1.5", "--contamination is '1.5', expected a number from 0 to below 1")]
    [InlineData("train --missing gone", "gone")]
    [InlineData("train --size 32", "--size is '32', expected height x width")]
    [InlineData("train --device tpu", "--device is 'tpu', expected cpu, cuda or cuda:N")]
    [InlineData("score", "MODEL")]
    [InlineData("score model.zip --shard 5/4", "--shard is '5/4', expected i/n")]
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
        Assert.Contains("need a folder", ToolRun.Bad(1, "score", plant.Model, plant.Path("new.csv"), plant.Path("train.csv")),
            StringComparison.Ordinal);
        Directory.CreateDirectory(plant.Path("nothing"));
        ToolRun.Bad(1, "train", plant.Path("nothing"));
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
