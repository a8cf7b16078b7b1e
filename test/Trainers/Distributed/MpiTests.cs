using System.Diagnostics;
using RealNvp.ML.Export;
using RealNvp.ML.Tests.Transforms.Images;
using RealNvp.ML.Trainers.Distributed;

namespace RealNvp.ML.Tests.Trainers.Distributed;

/// <summary>The same over Open MPI, in processes that mpirun starts.</summary>
[Collection<Alone>]
public sealed class MpiTests
{
    [Theory, InlineData(RankTraining.Table), InlineData(RankTraining.Images)]
    public void Two_processes_have_the_weights_of_one(string what)
    {
        using var folder = new TemporaryFolder();
        (int code, string told) = Start(2, what, folder, RankTraining.Whole);
        Assert.True(code == 0, told);
        FlowModel first = Model(folder, 0);
        Assert.Equal(RankTraining.Weights(first), RankTraining.Weights(Model(folder, 1)));
        NearFlows.Assert(what, RankTraining.Fit(what, null, null), first);
    }

    [Fact]
    public void A_rank_that_dies_ends_the_run_with_a_message_and_one_process_goes_on()
    {
        using var folder = new TemporaryFolder();
        (int code, string told) = Start(2, RankTraining.Table, folder, RankTraining.Dies);
        Assert.NotEqual(0, code);
        Assert.Contains("rank 1", told, StringComparison.Ordinal); // mpirun's own words
        Assert.NotEmpty(Directory.GetFiles(Path.Combine(folder.Root, "checkpoints"), "*.rnvpckpt"));
        NearFlows.Assert(RankTraining.Table, RankTraining.Fit(RankTraining.Table, null, null),
            RankTraining.Fit(RankTraining.Table, null, Path.Combine(folder.Root, "checkpoints")));
    }

    [Fact]
    public void A_rank_that_fails_ends_all_with_what_went_wrong()
    {
        using var folder = new TemporaryFolder();
        (int code, string told) = Start(2, RankTraining.Table, folder, RankTraining.Fails);
        Assert.NotEqual(0, code);
        Assert.Contains("Rank 1 of 2 cannot go on, which ends all: the last rank has had enough", told, StringComparison.Ordinal);
    }

    [Fact]
    public void A_rank_that_is_cancelled_stops_all_and_they_go_on_later()
    {
        using var folder = new TemporaryFolder();
        (int code, string told) = Start(2, RankTraining.Table, folder, RankTraining.Cancels);
        Assert.True(code == 0, told);
        Assert.Equal(["cancelled-0", "cancelled-1"], Directory.GetFiles(folder.Root).Select(Path.GetFileName).Order());
        (code, told) = Start(3, RankTraining.Table, folder, RankTraining.Whole);
        Assert.True(code == 0, told);
        NearFlows.Assert(RankTraining.Table, RankTraining.Fit(RankTraining.Table, null, null), Model(folder, 2));
    }

    [Fact]
    public void Without_Open_MPI_one_sentence_says_what_to_install()
    {
        Assert.StartsWith("Distributed training needs Open MPI, and no libmpi.so is found: install it",
            Assert.Throws<DllNotFoundException>(() => OpenMpi.Load(["libnone.so.7"])).Message, StringComparison.Ordinal);
        Assert.StartsWith("libc.so.6 is another MPI than Open MPI",
            Assert.Throws<DllNotFoundException>(() => OpenMpi.Load(["libc.so.6"])).Message, StringComparison.Ordinal);
    }

    private static FlowModel Model(TemporaryFolder folder, int rank) => FlowModel.Load(Path.Combine(folder.Root, $"model-{rank}.rnvp"));

    private static (int Code, string Told) Start(int ranks, string what, TemporaryFolder folder, string action)
    {
        Assert.SkipUnless(Environment.GetEnvironmentVariable("PATH")!.Split(':').Any(path => File.Exists(Path.Combine(path, "mpirun"))),
            "There is no mpirun: install Debian's openmpi-bin.");
        string assembly = typeof(MpiTests).Assembly.Location;
        // more ranks than cores may wait for each other: they shall not spin
        using Process process = Process.Start(new ProcessStartInfo("mpirun", ["--allow-run-as-root", "--oversubscribe", "--bind-to", "none",
            "--mca", "mpi_yield_when_idle", "1", "-n", $"{ranks}", "dotnet", "exec", assembly])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            Environment =
            {
                ["DOTNET_STARTUP_HOOKS"] = assembly,
                [TrainingProcess.Variable] = $"{RankTraining.Kind}|{what}|{folder.Root}|{action}",
            },
        })!;
        Task<string> output = process.StandardOutput.ReadToEndAsync(), errors = process.StandardError.ReadToEndAsync();
        bool ended = process.WaitForExit(TimeSpan.FromMinutes(3));
        if (!ended)
            process.Kill(entireProcessTree: true);
        Assert.True(ended, "The ranks do not end.");
        return (process.ExitCode, errors.Result + output.Result);
    }
}
