using System.IO.Compression;
using RealNvp.ML.Bench.Density;
using RealNvp.ML.Bench.Running;

namespace RealNvp.ML.Tests.Bench;

/// <summary>Sets with folds as the benchmark of densities reads them.</summary>
public sealed class DensitySetTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory().FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void A_fold_is_normalised_by_the_other_rows_and_knows_their_copies()
    {
        DensityFold fold = Read("x,y,fold\n1,10,0\n3,30,1\n3,10,0\n1,10,9\n7,20,0").Fold(0);
        // of the training rows (3, 30) and (1, 10): means 2 and 20, population deviations 1 and 10
        Assert.Equal([[1f, 1], [-1f, -1]], fold.Train);
        Assert.Equal([[-1f, -1], [1f, -1], [5f, 0]], fold.Test);
        Assert.Equal([true, false, false], fold.Copies);
    }

    [Theory]
    [InlineData("x,y\n1,2", "end with 'fold'")]
    [InlineData("x,fold\n1,0\n2", "Line 3")]
    [InlineData("x,fold\na,0", "Line 2")]
    [InlineData("x,fold\n1,10", "Line 2")]
    [InlineData("x,fold\n1,0.5", "Line 2")]
    public void Other_files_are_refused(string text, string reason)
        => Assert.Contains(reason, Assert.Throws<BenchmarkFailedException>(() => Read(text)).Message, StringComparison.Ordinal);

    [Fact]
    public void A_missing_file_is_named()
        => Assert.Contains("other.csv.gz", Assert.Throws<BenchmarkFailedException>(() => DensitySet.Read(_folder, "other")).Message,
        StringComparison.Ordinal);

    private DensitySet Read(string text)
    {
        using (var writer = new StreamWriter(new GZipStream(File.Create(Path.Combine(_folder, "set.csv.gz")), CompressionMode.Compress)))
            writer.Write(text);
        return DensitySet.Read(_folder, "set");
    }
}
