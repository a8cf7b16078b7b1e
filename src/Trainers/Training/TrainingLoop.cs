using System.Diagnostics;
using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Trainers.Training;

/// <summary>The numbers that a training run needs, all chosen.</summary>
internal sealed record TrainingPlan(int BatchSize, long Steps, double LearningRate, double WeightDecay, double GradientClip, double Trim, int EvaluationInterval, int Patience);

/// <summary>What a training run came to. Log-likelihoods are means in nats, in the units of the feature column.</summary>
internal sealed record TrainingOutcome(long Steps, double TrainingLogLikelihood, double ValidationLogLikelihood, int Rollbacks, bool StoppedEarly);

/// <summary>
/// Maximum likelihood training of a flow on rows that are held as one tensor. The best model by validation likelihood is what remains; a loss that turns
/// NaN or explodes goes back to it with a lower learning rate.
/// </summary>
internal sealed class TrainingLoop
{
    private const int MaxRollbacks = 5;

    /// <summary>A typical NLL per feature that exceeds the best one seen by this many nats counts as an explosion.</summary>
    private const double ExplosionPerFeature = 50;

    private readonly Flow _flow;
    private readonly TrainingPlan _plan;
    private readonly Generator _generator;
    private readonly Tensor _rows;
    private readonly Tensor? _validation;
    private readonly TrainingNoise _noise;

    /// <summary>A run over rows [n, D] on the flow's device; <paramref name="validation"/> may be null.</summary>
    public TrainingLoop(Flow flow, TrainingPlan plan, Generator generator, Tensor rows, Tensor? validation, TrainingNoise noise)
    {
        _flow = flow;
        _plan = plan;
        _generator = generator;
        _rows = rows;
        _validation = validation;
        _noise = noise;
    }

    /// <summary>Progress, after each evaluation.</summary>
    public IProgress<TrainingProgress>? Progress { get; init; }

    /// <summary>Is told what went wrong.</summary>
    public Action<string> Warn { get; init; } = _ => { };

    /// <summary>Trains; leaves the flow in evaluation mode with the best weights and the statistics of the whole training set.</summary>
    /// <exception cref="InvalidOperationException">The loss did not stay finite at any learning rate tried.</exception>
    public TrainingOutcome Run(CancellationToken cancellation)
    {
        using AdamOptimizer optimizer = new(_flow.parameters());
        using Snapshot best = new(_flow);
        var schedule = new LearningRateSchedule(_plan.LearningRate, _plan.Steps);
        using var order = new BatchOrder(_rows.shape[0], _plan.BatchSize, _generator, _rows.device);
        var typical = new RunningMedian(15); // one extreme row makes a batch's mean enormous, and clipping makes it harmless
        double bestNll = double.PositiveInfinity, bestTypical = double.PositiveInfinity, rate = 1, sum = 0;
        int rollbacks = 0, evaluationsSinceBest = 0;
        long since = 0, step = 0;
        var clock = Stopwatch.StartNew();
        TimeSpan lastReport = TimeSpan.Zero;
        bool stopped = false;

        _flow.train();
        for (; step < _plan.Steps && !stopped; step++)
        {
            cancellation.ThrowIfCancellationRequested();
            double learningRate = rate * schedule.At(step);
            (double nll, double norm) = Step(optimizer, order, learningRate);

            double median = typical.Add(nll);
            if (!double.IsFinite(nll) || !double.IsFinite(norm) || median > bestTypical + ExplosionPerFeature * _rows.shape[1])
            {
                if (++rollbacks > MaxRollbacks)
                    throw new InvalidOperationException($"Training failed: the loss was {nll} at step {step} after {MaxRollbacks} returns to the best model, the last with a learning rate of {learningRate:G3}. Look for extreme values in the data, or lower LearningRate.");
                rate /= 4;
                best.Restore();
                optimizer.Reset();
                typical.Clear();
                Warn($"The loss was {nll:G5} (gradient norm {norm:G5}) at step {step}: back to the best model so far, learning rate divided by 4.");
                continue;
            }
            if (double.IsFinite(median))
                bestTypical = Math.Min(bestTypical, median);
            sum += nll;
            since++;

            bool last = step + 1 == _plan.Steps;
            if ((step + 1) % _plan.EvaluationInterval != 0 && !last)
                continue;
            double validationNll = _validation is null ? double.NaN : Evaluate(_validation);
            if (_validation is null || validationNll < bestNll)
            {
                bestNll = validationNll;
                evaluationsSinceBest = 0;
                best.Take();
            }
            else
            {
                evaluationsSinceBest++;
                stopped = _plan.Patience > 0 && evaluationsSinceBest >= _plan.Patience;
            }
            TimeSpan now = clock.Elapsed;
            double rows = (double)since * order.BatchSize;
            double epoch = order.Epochs(step + 1), epochs = order.Epochs(_plan.Steps);
            Progress?.Report(new TrainingProgress(epoch, epochs, step + 1, _plan.Steps, sum / since, validationNll, bestNll,
                learningRate, rows / (now - lastReport).TotalSeconds, now, now / (step + 1) * (_plan.Steps - step - 1)));
            (sum, since, lastReport) = (0, 0, now);
        }

        best.Restore();
        double trainingNll = Evaluate(_rows);
        return new TrainingOutcome(step, -trainingNll, -bestNll, rollbacks, stopped);
    }

    private (double Nll, double GradientNorm) Step(AdamOptimizer optimizer, BatchOrder order, double learningRate)
    {
        using IDisposable scope = NewDisposeScope();
        Tensor batch = _noise.Add(_rows.index_select(0, order.Next()));
        optimizer.ZeroGradients();
        Tensor loss = -Kept(_flow.LogLikelihood(batch)).mean();
        loss.backward();
        return (loss.item<float>(), optimizer.Step(learningRate, _plan.WeightDecay, _plan.GradientClip));
    }

    /// <summary>
    /// The rows that count: all but the share with the lowest likelihood (trimmed likelihood: Hadi and Luceño 1997), which in a contaminated training set
    /// are the anomalies, so that the flow does not learn them.
    /// </summary>
    private Tensor Kept(Tensor logLikelihoods)
    {
        long rows = logLikelihoods.shape[0], trimmed = (long)Math.Round(_plan.Trim * rows);
        return trimmed == 0 ? logLikelihoods : logLikelihoods.topk((int)(rows - trimmed), sorted: false).values;
    }

    /// <summary>The mean NLL of rows as the frozen flow will have it.</summary>
    private double Evaluate(Tensor rows)
    {
        _flow.RefreshStatistics(_rows);
        _flow.eval();
        using IDisposable guard = inference_mode();
        double total = 0;
        foreach ((long first, long count) in Chunks(rows.shape[0]))
        {
            using IDisposable scope = NewDisposeScope();
            total -= _flow.LogLikelihood(rows.narrow(0, first, count)).sum().item<float>();
        }
        _flow.train();
        return total / rows.shape[0];
    }

    private static IEnumerable<(long First, long Count)> Chunks(long rows)
    {
        const long Size = 8192;
        for (long first = 0; first < rows; first += Size)
            yield return (first, Math.Min(Size, rows - first));
    }
}
