using System.IO.Compression;
using Microsoft.ML;
using RealNvp.ML.Bench.Conditional;
using RealNvp.ML.Bench.Running;
using RealNvp.ML.Bench.Series;

namespace RealNvp.ML.Tests.Bench;

/// <summary>Tables with a target and recordings of sensors, as the benchmarks read them.</summary>
public sealed class RegressionSetTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory().FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void A_split_has_the_rows_that_it_names_for_the_test()
    {
        RegressionSet set = Read("f0,target\n1,10\n2,20\n3,30", "split,test_row\n0,1\n1,0\n1,2");
        Assert.Equal((3, 1, 2), (set.Rows, set.Features, set.Splits));
        Assert.Equal(["set"], RegressionSet.Names(_folder));
        (float[][] train, float[][] test) = set.Split(0);
        Assert.Equal([[1f, 10], [3f, 30]], train);
        Assert.Equal([[2f, 20]], test);
        Assert.Equal([[2f, 20]], set.Split(1).Train);
    }

    [Theory]
    [InlineData("f0,y\n1,2", "split,test_row\n0,0", "end with 'target'")]
    [InlineData("f0,target\n1,2\n3", "split,test_row\n0,0", "Line 3")]
    [InlineData("f0,target\n1,2", "split,row\n0,0", "be 'split,test_row'")]
    [InlineData("f0,target\n1,2", "split,test_row\n0,1", "names row 1")]
    public void Other_files_are_refused(string table, string splits, string reason)
        => Assert.Contains(reason, Assert.Throws<BenchmarkFailedException>(() => Read(table, splits)).Message);

    [Fact]
    public void Windows_are_means_over_the_last_seconds_in_units_of_the_beginning()
    {
        var random = new Random(1);
        float[][] values = [.. Enumerable.Range(0, 600).Select(i => Recording.Sensors.Select((_, sensor)
            => (float)(sensor + Tables.Normal(random) + (i >= 500 && sensor == 2 ? 5 : 0))).ToArray())];
        // another assembly has a namespace of the name
        var windows = RealNvp.ML.Bench.Series.Windows.Of(new MLContext(1),
            [new("one", values, [.. Enumerable.Range(0, 600).Select(i => i >= 500)])])[0];
        Assert.Equal(600 - 29, windows.Rows.Length);
        Assert.Equal((371, 200), (windows.Training.Count(), windows.Test.Count()));
        double Mean(int row) => values[(row - 29)..(row + 1)].Average(value => (double)value[2]);
        double[] beginning = [.. Enumerable.Range(29, 371).Select(Mean)];
        double center = beginning.Average(), scale = Math.Sqrt(beginning.Average(value => Math.Pow(value - center, 2)));
        foreach (int row in (int[])[29, 399, 400, 550, 599])
            Assert.Equal((Mean(row) - center) / scale, windows.Rows[row - 29][2], 1e-3);
        Assert.Equal([false, true], windows.Test.Where((_, i) => i is 99 or 100).Select(row => row.IsOdd));
    }

    [Fact]
    public void Alarms_are_counted_over_all_files_together()
    {
        Alarms one = Alarms.Of([(true, true), (false, true), (true, false), (false, false), (false, false)]);
        Assert.Equal(new Alarms(1, 1, 1, 2), one);
        Alarms both = Alarms.Sum([one, Alarms.Of([(true, true), (true, true), (false, false)])]);
        Assert.Equal((3, 1, 1, 3), (both.Found, both.Missed, both.False, both.Quiet));
        Assert.Equal(0.75, both.F1);
        Assert.Equal((0.25, 0.25), (both.FalseAlarmRate, both.MissedAlarmRate));
    }

    private RegressionSet Read(string table, string splits)
    {
        foreach ((string name, string text) in new[] { ("set.csv.gz", table), ("set.splits.csv.gz", splits) })
        {
            using var writer = new StreamWriter(new GZipStream(File.Create(Path.Combine(_folder, name)), CompressionMode.Compress));
            writer.Write(text);
        }
        return RegressionSet.Read(_folder, "set");
    }
}
