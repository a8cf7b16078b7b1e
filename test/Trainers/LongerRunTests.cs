using System.Text.RegularExpressions;
using Microsoft.ML;
using RealNvp.ML.Bench.Engine;
using RealNvp.ML.Export;
using RealNvp.ML.Tests.Transforms.Images;
using RealNvp.ML.Trainers;

namespace RealNvp.ML.Tests.Trainers;

/// <summary>A run that is finished or was stopped is made longer, and comes to what one of as many steps comes to.</summary>
public sealed class LongerRunTests
{
    [Theory, InlineData(TrainingProcess.Table), InlineData(TrainingProcess.Image)]
    public void A_finished_run_goes_on_to_the_weights_of_one_of_as_many_steps_bit_for_bit(string kind)
    {
        using var folder = new TemporaryFolder();
        (int first, int last) = kind == TrainingProcess.Image ? (5, 9) : (12, 30);
        var log = new List<string>();
        string Fit(string? path, int steps) => TrainingProcess.Hash(TrainingProcess.Fit(kind, path, options =>
        {
            Even(options, steps);
            if (kind == TrainingProcess.Image)
                options.Image = options.Image! with { Levels = 16 };
        }, log, rows: kind == TrainingProcess.Image ? SmallImages : null));
        string expected = Fit(null, last);
        Fit(folder.Root, first);
        log.Clear();
        Assert.Equal(expected, Fit(folder.Root, last));
        Assert.Contains(log, message => message.StartsWith($"Going on from step {first} of {first}", StringComparison.Ordinal)
            && message.Contains($" to {last}: the learning rate is from here on that of a run of {last} steps", StringComparison.Ordinal));
    }

    private static IDataView SmallImages(MLContext ml) => Tables.Load(ml, Tables.Gaussian(40, 3 * 4 * 4, seed: 1).Select(row
        => Array.ConvertAll(row, value => MathF.Floor(MathF.Abs(value)) % 16)), 3, 4, 4);

    [Fact]
    public void A_run_that_was_stopped_goes_on_to_more_or_fewer_steps_than_it_was_to_have()
    {
        string expected = TrainingProcess.Hash(TrainingProcess.Fit(TrainingProcess.Table, null, options => Even(options, 30)));
        foreach (int planned in new[] { 20, 39 })
        {
            using var folder = new TemporaryFolder();
            using var source = new CancellationTokenSource();
            Assert.Throws<OperationCanceledException>(() => TrainingProcess.Fit(TrainingProcess.Table, folder.Root, options =>
            {
                Even(options, planned);
                (options.MembersAtOnce, options.CancellationToken) = (1, source.Token);
                options.Progress = new Receiver(progress =>
                {
                    if (progress.Step >= 8)
                        source.Cancel();
                });
            }));
            Assert.Equal(expected, TrainingProcess.Hash(TrainingProcess.Fit(TrainingProcess.Table, folder.Root, options
                => Even(options, 30))));
        }
    }

    [Fact]
    public void The_learning_rate_is_that_of_a_run_of_as_many_steps()
    {
        using var folder = new TemporaryFolder();
        Dictionary<long, double> Rates(string? path, int steps, List<string>? log = null)
        {
            var rates = new Dictionary<long, double>();
            TrainingProcess.Fit(TrainingProcess.Table, path, options =>
            {
                Even(options, steps);
                (options.Members, options.LearningRate) = (1, 0.01);
                options.Optimizer = new() { Decay = LearningRateDecay.Cosine };
                options.Progress = new Receiver(progress => rates.Add(progress.Step, progress.LearningRate));
            }, log);
            return rates;
        }
        Dictionary<long, double> straight = Rates(null, 30), first = Rates(folder.Root, 12);
        var log = new List<string>();
        Dictionary<long, double> then = Rates(folder.Root, 30, log);
        Assert.True(first[12] < 0.0003);
        Assert.Equal(Enumerable.Range(13, 18).Select(step => (long)step), then.Keys);
        Assert.All(then, rate => Assert.Equal(straight[rate.Key], rate.Value, 1e-15));
        string told = Assert.Single(log, message => message.StartsWith("Going on from step 12 of 12 to 30", StringComparison.Ordinal));
        Match rates = Regex.Match(told, @"steps, (\S+) after (\S+)\.$");
        Assert.Equal([straight[13], first[12]], rates.Groups.Values.Skip(1).Select(group
            => double.Parse(group.Value, System.Globalization.CultureInfo.InvariantCulture)), (a, b) => Math.Abs(a - b) < 0.01 * b);
    }

    [Fact]
    public void A_run_that_stopped_early_goes_on_with_its_patience_anew()
    {
        using var folder = new TemporaryFolder();
        void Still(RealNvpTrainer.Options options, int patience)
        {
            TrainingProcess.Shorten(options, 30, 10);
            (options.Members, options.Patience, options.LearningRate) = (1, patience, 1e-30); // nothing ever gets better
            options.Table = options.Table with { BatchNorm = false };
        }
        long Steps(int patience) => long.Parse(TrainingProcess.Fit(TrainingProcess.Table, folder.Root, options => Still(options, patience))
            .Metadata.Training["steps"], System.Globalization.CultureInfo.InvariantCulture);
        Assert.Equal(3, Steps(2)); // the first evaluation, and two that are no better
        Assert.Equal(7, Steps(4));
        Assert.Equal(30, Steps(0));
    }

    [Fact]
    public void Fewer_steps_than_are_done_are_refused_and_so_is_another_run()
    {
        using var folder = new TemporaryFolder();
        TrainingProcess.Fit(TrainingProcess.Table, folder.Root, options => Even(options, 12));
        string message = Assert.Throws<InvalidOperationException>(()
            => TrainingProcess.Fit(TrainingProcess.Table, folder.Root, options => Even(options, 9))).Message;
        Assert.Contains("12 steps done of 12, and this run is to have 9: give more than 12 Steps", message, StringComparison.Ordinal);
        message = Assert.Throws<InvalidOperationException>(() => TrainingProcess.Fit(TrainingProcess.Table, folder.Root, options =>
        {
            Even(options, 30);
            options.LearningRate = 0.5;
        })).Message;
        Assert.StartsWith("The checkpoint is of another run", message, StringComparison.Ordinal);
        Assert.Contains("LearningRate: 0.5", message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_end_of_an_earlier_version_is_left_aside_for_the_checkpoint_before()
    {
        using var folder = new TemporaryFolder();
        string expected = TrainingProcess.Hash(TrainingProcess.Fit(TrainingProcess.Table, null, One(30)));
        FlowModel model = TrainingProcess.Fit(TrainingProcess.Table, folder.Root, One(12));
        string end = Directory.GetFiles(folder.Root, "*.rnvpckpt").Order().Last();
        CheckpointBytes.Change(end, "loop", _ => null); // it kept the trained flow and no more
        foreach (int i in Enumerable.Range(0, CheckpointBytes.Count(end, "end.")))
        {
            byte[] trained = [];
            CheckpointBytes.Change(end, $"end.{i}", value =>
            {
                trained = value;
                return null;
            });
            CheckpointBytes.Change(end, $"flow.{i}", _ => trained);
        }
        Assert.Equal(TrainingProcess.Hash(model), TrainingProcess.Hash(TrainingProcess.Fit(TrainingProcess.Table, folder.Root, One(12))));
        var log = new List<string>();
        Assert.Equal(expected, TrainingProcess.Hash(TrainingProcess.Fit(TrainingProcess.Table, folder.Root, One(30), log)));
        Assert.Contains(log, line => line.Contains($"{Path.GetFileName(end)} is left aside: it is the end of a run by a version",
            StringComparison.Ordinal));

        static Action<RealNvpTrainer.Options> One(int steps) => options =>
        {
            Even(options, steps);
            options.Members = 1;
        };
    }

    /// <summary>
    /// A rate that stays, a warm-up of one step whatever their number, and the last weights kept: so that a longer run does at first what
    /// a shorter one does.
    /// </summary>
    private static void Even(RealNvpTrainer.Options options, int steps)
    {
        TrainingProcess.Shorten(options, steps, 5);
        options.Optimizer = options.Optimizer with { Decay = LearningRateDecay.None };
        options.ValidationFraction = 0;
    }
}
