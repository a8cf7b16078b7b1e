using Microsoft.ML;
using RealNvp.ML.Bench.Engine;
using RealNvp.ML.Export;
using RealNvp.ML.Tests.Transforms.Images;
using RealNvp.ML.Trainers;
using RealNvp.ML.Trainers.Training;

namespace RealNvp.ML.Tests.Trainers;

/// <summary>Members that train side by side come out as they do one after the other, bit for bit.</summary>
public sealed class MembersAtOnceTests
{
    [Theory, InlineData(2), InlineData(3), InlineData(8)]
    public void A_table_has_the_same_weights_however_many_train_at_once(int atOnce)
    {
        string expected = TrainingProcess.Hash(Table(1, null));
        Assert.Equal(expected, TrainingProcess.Hash(Table(atOnce, null)));
    }

    [Fact]
    public void So_do_images_with_dropout_and_flips_and_rows_that_are_held()
    {
        FlowModel Fit(int atOnce) => TrainingProcess.Fit(TrainingProcess.Image, null, options =>
        {
            (options.Steps, options.Members, options.MembersAtOnce, options.Dropout) = (4, 3, atOnce, 0.2);
            options.Image = options.Image! with { HorizontalFlips = true };
        });
        FlowModel[] models = [Fit(1), Fit(3)];
        Assert.Equal(3, models[0].Members.Length);
        Assert.Equal(TrainingProcess.Hash(models[0]), TrainingProcess.Hash(models[1]));
    }

    [Fact]
    public void A_run_that_stops_amid_several_members_goes_on_to_the_same_weights()
    {
        using var folder = new TemporaryFolder();
        string expected = TrainingProcess.Hash(Table(1, null));
        for (int stop = 1; stop <= 3; stop++)
        {
            using var source = new CancellationTokenSource();
            Assert.Equal(source.Token, Assert.ThrowsAny<OperationCanceledException>(() => Table(2, folder.Root, options =>
            {
                options.CancellationToken = source.Token;
                int reports = 0;
                options.Progress = new Receiver(_ =>
                {
                    if (++reports == 12)
                        source.Cancel();
                });
            })).CancellationToken);
        }
        Assert.True(Directory.GetFiles(folder.Root, "member-*-checkpoint-*.rnvpckpt").Select(path => Path.GetFileName(path)[..8]).Distinct()
            .Count() > 1);
        // and side by side is no part of what the run is
        Assert.Equal(expected, TrainingProcess.Hash(Table(3, folder.Root)));
        Assert.Equal(expected, TrainingProcess.Hash(Table(1, folder.Root)));
    }

    [Fact]
    public void Cancelled_for_the_best_so_far_those_that_began_stand_in_for_the_others()
    {
        using var source = new CancellationTokenSource();
        FlowModel model = Table(2, null, options =>
        {
            (options.Members, options.CancellationToken, options.OnCancellation) = (5, source.Token, OnCancellation.ReturnBest);
            int reports = 0;
            options.Progress = new Receiver(_ =>
            {
                if (++reports == 20)
                    source.Cancel();
            });
        });
        string[] members = [.. model.Members.Select(steps => TrainingProcess.Hash(new FlowModel(model.InputShape, steps)))];
        Assert.Equal(5, members.Length);
        Assert.InRange(members.Distinct().Count(), 1, 4); // one in its middle, the other there or not begun
    }

    [Fact]
    public void Progress_comes_one_call_at_a_time_and_counts_the_steps_of_all()
    {
        int inside = 0;
        var reports = new List<TrainingProgress>();
        Table(3, null, options => options.Progress = new Receiver(progress =>
        {
            Assert.Equal(1, Interlocked.Increment(ref inside));
            reports.Add(progress);
            Thread.Sleep(1);
            Interlocked.Decrement(ref inside);
        }));
        Assert.All(reports, report => Assert.Equal(3 * 60, report.Steps));
        Assert.Equal(reports.Select(report => report.Step).Order(), reports.Select(report => report.Step));
        Assert.Equal(3 * 60, reports[^1].Step);
        Assert.Equal(reports[^1].Epochs, reports[^1].Epoch, 1e-9);
        Assert.Equal(TimeSpan.Zero, reports[^1].Remaining);
    }

    [Fact]
    public void An_error_in_one_member_ends_the_others_and_is_what_is_thrown()
    {
        int reports = 0;
        string message = Assert.Throws<InvalidDataException>(() => Table(2, null, options
            => options.Progress = new Receiver(_ =>
            {
                if (++reports == 5)
                    throw new InvalidDataException("enough");
            }))).Message;
        Assert.Equal("enough", message);
        Assert.InRange(reports, 5, 8); // the other may be at a report or two
    }

    [Fact]
    public void Curves_of_members_are_runs_of_their_own()
    {
        using var folder = new TemporaryFolder();
        Table(3, null, options => options.TensorBoardFolder = folder.Root);
        Assert.Equal(["member-1", "member-2", "member-3"], Directory.GetDirectories(folder.Root).Select(Path.GetFileName).Order());
        Assert.All(Directory.GetDirectories(folder.Root), path => Assert.Single(Directory.GetFiles(path, "*tfevents*")));
    }

    [Fact]
    public void A_checkpoint_of_another_number_of_members_is_refused()
    {
        using var folder = new TemporaryFolder();
        Table(2, folder.Root);
        foreach (int members in new[] { 1, 2 })
        {
            string message = Assert.Throws<InvalidOperationException>(() => Table(1, folder.Root, options => options.Members = members))
                .Message;
            Assert.Contains($"'run.members: 3', this one 'run.members: {members}'", message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Work_side_by_side_is_done_once_in_order_of_its_beginning_and_the_first_error_is_thrown()
    {
        var begun = new List<int>();
        SideBySide.Run(50, 4, i =>
        {
            lock (begun)
                begun.Add(i);
            return i != 20;
        }, () => { });
        Assert.Equal(begun.Distinct().Count(), begun.Count);
        Assert.InRange(begun.Count, 21, 24); // three others may have begun beside
        Assert.True(begun.Order().SequenceEqual(Enumerable.Range(0, begun.Count)));
        bool stopped = false;
        Assert.Throws<InvalidDataException>(() => SideBySide.Run(10, 2, i
            => i == 3 ? throw new InvalidDataException() : true, () => stopped = true));
        Assert.True(stopped);
    }

    /// <summary>Three small flows over a streamed table.</summary>
    private static FlowModel Table(int atOnce, string? folder, Action<RealNvpTrainer.Options>? change = null)
        => TrainingProcess.Fit(TrainingProcess.Table, folder, options =>
        {
            TrainingProcess.Shorten(options, 60, 7);
            (options.Members, options.MembersAtOnce) = (3, atOnce);
            change?.Invoke(options);
        });
}
