using System.Diagnostics;
using System.IO.Compression;
using Parquet;
using Parquet.Schema;

namespace RealNvp.ML.Tests.Tool;

/// <summary>Work in parts, whole files or none, and Parquet.</summary>
public sealed class BatchTests(TrainedPlant plant) : IClassFixture<TrainedPlant>
{
    [Fact]
    public void The_parts_of_a_file_are_the_file()
    {
        string whole = ToolRun.Good("score", plant.Model, plant.Path("new.csv"), "--block", "64").Output;
        string header = whole[..(whole.IndexOf('\n') + 1)];
        string[] parts = [.. Enumerable.Range(1, 4).Select(i => Part(i, 4))];
        Assert.All(parts, part => Assert.StartsWith(header, part, StringComparison.Ordinal));
        Assert.Equal(whole, header + string.Concat(parts.Select(part => part[header.Length..])));
        // 5 blocks of 64 rows in 4 parts
        Assert.Equal(5, parts.Select(part => Rows(part)).Sum(rows => (rows + 63) / 64));
        Assert.Equal(0, Rows(Part(1, 6)));

        string Part(int index, int count)
        {
            ToolRun.Good("score", plant.Model, plant.Path("new.csv"), "--block", "64", "--shard", $"{index}/{count}", "-o",
                plant.Path("parts/"));
            return File.ReadAllText(plant.Path($"parts/new.{index}-of-{count}.csv"));
        }

        static int Rows(string csv) => csv.Split("\nP-").Length - 1;
    }

    [Fact]
    public void Parts_that_cannot_be_and_files_of_one_output_are_refused()
    {
        ToolRun run = ToolRun.WithInput(File.ReadAllText(plant.Path("new.csv")), "score", plant.Model, "--shard", "1/2");
        Assert.Equal(2, run.ExitCode);
        Assert.Contains("--shard needs a file", run.Error, StringComparison.Ordinal);
        string input = Path.GetDirectoryName(plant.Path("twice/a.csv"))!;
        File.WriteAllText(Path.Combine(input, "a.csv"), File.ReadAllText(plant.Path("new.csv")));
        using (var packed = new GZipStream(File.Create(Path.Combine(input, "a.csv.gz")), CompressionLevel.Fastest))
            packed.Write(File.ReadAllBytes(plant.Path("new.csv")));
        foreach (string[] options in new string[][] { [], ["--shard", "1/2"] })
        {
            Assert.Contains("would have the same output, a.csv", ToolRun.Bad(1, ["score", plant.Model, input, "-o", plant.Path("once/"),
                .. options]), StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Names_that_end_in_gz_are_compressed_and_read_again()
    {
        string scored = plant.Path("packed/scored.csv.gz"), drawn = plant.Path("packed/drawn.csv.gz");
        string[] score = ["score", plant.Model, plant.Path("new.csv"), "--block", "64"], sample = ["sample", plant.Model, "-n", "50"];
        ToolRun.Good([.. score, "-o", scored]);
        ToolRun.Good([.. sample, "-o", drawn]);
        Assert.Equal(ToolRun.Good(score).Output, Unpacked(scored));
        Assert.Equal(ToolRun.Good(sample).Output, Unpacked(drawn));
        Assert.Equal(["drawn.csv.gz", "scored.csv.gz"], Files("packed"));
        Assert.Equal(301, ToolRun.Good("score", plant.Model, scored, "--keep", "none").Lines.Length);
        // what fails leaves nothing, and what was there stays
        File.WriteAllText(plant.Path("bad.csv"), "temperature,pressure,flow,unit,valve\n1,2,3,4,x\n1,2,many,4,x\n");
        byte[] was = File.ReadAllBytes(scored);
        ToolRun.Bad(1, "score", plant.Model, plant.Path("bad.csv"), "-o", scored, "--block", "1");
        Assert.Equal(was, File.ReadAllBytes(scored));
        Assert.Equal(["drawn.csv.gz", "scored.csv.gz"], Files("packed"));
        Assert.Contains("Parquet is compressed within", ToolRun.Bad(2, [.. score, "-o", plant.Path("packed/new.parquet.gz")]),
            StringComparison.Ordinal);

        static string Unpacked(string path)
        {
            using var text = new StreamReader(new GZipStream(File.OpenRead(path), CompressionMode.Decompress));
            return text.ReadToEnd();
        }
    }

    [Fact]
    public async Task What_is_no_file_is_written_to_and_not_replaced()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Pipes have names on Linux.");
        string pipe = plant.Path("pipe.csv");
        using (Process made = Process.Start("mkfifo", [pipe]))
            await made.WaitForExitAsync(TestContext.Current.CancellationToken);
        Task<ToolRun> run = Task.Run(() => ToolRun.Good("score", plant.Model, plant.Path("new.csv"), "-o", pipe));
        // opening it waits for the writer
        Task<string> read = Task.Run(() => File.ReadAllText(pipe));
        Assert.Same(read, await Task.WhenAny(read, Task.Delay(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken)));
        Assert.Equal(ToolRun.Good("score", plant.Model, plant.Path("new.csv")).Output, await read);
        await run;
    }

    [Fact]
    public void Shards_of_a_folder_are_one_run_byte_for_byte_and_what_is_done_is_passed_over()
    {
        string input = Path.GetDirectoryName(plant.Path("folder/a.csv"))!;
        string[] names = [.. Enumerable.Range(0, 5).Select(i => $"part-{i}.csv")];
        foreach ((int i, string name) in names.Index())
            File.WriteAllText(Path.Combine(input, name), Plant.Csv(Plant.Rows(20 + i, seed: 10 + i)));
        ToolRun.Good("score", plant.Model, input, "-o", plant.Path("single/"));
        foreach (int shard in new[] { 2, 1, 3 })
            ToolRun.Good("score", plant.Model, input, "-o", plant.Path("shards/"), "--shard", $"{shard}/3");
        Assert.Equal(names, Files("shards"));
        Assert.All(names, name => Assert.Equal(File.ReadAllBytes(plant.Path($"single/{name}")),
            File.ReadAllBytes(plant.Path($"shards/{name}"))));

        // a part that was lost comes again, the others are passed over
        string lost = plant.Path("shards/part-3.csv"), kept = plant.Path("shards/part-0.csv");
        byte[] was = File.ReadAllBytes(lost);
        File.Delete(lost);
        File.WriteAllText(plant.Path("shards/.part-3.csv.partial"), "what a killed process left");
        DateTime before = File.GetLastWriteTimeUtc(kept);
        ToolRun again = ToolRun.Good("score", plant.Model, input, "-o", plant.Path("shards/"), "--shard", "1/3");
        Assert.Contains("part-0.csv is there and newer than the model and", again.Error, StringComparison.Ordinal);
        Assert.Equal(was, File.ReadAllBytes(lost));
        Assert.Equal(before, File.GetLastWriteTimeUtc(kept));
        Assert.Equal(names, Files("shards"));
        // a newer input or model makes it again
        File.SetLastWriteTimeUtc(Path.Combine(input, names[0]), DateTime.UtcNow.AddMinutes(1));
        Assert.DoesNotContain("part-0.csv is there", ToolRun.Good("score", plant.Model, input, "-o", plant.Path("shards/"), "--shard",
            "1/3").Error,
            StringComparison.Ordinal);

        // an error leaves no part of a file
        File.AppendAllText(Path.Combine(input, names[4]), "P-1,1,2,three,4,open,,no\n");
        File.SetLastWriteTimeUtc(Path.Combine(input, names[4]), DateTime.UtcNow.AddMinutes(1));
        File.Delete(plant.Path("shards/part-4.csv"));
        Assert.Contains("'three' is not a number", ToolRun.Bad(1, "score", plant.Model, input, "-o", plant.Path("shards/"), "--shard",
            "2/3"),
            StringComparison.Ordinal);
        Assert.Equal(names[..4], Files("shards"));
    }

    [Fact]
    public async Task Every_type_of_Parquet_passes_through_and_scores_are_those_of_CSV()
    {
        Plant[] rows = Plant.Rows(300, seed: 2);
        string path = plant.Path("new.parquet");
        await Write(path, rows);
        ToolRun.Good("score", plant.Model, path, "-o", plant.Path("scored.parquet"));
        await using ParquetReader given = await Open(path), scored = await Open(plant.Path("scored.parquet"));
        Assert.Equal([.. given.Schema.DataFields.Select(Described), "Score Single False", "PValue Single False",
            "PredictedLabel Boolean False"],
            scored.Schema.DataFields.Select(Described));
        Assert.Contains("day DateOnly False", scored.Schema.DataFields.Select(Described));
        Assert.Equal(2, scored.RowGroupCount);
        ToolRun csv = ToolRun.Good("score", plant.Model, plant.Path("new.csv"), "--keep", "id");
        // as CSV, with the same cells: written again by the tool from both files
        string[] before = ToolRun.Good("score", plant.Model, path, "--keep", "all").Lines;
        string[] after = ToolRun.Good("score", plant.Model, plant.Path("scored.parquet"), "--keep",
            string.Join(',', scored.Schema.DataFields
            .Select(field => field.Name))).Lines;
        Assert.Equal(before[1..], after[1..].Select(line => line[..line.LastIndexOf(',',
            line.LastIndexOf(',', line.LastIndexOf(',') - 1) - 1)]));
        Assert.Equal(csv.Lines[1..].Select(Results), before[1..].Select(Results));
        Assert.StartsWith("P-2-0,2.5,7,true,1,12.25,2026-01-02,", before[1], StringComparison.Ordinal);

        // a number that stands for a missing one does so in both
        string code = FormattableString.Invariant($"{rows[0].Flow}");
        string[] coded = ToolRun.Good("score", plant.Model, path, "--keep", "none", "--na", code).Lines;
        Assert.Equal(ToolRun.Good("score", plant.Model, plant.Path("new.csv"), "--keep", "none", "--na", code).Lines, coded);
        Assert.NotEqual(Results(before[1]), coded[1]);

        ToolRun.Good("explain", plant.Model, path, "-o", plant.Path("explained.parquet"));
        await using ParquetReader explained = await Open(plant.Path("explained.parquet"));
        Assert.Contains("Nats3 Single True", explained.Schema.DataFields.Select(Described));
        string[] told = ToolRun.Good("explain", plant.Model, path, "--keep", "none").Lines[1..];
        Assert.Contains(told, line => line.EndsWith(",,", StringComparison.Ordinal));
        Assert.Equal(told.Select(line => string.Join(',', line.Split(',')[3..])), ToolRun.Good("score", plant.Model,
            plant.Path("explained.parquet"), "--keep", "Reason1,Nats1,Reason2,Nats2,Reason3,Nats3").Lines[1..]
                .Select(line => string.Join(',', line.Split(',')[..6])));

        ToolRun train = ToolRun.Good(["train", path, "-o", plant.Path("parquet.zip"), "--columns", "temperature,pressure,flow,unit,valve",
            .. TrainedPlant.Quick]);
        Assert.Equal(301, ToolRun.Good("score", plant.Path("parquet.zip"), plant.Path("new.csv"), "--keep", "none").Lines.Length);

        static string Described(DataField field) => $"{field.Name} {field.ClrType.Name} {field.IsNullable}";
        static string Results(string line) => string.Join(',', line.Split(',')[^3..]);
    }

    [Fact]
    public async Task Rows_are_counted_where_no_cell_of_the_first_column_is_looked_at()
    {
        string path = plant.Path("moments.parquet");
        await WriteMoments(path);
        string notes = ToolRun.Good(["train", path, "-o", plant.Path("moments.zip"), .. TrainedPlant.Quick]).Error;
        Assert.Contains("column 'moment' is no feature: it holds neither numbers nor texts", notes, StringComparison.Ordinal);
        Assert.Contains("50 rows; features: x\n", notes, StringComparison.Ordinal);
    }

    private static async Task WriteMoments(string path)
    {
        DataField moment = new DataField<DateTime>("moment"), x = new DataField<decimal?>("x");
        await using FileStream file = File.Create(path);
        await using ParquetWriter writer = await ParquetWriter.CreateAsync(new ParquetSchema(moment, x), file);
        using ParquetRowGroupWriter columns = writer.CreateRowGroup();
        await columns.WriteAsync<DateTime>(moment, Enumerable.Range(0, 50).Select(i => DateTime.UnixEpoch.AddHours(i)).ToArray());
        await columns.WriteAsync<decimal>(x, (ReadOnlyMemory<decimal?>)Enumerable.Range(0, 50)
            .Select(i => i % 9 == 0 ? null : (decimal?)(i * 37 % 11)).ToArray());
    }

    private static Task<ParquetReader> Open(string path)
        => ParquetReader.CreateAsync(path, new ParquetOptions { UseDateOnlyTypeForDates = true }, TestContext.Current.CancellationToken);

    private static async Task Write(string path, Plant[] rows)
    {
        DataField[] fields =
        [
            new DataField<string>("id"), new DataField<double>("half"), new DataField<int>("unit"), new DataField<bool>("truth"),
            new DataField<long>("long"), new DataField<decimal>("price"), new DataField<DateOnly>("day"), new DataField<Guid>("guid"),
            new DataField<float?>("temperature"), new DataField<float>("pressure"), new DataField<double>("flow"),
                new DataField<string>("valve"),
            new DataField<short?>("short"), new DataField<byte[]>("bytes"), new DataField<DateTime?>("moment"),
        ];
        await using FileStream file = File.Create(path);
        await using ParquetWriter writer = await ParquetWriter.CreateAsync(new ParquetSchema([.. fields]), file);
        foreach (Plant[] group in rows.Chunk(200))
        {
            using ParquetRowGroupWriter columns = writer.CreateRowGroup();
            await columns.WriteAsync(fields[0], [.. group.Select(row => row.Id)]);
            await columns.WriteAsync<double>(fields[1], Array.ConvertAll(group, row => 2.5));
            await columns.WriteAsync<int>(fields[2], Array.ConvertAll(group, row => 7));
            await columns.WriteAsync<bool>(fields[3], Array.ConvertAll(group, row => true));
            await columns.WriteAsync<long>(fields[4], Array.ConvertAll(group, row => 1L));
            await columns.WriteAsync<decimal>(fields[5], Array.ConvertAll(group, row => 12.25m));
            await columns.WriteAsync<DateOnly>(fields[6], Array.ConvertAll(group, row => new DateOnly(2026, 1, 2)));
            await columns.WriteAsync<Guid>(fields[7], Array.ConvertAll(group, row => new Guid(1, 2, 3, new byte[8])));
            await columns.WriteAsync<float>(fields[8], Array.ConvertAll(group, row => float.IsNaN(row.Temperature) ? (float?)null
                : row.Temperature));
            await columns.WriteAsync<float>(fields[9], Array.ConvertAll(group, row => row.Pressure));
            await columns.WriteAsync<double>(fields[10], Array.ConvertAll(group, row => (double)row.Flow));
            await columns.WriteAsync(fields[11], [.. group.Select(row => row.Valve)]);
            await columns.WriteAsync<short>(fields[12], Array.ConvertAll(group, row => row.Broken ? (short?)null : (short)3));
            await columns.WriteAsync(fields[13], [.. group.Select(row => new byte[] { 1, 2 })]);
            await columns.WriteAsync<DateTime>(fields[14], Array.ConvertAll(group, row
                => (DateTime?)new DateTime(2026, 1, 2, 3, 4, 5, DateTimeKind.Utc)));
        }
    }

    private string[] Files(string folder)
        => [.. Directory.GetFiles(plant.Path(folder)).Select(path => Path.GetFileName(path)!).Order(StringComparer.Ordinal)];
}
