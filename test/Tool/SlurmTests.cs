using System.Diagnostics;
using System.Globalization;
using Parquet;
using Parquet.Schema;

namespace RealNvp.ML.Tests.Tool;

/// <summary>A batch queue as it is: Slurm on this machine, an array of four over a folder, one task killed and queued again.</summary>
public sealed class SlurmTests(TrainedPlant plant) : IClassFixture<TrainedPlant>
{
    [Fact]
    public async Task An_array_of_four_with_one_task_killed_gives_the_bytes_of_a_single_run()
    {
        using var slurm = new SlurmCluster(Path.GetDirectoryName(plant.Path("slurm/x"))!);
        if (slurm.WhyNot is { } reason)
            Assert.Skip(reason);
        string input = Path.GetDirectoryName(plant.Path("readings/x"))!, output = plant.Path("slurm-out"), pids = plant.Path("pid");
        string[] names = [.. Enumerable.Range(0, 8).Select(i => $"part-{i}.parquet")];
        foreach ((int i, string name) in names.Index())
            await Write(Path.Combine(input, name), Plant.Rows(i == 5 ? 200_000 : 2_000, seed: 100 + i));
        ToolRun.Good("score", plant.Model, input, "-o", plant.Path("slurm-single/"));

        // the script of docs/batch.md, whose second task is to be killed in its second file
        string script = plant.Path("score.sh");
        File.WriteAllText(script, $"""
            #!/bin/bash
            echo $$ > {pids}-$SLURM_ARRAY_TASK_ID
            exec {slurm.Dotnet} exec {ToolRun.Assembly} score {plant.Model} {input} -o {output}/ --shard $SLURM_ARRAY_TASK_ID/4
            """ + "\n");
        string job = slurm.Run("sbatch", "--parsable", "--array=1-4", "--requeue", "-o", plant.Path("slurm/task-%a.log"), script).Trim();
        slurm.Await(() => File.Exists($"{pids}-2") && File.Exists(Path.Combine(output, ".part-5.parquet.partial")),
            "a task in its second file");
        int killed = int.Parse(File.ReadAllText($"{pids}-2"), CultureInfo.InvariantCulture);
        Process.GetProcessById(killed).Kill();
        slurm.Await(() => State("2") is "FAILED" or "COMPLETED", "the end of the killed task");
        Assert.Equal("FAILED", State("2"));
        Assert.False(File.Exists(Path.Combine(output, "part-5.parquet"))); // whole or not at all
        Assert.True(File.Exists(Path.Combine(output, "part-1.parquet")));
        slurm.Run("scontrol", "requeue", $"{job}_2");
        slurm.Await(() => Enumerable.Range(1, 4).All(task => State($"{task}") == "COMPLETED"), "the end of all tasks");

        Assert.Contains("part-1.parquet is there and newer", File.ReadAllText(plant.Path("slurm/task-2.log")), StringComparison.Ordinal);
        Assert.Equal(names, Directory.GetFileSystemEntries(output).Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal));
        Assert.All(names, name => Assert.Equal(
            File.ReadAllBytes(plant.Path($"slurm-single/{name}")), File.ReadAllBytes(Path.Combine(output, name))));

        string State(string task) => slurm.Run("scontrol", "--oneliner", "show", "job", $"{job}_{task}").Split(' ')
            .Where(word => word.StartsWith("JobState=", StringComparison.Ordinal))
                .Select(word => word["JobState=".Length..]).FirstOrDefault() ?? "";
    }

    private static async Task Write(string path, Plant[] rows)
    {
        DataField[] fields = [new DataField<string>("id"), new DataField<float>("temperature"), new DataField<float>("pressure"),
            new DataField<float>("flow"), new DataField<int>("unit"), new DataField<string>("valve")];
        await using FileStream file = File.Create(path);
        await using ParquetWriter writer = await ParquetWriter.CreateAsync(new ParquetSchema([.. fields]), file);
        foreach (Plant[] group in rows.Chunk(1_000))
        {
            using ParquetRowGroupWriter columns = writer.CreateRowGroup();
            await columns.WriteAsync(fields[0], [.. group.Select(row => row.Id)]);
            await columns.WriteAsync<float>(fields[1], Array.ConvertAll(group, row => row.Temperature));
            await columns.WriteAsync<float>(fields[2], Array.ConvertAll(group, row => row.Pressure));
            await columns.WriteAsync<float>(fields[3], Array.ConvertAll(group, row => row.Flow));
            await columns.WriteAsync<int>(fields[4], Array.ConvertAll(group, row => 7));
            await columns.WriteAsync(fields[5], [.. group.Select(row => row.Valve)]);
        }
    }
}
