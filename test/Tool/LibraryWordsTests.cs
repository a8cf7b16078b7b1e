using System.Text.RegularExpressions;
using Microsoft.ML;
using RealNvp.ML.Tests.Eng;
using RealNvp.ML.Tool.Rows;
using RealNvp.ML.Tool.Running;

namespace RealNvp.ML.Tests.Tool;

/// <summary>What the library says comes in words of the command line.</summary>
public sealed partial class LibraryWordsTests
{
    /// <summary>A message that the library words anew would be told with options that the command has not.</summary>
    [Fact]
    public void What_is_translated_is_what_the_library_says()
    {
        string library = string.Concat(new[] { "Export", "Trainers", "Transforms" }.SelectMany(room => Directory.GetFiles(
            Path.Combine(Repository.Root, "src", room), "*.cs", SearchOption.AllDirectories))
            .Select(file => Joined().Replace(File.ReadAllText(file), "")));
        Assert.Contains("Nothing will be flagged: {Count} calibration rows are too few for a contamination of", library,
            StringComparison.Ordinal);
        Assert.All(LibraryWords.All.Where(words => !words.Library.Contains('1', StringComparison.Ordinal)),
            words => Assert.Contains(words.Library, library, StringComparison.Ordinal));
        Assert.Contains("has {count} usable rows, ", library, StringComparison.Ordinal);
    }

    [Fact]
    public void Messages_name_options_of_the_command()
        => Assert.Equal("2 of 3. Train on more rows, raise --contamination, or give --threshold when rows are scored.", LibraryWords.Of(
            "2 of 3. Raise CalibrationFraction or Contamination, or set a threshold with WithThreshold."));

    [Fact]
    public void Of_an_error_of_a_worker_of_MLNET_the_cause_is_told()
        => Assert.Equal("line 3", Guard.Message(new InvalidOperationException(
            "Splitter/consolidator worker encountered exception while consuming source data",
            new InvalidOperationException("Splitter/consolidator worker encountered exception", new FormatException("line 3")))));

    [Theory]
    [InlineData(1, false)]
    [InlineData(2, true)]
    [InlineData(3, false)]
    public void Results_that_are_not_one_for_each_row_are_none(int rows, bool isRight)
    {
        IDataView view = new MLContext().Data.LoadFromEnumerable([new Result { Score = 5 }, new Result { Score = 6 }]);
        if (isRight)
            Assert.Equal([5f, 6f], ResultColumn.Of(view, ["Score"], rows)[0].Values.Cast<float>());
        else
            Assert.Throws<InvalidOperationException>(() => ResultColumn.Of(view, ["Score"], rows));
    }

    /// <summary>Where a text goes on in the next line.</summary>
    [GeneratedRegex("\"\\s*\\+ \\$?\"")]
    private static partial Regex Joined();

    private sealed class Result
    {
        public float Score { get; set; }
    }
}
