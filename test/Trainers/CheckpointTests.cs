using System.Diagnostics;
using Microsoft.ML;
using RealNvp.ML.Bench.Engine;
using RealNvp.ML.Tests.Transforms.Images;
using RealNvp.ML.Trainers;

namespace RealNvp.ML.Tests.Trainers;

/// <summary>A run that was killed or cancelled and goes on ends where one that was not ends, bit for bit.</summary>
public sealed class CheckpointTests
{
    /// <summary>Where set to 1, the tests that take many minutes run too.</summary>
    private const string WholeVariable = "REALNVP_TESTS_WHOLE";

    [Theory, Trait("Area", "KillAndResume")]
    [InlineData(TrainingProcess.Table, 3), InlineData(TrainingProcess.Image, 2), InlineData(TrainingProcess.WholeImage, 2)]
    public void A_killed_run_goes_on_to_the_same_weights(string kind, int kills)
    {
        Assert.SkipWhen(kind == TrainingProcess.WholeImage && Environment.GetEnvironmentVariable(WholeVariable) != "1",
            $"The whole CIFAR-10 preset takes some ten minutes on one core: set {WholeVariable}=1. The same flow with narrow nets is "
                + "tested always.");
        using var calm = new TemporaryFolder();
        using var stormy = new TemporaryFolder();
        string expected = TrainingProcess.Hash(TrainingProcess.Fit(kind, calm.Root));
        for (int kill = 0, luckless = 0; kill < kills; kill++)
        {
            bool writing = kill + 1 == kills; // the last kill comes while a file is half written
            using Process process = TrainingProcess.Start(kind, stormy.Root, writing);
            string[] before = Directory.GetFiles(stormy.Root);
            while (!process.HasExited && (writing || !Directory.GetFiles(stormy.Root, "*.rnvpckpt").Except(before).Any()))
                Thread.Sleep(1);
            if (!writing)
                process.Kill();
            process.WaitForExit();
            bool killed = process.ExitCode == 128 + 9;
            Assert.True(killed || (writing && process.ExitCode == 0),
                $"The run was not killed but ended, before kill {kill}. {process.StandardError.ReadToEnd()}");
            if (!writing || Directory.EnumerateFiles(stormy.Root, "*.tmp").Any())
                continue;
            if (killed && luckless++ < 5)
            {
                kill--; // the file was whole just then: once more
                continue;
            }
            // on so fast a disk no kill finds a file half written: this is what one leaves
            string newest = Directory.EnumerateFiles(stormy.Root, "*.rnvpckpt").Order().Last();
            byte[] content = File.ReadAllBytes(newest);
            File.WriteAllBytes(newest + ".tmp", content[..(content.Length / 2)]);
        }
        using Process last = TrainingProcess.Start(kind, stormy.Root);
        Assert.Equal(expected, TrainingProcess.Written(last, minutes: 60));
    }

    [Fact]
    public void The_end_of_a_run_is_kept_and_gives_the_model_again_without_a_step()
    {
        using var folder = new TemporaryFolder();
        string expected = TrainingProcess.Hash(TrainingProcess.Fit(TrainingProcess.Table, folder.Root, options
            => TrainingProcess.Shorten(options, 150, 10_000)));
        Assert.Equal(2, Directory.GetFiles(folder.Root).Length); // the ends of two members
        bool stepped = false;
        Assert.Equal(expected, TrainingProcess.Hash(TrainingProcess.Fit(TrainingProcess.Table, folder.Root, options =>
        {
            Short(options);
            options.Progress = new Receiver(_ => stepped = true);
        })));
        Assert.False(stepped);
    }

    [Fact]
    public void A_damaged_checkpoint_is_named_and_the_one_before_is_used()
    {
        using var folder = new TemporaryFolder();
        string expected = TrainingProcess.Hash(TrainingProcess.Fit(TrainingProcess.Table, null, Short));
        TrainingProcess.Fit(TrainingProcess.Table, folder.Root, Short);
        string[] files = [.. Directory.GetFiles(folder.Root, "member-2-*").Order()];
        Assert.Equal(2, files.Length); // older ones are gone
        byte[] content = File.ReadAllBytes(files[1]);
        content[content.Length / 2] ^= 1;
        File.WriteAllBytes(files[1], content);
        var log = new List<string>();
        Assert.Equal(expected, TrainingProcess.Hash(TrainingProcess.Fit(TrainingProcess.Table, folder.Root, Short, log)));
        Assert.Contains(log, message => message.Contains(Path.GetFileName(files[1]), StringComparison.Ordinal)
            && message.Contains("checksum", StringComparison.Ordinal));
    }

    [Fact]
    public void A_cancelled_run_leaves_a_checkpoint_and_throws_or_gives_the_best_so_far()
    {
        using var folder = new TemporaryFolder();
        string expected = TrainingProcess.Hash(TrainingProcess.Fit(TrainingProcess.Table, null, Short));
        using var source = new CancellationTokenSource();
        void Cancelling(RealNvpTrainer.Options options)
        {
            TrainingProcess.Shorten(options, 150, 10_000);
            options.CancellationToken = source.Token;
            options.Progress = new Receiver(progress =>
            {
                if (progress.Step >= 100)
                    source.Cancel();
            });
        }
        Assert.Throws<OperationCanceledException>(() => TrainingProcess.Fit(TrainingProcess.Table, folder.Root, Cancelling));
        Assert.InRange(Directory.GetFiles(folder.Root).Length, 1, 2); // one of each member that had begun
        Export.FlowModel early = TrainingProcess.Fit(TrainingProcess.Table, null, options =>
        {
            Short(options);
            options.OnCancellation = OnCancellation.ReturnBest;
            options.CancellationToken = CancelAfter(options, 60);
        });
        Assert.Equal(2, early.Members.Length); // the columns are those that were promised
        Assert.Equal(expected, TrainingProcess.Hash(TrainingProcess.Fit(TrainingProcess.Table, folder.Root, Short)));
    }

    [Fact]
    public void Cancelling_in_the_last_evaluation_of_a_member_throws_and_keeps_its_end()
    {
        using var folder = new TemporaryFolder();
        string expected = TrainingProcess.Hash(TrainingProcess.Fit(TrainingProcess.Table, null, Short));
        void Cancelling(RealNvpTrainer.Options options, OnCancellation what)
        {
            TrainingProcess.Shorten(options, 150, 10_000);
            (options.OnCancellation, options.MembersAtOnce) = (what, 1);
            options.CancellationToken = CancelAfter(options, 150); // the last step of the first member of two
        }
        Assert.Throws<OperationCanceledException>(()
            => TrainingProcess.Fit(TrainingProcess.Table, folder.Root, options => Cancelling(options, OnCancellation.Throw)));
        Assert.Equal("member-1-checkpoint-000000000150.rnvpckpt", Path.GetFileName(Assert.Single(Checkpoints(folder))));
        Assert.Equal(expected, TrainingProcess.Hash(TrainingProcess.Fit(TrainingProcess.Table, folder.Root, Short)));
        // and where the best so far is asked for, the end of the member is kept too
        using var other = new TemporaryFolder();
        TrainingProcess.Fit(TrainingProcess.Table, other.Root, options => Cancelling(options, OnCancellation.ReturnBest));
        Assert.Single(Checkpoints(other));
        Assert.Equal(expected, TrainingProcess.Hash(TrainingProcess.Fit(TrainingProcess.Table, other.Root, Short)));
    }

    [Theory, InlineData("Trained in"), InlineData("Freezing flow 2 of 2."), InlineData("Computing 64 probe rows"), InlineData("Scoring "),
        InlineData("Checking the graphs")]
    public void Cancelling_after_the_last_step_throws_where_the_log_tells_what_is_done(string stage)
    {
        var log = new List<string>();
        Export.FlowModel Fit(OnCancellation what)
        {
            using var source = new CancellationTokenSource();
            return TrainingProcess.Fit(TrainingProcess.Table, null, options
                => (options.Steps, options.OnCancellation, options.CancellationToken) = (20, what, source.Token), log, message =>
            {
                if (message.StartsWith(stage, StringComparison.Ordinal))
                    source.Cancel();
            });
        }
        Assert.Throws<OperationCanceledException>(() => Fit(OnCancellation.Throw));
        Assert.DoesNotContain(log, message => message.StartsWith("Ready", StringComparison.Ordinal));
        Assert.Equal(2, Fit(OnCancellation.ReturnBest).Members.Length);
        Assert.Contains(log, message => message.StartsWith("Ready", StringComparison.Ordinal));
    }

    [Fact]
    public void Another_run_is_refused_with_what_differs()
    {
        using var folder = new TemporaryFolder();
        TrainingProcess.Fit(TrainingProcess.Table, folder.Root, Short);
        string message = Assert.Throws<InvalidOperationException>(()
            => TrainingProcess.Fit(TrainingProcess.Table, folder.Root, options
            => options.Table = options.Table with { HiddenUnits = 8 })).Message;
        Assert.Contains("HiddenUnits: 16", message, StringComparison.Ordinal);
        Assert.Contains("HiddenUnits: 8", message, StringComparison.Ordinal);
        message = Assert.Throws<InvalidOperationException>(()
            => TrainingProcess.Fit(TrainingProcess.Table, folder.Root, options
            => options.Checkpoints = options.Checkpoints! with { Resume = false })).Message;
        Assert.Contains("earlier run", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_option_and_row_that_shapes_a_run_is_named_where_it_differs()
    {
        using var folder = new TemporaryFolder();
        void Few(RealNvpTrainer.Options options) => TrainingProcess.Shorten(options, 20, 10);
        TrainingProcess.Fit(TrainingProcess.Table, folder.Root, Few);
        IDataView Rows(MLContext ml, int seed, float weight) => TrainingProcess.TableRows(ml, seed, weight);
        void Refused(string[] names, Action<RealNvpTrainer.Options> change, Func<MLContext, IDataView>? rows = null)
        {
            void Changed(RealNvpTrainer.Options options)
            {
                Few(options);
                change(options);
            }
            string message = Assert.Throws<InvalidOperationException>(()
                => TrainingProcess.Fit(TrainingProcess.Table, folder.Root, Changed, rows: rows)).Message;
            Assert.StartsWith("The checkpoint is of another run: it has ", message, StringComparison.Ordinal);
            Assert.All(names, name => Assert.Contains(name, message, StringComparison.Ordinal));
        }
        Refused(["'run.weights: Weight', this one 'run.weights: null'"], options => options.ExampleWeightColumnName = null);
        // the weights alone, and all by one factor
        Refused(["'rows.training_weights: ", "'rows.validation_weights: "], _ => { }, ml => Rows(ml, 1, 2));
        Refused(["'rows.training: "], _ => { }, ml => Rows(ml, 2, 1));
        Refused(["'rows.validation: "], options => options.Validation = Rows(new MLContext(), 3, 1));
        Refused(["'rows.calibration: "], options => options.Calibration = Rows(new MLContext(), 3, 1));
        Refused(["'design.Dequantize: true', this one 'design.Dequantize: false'"], options
            => options.Table = options.Table with { Dequantize = false });
        Refused(["'plan.Dropout: 0.1', this one 'plan.Dropout: 0.25'"], options => options.Dropout = 0.25);
        // another number of lines
        Refused(["'run.streamed: true', this one 'run.streamed: false'", "this one no 'run.shuffle_pool'"], options
            => options.Memory = new() { ResidentLimit = 1 << 20 });
        // and what does not shape it may change
        TrainingProcess.Fit(TrainingProcess.Table, folder.Root, options =>
        {
            Few(options);
            (options.Contamination, options.OnCancellation) = (0.2, OnCancellation.ReturnBest);
            options.Checkpoints = options.Checkpoints! with { Interval = 5 };
        });
    }

    [Fact]
    public void Content_that_no_run_writes_is_named_and_the_checkpoint_before_is_used()
    {
        using var folder = new TemporaryFolder();
        static void Few(RealNvpTrainer.Options options) => TrainingProcess.Shorten(options, 30, 10);
        string expected = TrainingProcess.Hash(TrainingProcess.Fit(TrainingProcess.Table, null, Few));
        Assert.Throws<OperationCanceledException>(() => TrainingProcess.Fit(TrainingProcess.Table, folder.Root, options =>
        {
            Few(options);
            options.MembersAtOnce = 1;
            options.CancellationToken = CancelAfter(options, 30 + 24); // the first member at its end, the second at step 24
        }));
        (string Path, byte[] Content)[] files = [.. Checkpoints(folder).Order().Select(path => (path, File.ReadAllBytes(path)))];
        Assert.Equal(["member-1-checkpoint-000000000020", "member-1-checkpoint-000000000030", "member-2-checkpoint-000000000020",
            "member-2-checkpoint-000000000024"], files.Select(file => Path.GetFileNameWithoutExtension(file.Path)));
        foreach ((string entry, Func<byte[], byte[]?> change, string reason) in new (string, Func<byte[], byte[]?>, string)[]
        {
            ("generator", _ => new byte[16], "'generator' has 16 bytes"), // as of a generator of another kind
            ("generator", bytes => Put(bytes, 8, BitConverter.GetBytes(-1)), "'generator: left' is -1"),
            ("generator", bytes => Put(bytes, 12, BitConverter.GetBytes(0)), "'generator: seeded' is 0"),
            ("generator", bytes => Put(bytes, 16, BitConverter.GetBytes(1000L)), "'generator: next' is 1000"),
            ("loop", bytes => bytes[..8], "'loop' has 8 bytes"),
            ("loop", bytes => Put(bytes, 24, BitConverter.GetBytes(double.NaN)), "'loop: step' is NaN"),
            ("typical", _ => new byte[16 * sizeof(double)], "'typical' is 16"),
            ("schedule", bytes => Put(bytes, 8, BitConverter.GetBytes(-1.0)), "'schedule: evaluations since the better' is -1"),
            ("threads", _ => BitConverter.GetBytes(0L), "'threads' is 0"),
            ("member", _ => BitConverter.GetBytes(2L), "'member' is 2"),
            ("batches.batch", _ => BitConverter.GetBytes(1L << 40), "'batches.batch' is 1099511627776"),
            ("best.3", bytes => bytes[..4], "'best.3' has 4 bytes"),
            ("flow.2", bytes => [.. bytes, 0], "'flow.2' has "),
            ("outcome", bytes => bytes[..8], "'outcome' has 8 bytes"),
            ("outcome", bytes => Put(bytes, 0, BitConverter.GetBytes(-1.0)), "'outcome: steps' is -1"),
            ("adam.1", _ => null, "no value 'adam.1'"),
            ("identity", _ => null, "no value 'identity'"),
        })
        {
            Array.ForEach(Checkpoints(folder), File.Delete);
            foreach ((string path, byte[] content) in files)
                File.WriteAllBytes(path, content);
            string changed = files[entry == "outcome" ? 1 : ^1].Path; // which the end of a member alone has
            CheckpointBytes.Change(changed, entry, change);
            var log = new List<string>();
            Assert.Equal(expected, TrainingProcess.Hash(TrainingProcess.Fit(TrainingProcess.Table, folder.Root, Few, log)));
            Assert.Contains(log, message => message.Contains(Path.GetFileName(changed), StringComparison.Ordinal)
                && message.Contains(reason, StringComparison.Ordinal));
        }

        static byte[] Put(byte[] bytes, int at, byte[] value) => [.. bytes[..at], .. value, .. bytes[(at + value.Length)..]];
    }

    [Fact]
    public void Checkpoints_that_cannot_be_written_are_tried_again_and_end_no_run()
    {
        using var folder = new TemporaryFolder();
        string expected = TrainingProcess.Hash(TrainingProcess.Fit(TrainingProcess.Table, null, Few));
        string path = Path.Combine(folder.Root, "checkpoints");
        var log = new List<string>();
        void Losing(RealNvpTrainer.Options options, long from, long to)
        {
            Few(options);
            (options.Checkpoints, options.MembersAtOnce) = (new(path) { Interval = 10 }, 1);
            options.Progress = new Receiver(progress =>
            {
                if (progress.Step == from)
                    Directory.Delete(path, recursive: true);
                if (progress.Step == to)
                    Directory.CreateDirectory(path);
            });
        }
        Assert.Equal(expected, TrainingProcess.Hash(TrainingProcess.Fit(TrainingProcess.Table, null, options => Losing(options, 24, 54),
            log)));
        // of the first member 30, 40 and its end, of the second 10
        Assert.Equal(["30", "40", "40", "10"],
            log.Where(message => message.Contains("is not written", StringComparison.Ordinal)).Select(message => message.Split(' ')[4]));
        // the first member's end was tried again at the end of the run; no lock is left
        Assert.Equal(["member-1-checkpoint-000000000040", "member-2-checkpoint-000000000030", "member-2-checkpoint-000000000040"],
            Directory.GetFiles(path).Select(Path.GetFileNameWithoutExtension).Order());

        Directory.Delete(path, recursive: true);
        CheckpointException error = Assert.Throws<CheckpointException>(()
            => TrainingProcess.Fit(TrainingProcess.Table, null, options => Losing(options, 74, -1)));
        Assert.Contains(path, error.Message, StringComparison.Ordinal);
        Assert.Equal(expected, TrainingProcess.Hash(error.Model));

        static void Few(RealNvpTrainer.Options options) => TrainingProcess.Shorten(options, 40, 10);
    }

    [Fact]
    public void A_folder_that_cannot_be_written_is_told_before_training()
    {
        using var folder = new TemporaryFolder();
        string file = Path.Combine(folder.Root, "file");
        File.WriteAllText(file, "");
        var log = new List<string>();
        string message = Assert.Throws<IOException>(()
            => TrainingProcess.Fit(TrainingProcess.Table, Path.Combine(file, "within"), log: log)).Message;
        Assert.Contains("within' cannot be written", message, StringComparison.Ordinal);
        Assert.DoesNotContain(log, line => line.StartsWith("Training on", StringComparison.Ordinal));
    }

    [Fact]
    public void Two_runs_do_not_share_a_folder()
    {
        using var folder = new TemporaryFolder();
        int refused = 0;
        TrainingProcess.Fit(TrainingProcess.Table, folder.Root, options =>
        {
            options.Steps = 20;
            options.Progress = new Receiver(_ =>
            {
                string message = Assert.Throws<IOException>(() => TrainingProcess.Fit(TrainingProcess.Table, folder.Root)).Message;
                Assert.Contains("another run has it", message, StringComparison.Ordinal);
                refused++;
            });
        });
        Assert.True(refused > 1); // the first that is refused takes no lock away
        TrainingProcess.Fit(TrainingProcess.Table, folder.Root, options => options.Steps = 20);
    }

    /// <summary>Where no process is killed that must still be at work, fewer steps do.</summary>
    private static void Short(RealNvpTrainer.Options options) => TrainingProcess.Shorten(options, 150, 10);

    private static string[] Checkpoints(TemporaryFolder folder) => Directory.GetFiles(folder.Root, "*.rnvpckpt");

    private static CancellationToken CancelAfter(RealNvpTrainer.Options options, long step)
    {
        var source = new CancellationTokenSource();
        options.Progress = new Receiver(progress =>
        {
            if (progress.Step >= step)
                source.Cancel();
        });
        return source.Token;
    }
}
