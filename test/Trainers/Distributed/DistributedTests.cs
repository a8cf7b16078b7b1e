using RealNvp.ML.Bench.Engine;
using RealNvp.ML.Export;
using RealNvp.ML.Tests.Transforms.Images;
using RealNvp.ML.Trainers;

namespace RealNvp.ML.Tests.Trainers.Distributed;

/// <summary>Several ranks, here threads, come to what one process comes to.</summary>
public sealed class DistributedTests
{
    [Theory, InlineData(RankTraining.Table, 2), InlineData(RankTraining.Table, 3),
        InlineData(RankTraining.NormedTable, 2), InlineData(RankTraining.Images, 2)]
    public void Ranks_have_the_weights_of_one_process_with_the_same_batches(string what, int ranks)
    {
        FlowModel one = RankTraining.Fit(what, null, null);
        FlowModel[] all = ThreadExchange.Run(ranks, exchange => RankTraining.Fit(what, exchange, null));
        Assert.All(all, model => Assert.Equal(RankTraining.Weights(all[0]), RankTraining.Weights(model))); // bit for bit among them
        NearFlows.Assert(what, one, all[0]);
    }

    /// <summary>So few steps are enough for a training that drops out a little more to come to something else.</summary>
    [Theory, InlineData(RankTraining.Table), InlineData(RankTraining.Images)]
    public void Another_training_is_told_apart(string what)
        => Assert.ThrowsAny<Xunit.Sdk.XunitException>(() => NearFlows.Assert(what, RankTraining.Fit(what, null, null),
            RankTraining.Fit(what, null, null, options => options.Dropout += 0.05)));

    [Fact]
    public void A_run_goes_on_with_another_number_of_ranks()
    {
        FlowModel one = RankTraining.Fit(RankTraining.Table, null, null);
        using var folder = new TemporaryFolder();
        AggregateException error = Assert.Throws<AggregateException>(() => ThreadExchange.Run(2, exchange =>
        {
            using var source = new CancellationTokenSource();
            return RankTraining.Fit(RankTraining.Table, exchange, folder.Root, options =>
            {
                options.CancellationToken = source.Token;
                options.Progress = new Receiver(progress => // of rank 0 alone: the other stops too
                {
                    if (progress.Step >= 100)
                        source.Cancel();
                });
            });
        }));
        Assert.All(error.InnerExceptions, inner => Assert.IsAssignableFrom<OperationCanceledException>(inner));
        Assert.Equal(2, error.InnerExceptions.Count);
        Assert.NotEmpty(Directory.GetFiles(folder.Root, "*.rnvpckpt"));
        NearFlows.Assert(RankTraining.Table, one, ThreadExchange.Run(3, exchange
            => RankTraining.Fit(RankTraining.Table, exchange, folder.Root))[0]);
    }

    [Fact]
    public void One_rank_alone_is_no_other_run()
    {
        FlowModel alone = Assert.Single(ThreadExchange.Run(1, exchange => RankTraining.Fit(RankTraining.Table, exchange, null)));
        NearFlows.Assert(RankTraining.Table, RankTraining.Fit(RankTraining.Table, null, null), alone);
    }

    [Fact]
    public void Ranks_that_are_not_alike_are_told_before_the_first_step()
    {
        AggregateException error = Assert.Throws<AggregateException>(() => ThreadExchange.Run(2, exchange
            => RankTraining.Fit(RankTraining.Table, exchange, null, options => options.Seed = exchange.Rank)));
        Assert.Contains(error.InnerExceptions, inner => inner is InvalidOperationException
            && inner.Message.Contains("options or rows of rank 1 differ from those of rank 0", StringComparison.Ordinal));
        error = Assert.Throws<AggregateException>(() => ThreadExchange.Run(3, exchange
            => RankTraining.Fit(RankTraining.Table, exchange, null, options => options.BatchSize = 2)));
        Assert.Contains("A batch has 2 rows, which 3 processes cannot share", error.InnerExceptions[0].Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_first_rank_alone_reports()
    {
        int[] reports = new int[2];
        ThreadExchange.Run(2, exchange => RankTraining.Fit(RankTraining.Table, exchange, null, options
            => options.Progress = new Receiver(_ => reports[exchange.Rank]++)));
        Assert.True(reports[0] > 0);
        Assert.Equal(0, reports[1]);
    }
}
