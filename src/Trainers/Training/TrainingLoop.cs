using System.Diagnostics;
using RealNvp.ML.Trainers.Checkpoints;
using RealNvp.ML.Trainers.Data.Batches;
using RealNvp.ML.Trainers.Data.Columns;
using RealNvp.ML.Trainers.Data.Rows;
using RealNvp.ML.Trainers.Designs;
using RealNvp.ML.Trainers.Distributed;
using RealNvp.ML.Trainers.Flows;
using RealNvp.ML.Trainers.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Trainers.Training;

/// <summary>
/// Maximum likelihood training of a flow. The best model by validation likelihood is what remains; a loss that turns NaN or explodes goes
/// back to it with a lower learning rate. All that the rest of a run depends on can be saved after any step.
/// </summary>
internal sealed class TrainingLoop : IDisposable
{
    private const int MaxRollbacks = 5;

    /// <summary>Numbers of its own that a checkpoint has.</summary>
    private const int LoopNumbers = 11;

    /// <summary>A typical NLL per feature that exceeds the best one seen by this many nats counts as an explosion.</summary>
    private const double ExplosionPerFeature = 50;

    /// <summary>Steps that say what is typical.</summary>
    private const int TypicalSteps = 15;

    /// <summary>Rows that say what is typical.</summary>
    private const long TypicalRows = 128;

    /// <summary>An NLL per feature within this many nats of the best typical one is that of a model to keep.</summary>
    private const double CalmPerFeature = 5;

    /// <summary>An evaluation NLL per feature that exceeds that of training by this many nats is worth a warning.</summary>
    private const double DivergencePerFeature = 3;

    /// <summary>
    /// Steps before the first evaluation after which a table's flow is looked at: where rows are few it may be at its best there.
    /// </summary>
    private static readonly int[] EarlyLooks = [5, 10, 20, 35];

    private static readonly Scalar s_one = 1.0.ToScalar();
    private static readonly Scalar s_minusOne = (-1.0).ToScalar();

    private readonly Flow _flow;
    private readonly TrainingPlan _plan;
    private readonly DeviceRandom _random;
    private readonly IBatchSource _batches;
    private readonly DeviceRows _sample;
    private readonly DeviceRows? _validation, _earlyValidation;
    private readonly TrainingNoise _noise;
    private readonly HorizontalFlips? _flips;
    private readonly ConditionDropout? _conditionDropout;
    private readonly int _features;
    private readonly AdamOptimizer _optimizer;
    private readonly AveragedWeights? _average;
    private readonly Snapshot _best;
    private readonly Snapshot? _early;
    private readonly LearningRateSchedule _schedule;
    // of the median row of each batch: a few extreme rows make a batch's mean enormous, and clipping makes them harmless
    private readonly RunningMedian _typical = new(TypicalSteps);

    // losses, typical ones and gradient norms of the last steps, as they are on the device: reading one there holds the program until the
    // step is done
    private readonly List<(Tensor Nll, Tensor Typical, Tensor Norm, double LearningRate)> _unread = [];
    private readonly bool _onGpu, _readsLate;
    private readonly DataParallel? _ranks;

    // of validation rows; of batches, the first one counted too
    private double _bestNll = double.PositiveInfinity, _bestTypical = double.PositiveInfinity;
    private double _earlyNll = double.PositiveInfinity; // of the best among the start and the early looks
    private double _sum; // of the NLL over _since steps
    private long _step, _since, _earlyStep, _bestStep;
    private int _rollbacks, _evaluationsSinceBest;
    private bool _stopped, _warnedOfDivergence;

    /// <summary>A training, put together. It takes over <paramref name="batches"/>; the flow and the rows remain the caller's.</summary>
    /// <param name="design">What was built.</param>
    /// <param name="plan">How it is trained.</param>
    /// <param name="facts">What is known of the columns.</param>
    /// <param name="flow">What is trained, on the device of its rows.</param>
    /// <param name="random">Draws everything random of this run.</param>
    /// <param name="batches">What to train on.</param>
    /// <param name="rows">What is looked at between the steps.</param>
    /// <param name="exchange">With which other processes; null for none.</param>
    /// <param name="readsLate">Whether losses are read once an evaluation, not after each step; where left out, on anything but a
    /// CPU.</param>
    public TrainingLoop(FlowDesign design, TrainingPlan plan, ColumnFacts facts, Flow flow, DeviceRandom random, IBatchSource batches,
        EvaluationRows rows, IGradientExchange? exchange = null, bool? readsLate = null)
    {
        _flow = flow;
        _plan = plan;
        _random = random;
        _batches = batches;
        (_sample, _validation, _earlyValidation) = rows;
        _onGpu = _sample.Rows.device_type != DeviceType.CPU;
        _readsLate = readsLate ?? _onGpu;
        _ranks = exchange is null ? null : new DataParallel(exchange, flow.parameters(), batches.BatchSize);
        _noise = design.Noise(facts, plan.Noise, random, _sample.Rows.device);
        _flips = design.Flips(random);
        _conditionDropout = design.ConditionDropout(random);
        _features = design.Shape.Size;
        _optimizer = new AdamOptimizer(
            flow.parameters(), flow.Steps.SelectMany(step => step.PenalisedGains), flow.Steps.SelectMany(step => step.BoundedGains));
        _average = plan.AveragedWeights > 0 ? new AveragedWeights(flow.parameters(), plan.AveragedWeights) : null;
        _best = new Snapshot(flow);
        _early = _validation is null ? null : new Snapshot(flow);
        _schedule = new LearningRateSchedule(plan.LearningRate, plan.Steps, plan.Decay, plan.WarmUp);
    }

    /// <summary>Progress, after each evaluation.</summary>
    public IProgress<TrainingProgress>? Progress { get; init; }

    /// <summary>Receives what went wrong.</summary>
    public Action<string> Warn { get; init; } = _ => { };

    /// <summary>Receives what was chosen.</summary>
    public Action<string> Tell { get; init; } = _ => { };

    /// <summary>Steps so far.</summary>
    public long Step => _step;

    /// <summary>Is called after every step: the moment to save.</summary>
    public Action<TrainingLoop> Stepped { get; init; } = _ => { };

    /// <summary>
    /// Is called where the last step is done, before the best model takes the place of the last one: the moment to save what a longer run
    /// goes on from.
    /// </summary>
    public Action<TrainingLoop> Ended { get; init; } = _ => { };

    /// <summary>Is called where a run is cancelled, before it ends.</summary>
    public Action<TrainingLoop> Cancelled { get; init; } = _ => { };

    /// <summary>Whether a cancelled run ends with the best model so far instead of an exception.</summary>
    public bool CancelGivesBest { get; init; }

    /// <summary>What must be the same on all processes that train together, by name.</summary>
    public IReadOnlyList<(string Name, long Value)> MustAgree { get; init; } = [];

    /// <summary>Whether the run ended before its last step for having been cancelled.</summary>
    public bool WasCut { get; private set; }

    /// <summary>Trains; leaves the flow in evaluation mode with the best weights and the statistics of the training sample.</summary>
    /// <exception cref="InvalidOperationException">The loss exploded at every learning rate tried, and no model was better than the flow
    /// from before the first step.</exception>
    /// <exception cref="OperationCanceledException">The run was cancelled, and that is to throw.</exception>
    public TrainingOutcome Run(CancellationToken cancellation)
    {
        var clock = Stopwatch.StartNew();
        TimeSpan lastReport = TimeSpan.Zero;
        long first = _step;
        _ranks?.RequireSame([.. MustAgree, ("the step to begin at", _step)]);
        _flow.eval();
        if (_step == 0)
            ConsiderStart();
        _flow.train();
        while (_step < _plan.Steps && !_stopped)
        {
            if (_ranks?.IsCancelled ?? cancellation.IsCancellationRequested)
            {
                Cancelled(this);
                if (!CancelGivesBest)
                    throw new OperationCanceledException(cancellation);
                Settle();
                Evaluate();
                WasCut = true;
                break;
            }
            double learningRate = _schedule.At(_step);
            Learn(learningRate, cancellation);
            _step++;
            bool evaluates = _step % _plan.EvaluationInterval == 0 || _step == _plan.Steps;
            bool looks = !evaluates && IsEarlyLook(_step);
            bool calm = (_readsLate && !evaluates && !looks) || Settle();
            if (calm && looks)
                Look();
            if (calm && evaluates)
            {
                double validationNll = Evaluate();
                TimeSpan now = clock.Elapsed;
                double rows = (double)_since * _batches.BatchSize;
                Progress?.Report(new TrainingProgress(_batches.Epochs(_step), _batches.Epochs(_plan.Steps), _step, _plan.Steps,
                    _sum / _since, validationNll, _bestNll,
                    learningRate, rows / (now - lastReport).TotalSeconds, now, now / (_step - first) * (_plan.Steps - _step)));
                (_sum, _since, lastReport) = (0, 0, now);
            }
            Stepped(this);
        }
        if (!WasCut)
            Ended(this);

        _best.Restore();
        PreferEarly(tells: !cancellation.IsCancellationRequested);
        double trainingNll;
        try
        {
            // passes over all rows that are held take minutes where these are images; no process of several may stay away from them
            CancellationToken end = CancelGivesBest || _ranks is not null ? CancellationToken.None : cancellation;
            _flow.RefreshStatistics(_sample.Rows, end);
            trainingNll = MeanNll(_sample, end);
        }
        catch (OperationCanceledException)
        {
            Cancelled(this);
            throw;
        }
        if (!double.IsFinite(trainingNll))
            throw new InvalidOperationException($"Training failed: the NLL of the training rows is {trainingNll} after {_step} steps. "
                + "Look for extreme values in the data, or lower LearningRate.");
        _flow.eval();
        return new TrainingOutcome(_step, -trainingNll, -_bestNll, _rollbacks, _stopped, _bestStep);
    }

    /// <summary>Records all that the rest of the run depends on.</summary>
    public void Save(Checkpoint checkpoint)
    {
        Settle();
        checkpoint.Add("loop", _bestNll, _bestTypical, _sum, _step, _since, _rollbacks, _evaluationsSinceBest, _stopped ? 1 : 0,
            _warnedOfDivergence ? 1 : 0, _earlyNll, _earlyStep);
        checkpoint.Add("kept", _bestStep);
        checkpoint.Add("typical", _typical.Values);
        _random.Save(checkpoint);
        checkpoint.Add("flow", _flow.state_dict().Values);
        _best.Save(checkpoint, "best");
        _early?.Save(checkpoint, "early");
        _optimizer.Save(checkpoint);
        _average?.Save(checkpoint);
        _schedule.Save(checkpoint);
        _batches.Save(checkpoint);
    }

    /// <summary>The steps that a checkpoint's run had done.</summary>
    public static long StepOf(Checkpoint checkpoint) => (long)checkpoint.Numbers("loop", LoopNumbers)[3];

    /// <summary>
    /// Copies a flow out of a checkpoint, with the averages of its weights where those are kept, and says how far it was.
    /// </summary>
    /// <param name="checkpoint">What was saved.</param>
    /// <param name="flow">A flow of the same design, on the CPU.</param>
    /// <param name="latest">Whether the last weights are wanted, not the best ones so far; before the first evaluation there are no
    /// others.</param>
    /// <exception cref="DamagedCheckpointException">The checkpoint is not what such a run writes.</exception>
    public static TrainingOutcome Copy(Checkpoint checkpoint, Flow flow, bool latest)
    {
        if (!latest && checkpoint.Has("outcome"))
        {
            checkpoint.CopyTo("end", flow.state_dict().Values);
            return TrainingOutcome.Load(checkpoint);
        }
        double[] state = checkpoint.Numbers("loop", LoopNumbers);
        bool evaluated = !double.IsPositiveInfinity(state[0]);
        latest |= !evaluated;
        checkpoint.CopyTo(latest ? "flow" : "best", flow.state_dict().Values);
        if (latest && checkpoint.Has("average.0"))
            checkpoint.CopyTo("average", flow.parameters());
        return new TrainingOutcome((long)state[3], double.NaN, evaluated ? -state[0] : double.NaN, (int)state[5], state[7] != 0,
            !latest && checkpoint.Has("kept") ? checkpoint.Integer("kept", 0, (long)state[3]) : (long)state[3]);
    }

    /// <summary>Goes to where a run of the same plan and rows was.</summary>
    /// <exception cref="DamagedCheckpointException">The checkpoint is not what such a run writes.</exception>
    public void Load(Checkpoint checkpoint)
    {
        double[] state = checkpoint.Numbers("loop", LoopNumbers);
        Checkpoint.Require(state[3] >= 0 && state[3] <= _plan.Steps, "loop: step", state[3]);
        Checkpoint.Require(state[4] >= 0 && state[4] <= _plan.Steps, "loop: steps since the last evaluation", state[4]);
        Checkpoint.Require(state[5] is >= 0 and <= MaxRollbacks, "loop: rollbacks", state[5]);
        Checkpoint.Require(state[6] >= 0 && state[6] <= _plan.Steps, "loop: evaluations since the best", state[6]);
        Checkpoint.Require(state[10] >= 0 && state[10] <= state[3], "loop: step of the best early model", state[10]);
        (_bestNll, _bestTypical, _sum) = (state[0], state[1], state[2]);
        (_step, _since, _rollbacks, _evaluationsSinceBest) = ((long)state[3], (long)state[4], (int)state[5], (int)state[6]);
        (_stopped, _warnedOfDivergence, _earlyNll, _earlyStep) = (state[7] != 0, state[8] != 0, state[9], (long)state[10]);
        if (checkpoint.Has("kept")) // checkpoints of before it was told have none
            _bestStep = checkpoint.Integer("kept", 0, _step);
        _typical.Clear();
        foreach (double value in checkpoint.NumbersUpTo("typical", TypicalSteps))
            _typical.Add(value);
        _random.Load(checkpoint);
        checkpoint.CopyTo("flow", _flow.state_dict().Values);
        _best.Load(checkpoint, "best");
        _early?.Load(checkpoint, "early");
        _optimizer.Load(checkpoint);
        _average?.Load(checkpoint);
        _schedule.Load(checkpoint);
        _batches.Restore(checkpoint);
    }

    /// <summary>
    /// Goes on after the end of a run that was to have other steps: patience begins anew, and the learning rate is from here on that of a
    /// run of this many steps.
    /// </summary>
    /// <param name="steps">What the other run was to have.</param>
    /// <returns>The learning rate of the next step, and that of the last one.</returns>
    public (double Next, double Last) GoOn(long steps)
    {
        (_stopped, _evaluationsSinceBest) = (false, 0);
        return (_schedule.At(_step), _schedule.Of(steps, Math.Max(0, _step - 1)));
    }

    public void Dispose()
    {
        _batches.Dispose();
        _noise.Dispose();
        _optimizer.Dispose();
        _average?.Dispose();
        _best.Dispose();
        _early?.Dispose();
        ForgetUnread();
    }

    private void Learn(double learningRate, CancellationToken cancellation)
    {
        using IDisposable scope = NewDisposeScope();
        using MatrixPrecision? precision = _onGpu ? new MatrixPrecision(_plan.TensorFloat32) : null;
        _random.Begin(_step);
        Tensor rows = _batches.Next(), batch = _noise.Add(_flips?.Apply(rows) ?? rows);
        batch = _conditionDropout?.Apply(batch) ?? batch;
        _optimizer.ZeroGradients();
        Tensor loss, typical;
        if (_ranks is null)
        {
            Tensor logLikelihoods = _flow.LogLikelihood(batch);
            loss = -Mean(logLikelihoods);
            loss.backward();
            typical = -logLikelihoods.detach().median();
        }
        else
        {
            (loss, typical) = _ranks.Backward(batch, Trimmed(batch.shape[0]), _flow.LogLikelihood, cancellation.IsCancellationRequested);
        }
        _optimizer.Penalize(_plan.GainPenalty);
        Tensor norm = _optimizer.Step(learningRate, _plan.WeightDecay, _plan.GradientClip);
        _average?.Update();
        _unread.Add((loss.detach().DetachFromDisposeScope(), typical.DetachFromDisposeScope(), norm.DetachFromDisposeScope(),
            learningRate));
    }

    /// <summary>
    /// Looks at what the steps since the last call came to. False where the loss or its gradient was not calm: the model then is the best
    /// one again, and what the steps after that one did is forgotten with it.
    /// </summary>
    private bool Settle()
    {
        if (_unread.Count == 0)
            return true;
        float[] values;
        using (NewDisposeScope())
            values = stack(_unread.SelectMany(step => new[] { step.Nll, step.Typical, step.Norm })).cpu().data<float>().ToArray();
        (double LearningRate, long Step)[] steps = [.. _unread.Select((step, i) => (step.LearningRate, _step - _unread.Count + i + 1))];
        ForgetUnread();
        for (int i = 0; i < steps.Length; i++)
        {
            (double nll, double typical, double norm) = (values[3 * i], values[3 * i + 1], values[3 * i + 2]);
            if (!IsCalm(steps[i].Step, nll, typical, norm))
            {
                RollBack(steps[i].Step, nll, norm, steps[i].LearningRate);
                return false;
            }
            _sum += nll;
            _since++;
        }
        return true;
    }

    private void ForgetUnread()
    {
        foreach ((Tensor nll, Tensor typical, Tensor norm, _) in _unread)
        {
            nll.Dispose();
            typical.Dispose();
            norm.Dispose();
        }
        _unread.Clear();
    }

    /// <summary>
    /// The mean over the rows that count: all but the share with the lowest likelihood (trimmed likelihood: Hadi and Luceño 1997), which in
    /// a contaminated training set are the anomalies, so that the flow does not learn them.
    /// </summary>
    private Tensor Mean(Tensor logLikelihoods)
    {
        long rows = logLikelihoods.shape[0], trimmed = Trimmed(rows);
        return trimmed == 0 ? logLikelihoods.mean() : logLikelihoods.topk((int)(rows - trimmed), sorted: false).values.mean();
    }

    private long Trimmed(long rows) => (long)Math.Round(_plan.Trim * rows);

    private bool IsCalm(long step, double nll, double typical, double norm)
    {
        double median = _typical.Add(typical);
        if (step == 1 && double.IsFinite(typical))
            _bestTypical = typical; // of the flow before its first step
        if (!double.IsFinite(nll) || !double.IsFinite(norm) || median > _bestTypical + ExplosionPerFeature * _features)
            return false;
        if (double.IsFinite(median))
            _bestTypical = Math.Min(_bestTypical, median);
        return true;
    }

    /// <summary>Whether a typical training row is about as likely as it was: a model that is exploding is none to go back to.</summary>
    private bool IsWorthKeeping()
    {
        _flow.eval();
        using IDisposable scope = NewDisposeScope(), guard = inference_mode();
        long count = Math.Min(_sample.Count, TypicalRows);
        Tensor rows = _sample.Weights is null ? _sample.Rows.narrow(0, 0, count) : _sample.Rows.index_select(0, RowsByWeight.Draw(
            _sample.Weights, count, zeros(1, dtype: ScalarType.Float64, device: _sample.Rows.device)));
        Tensor logLikelihoods = _flow.LogLikelihood(rows);
        double typical = -logLikelihoods.median().item<float>();
        return (_ranks?.Agreed(typical) ?? typical) <= _bestTypical + CalmPerFeature * _features;
    }

    private void RollBack(long step, double nll, double norm, double learningRate)
    {
        _best.Restore();
        _optimizer.Reset();
        _average?.Reset();
        _typical.Clear();
        if (_rollbacks < MaxRollbacks)
        {
            _rollbacks++;
            _schedule.Multiply(0.25);
            Warn($"The loss was {nll:G5} (gradient norm {norm:G5}) at step {step}: back to the best model so far, learning rate divided "
                + "by 4.");
            return;
        }
        string what = $"the loss was {nll:G9} at step {step} after {MaxRollbacks} returns to the best model, the last with a learning rate "
            + $"of {learningRate:G3}. Look for extreme values in the data, or lower LearningRate.";
        if (_bestStep == 0 && _earlyStep == 0)
            throw new InvalidOperationException($"Training failed: {what}");
        Warn($"Training ends early, with the best model so far: {what}"); // what was learned is not thrown away
        _stopped = true;
    }

    /// <summary>The flow before its first step may be the best one: on few rows every step can make validation worse.</summary>
    private void ConsiderStart()
    {
        if (_early is null)
            return;
        double nll = Look();
        _earlyNll = double.IsFinite(nll) ? nll : double.PositiveInfinity;
    }

    /// <summary>Whether a step before the first evaluation is worth a look of its own; images take too long.</summary>
    private bool IsEarlyLook(long step)
        => _plan.LooksEarly && _early is not null && step < _plan.EvaluationInterval && EarlyLooks.Contains((int)step);

    /// <summary>
    /// Keeps the present model as an early one where it is better than the others; patience, schedule and reports know nothing of it.
    /// </summary>
    private double Look()
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable? averages = _average?.Swap();
        _flow.RefreshStatistics(_sample.Rows.narrow(0, 0, Math.Min(_sample.Count, _plan.StatisticsRows)));
        double nll = MeanNll(_earlyValidation!);
        if (nll < _earlyNll && (double.IsInfinity(_earlyNll) || IsSurelyAboveEarly()))
        {
            (_earlyNll, _earlyStep) = (nll, _step);
            _early!.Take();
        }
        _flow.train();
        return nll;
    }

    /// <summary>
    /// Whether the present model, which by the mean is better than the best early one, is so by more than chance where few rows validate.
    /// </summary>
    private bool IsSurelyAboveEarly()
    {
        if (!HeldOutGain.IsOfFew(_earlyValidation!.Count))
            return true;
        using DisposeScope scope = NewDisposeScope();
        using var present = new Snapshot(_flow);
        float[] values = LogLikelihoods();
        _early!.Restore();
        float[] others = LogLikelihoods();
        present.Restore();
        bool sure = !others.All(float.IsFinite) || HeldOutGain.IsSure(
            [.. values.Zip(others, (value, other) => (double)value - other)], _earlyValidation.HostWeights(_earlyValidation.Count));
        return _ranks is null ? sure : _ranks.Agreed(sure ? 1 : 0) > 0;

        float[] LogLikelihoods()
        {
            _flow.eval();
            using IDisposable guard = inference_mode();
            return FloatTensors.Array(_flow.LogLikelihood(_earlyValidation!.Rows));
        }
    }

    /// <summary>
    /// Puts the best early model in the place of the best one, where later steps have not made validation better, by few rows not surely.
    /// </summary>
    private void PreferEarly(bool tells)
    {
        if (_early is null)
            return;
        double late = double.IsFinite(_bestNll) ? MeanNll(_earlyValidation!) : double.NaN; // where none of them had a number
        if (late <= _earlyNll && IsSurelyAboveEarly())
            return;
        _early.Restore();
        (_bestNll, _bestStep) = (MeanNll(_validation!), _earlyStep);
        if (!tells)
            return;
        if (_earlyStep == 0 && _plan.StartPatience > 0)
        {
            Tell($"The flow remains the Gaussian that it started as: in {_step} steps nothing made the validation rows more likely.");
            return;
        }
        Warn($"Training did not make the validation rows more likely: of {_step} steps {_earlyStep} are kept"
            + (_earlyStep == 0 ? ", that is the flow from before the first step, which for a table is a Gaussian. " : ". ")
            + (HeldOutGain.IsOfFew(_earlyValidation!.Count) ? "Of so few validation rows a gain counts from two standard errors on. " : "")
            + "Give more rows, raise Dropout or Noise, lower LearningRate, or take fewer Couplings and HiddenUnits.");
    }

    private bool TakeIfBetter(out double nll)
    {
        _flow.RefreshStatistics(_sample.Rows.narrow(0, 0, Math.Min(_sample.Count, _plan.StatisticsRows)));
        nll = _validation is null ? double.NaN : MeanNll(_validation);
        if (!IsWorthKeeping() || !(_validation is null || nll < _bestNll)) // without validation rows the last model counts as the best
            return false;
        (_bestNll, _bestStep) = (nll, _step);
        _best.Take();
        return true;
    }

    /// <summary>Takes the present model as the best one where it is; the validation NLL, NaN without validation rows.</summary>
    private double Evaluate()
    {
        using DisposeScope scope = NewDisposeScope();
        _ranks?.Agree(_flow.state_dict().Values);
        using IDisposable? averages = _average?.Swap();
        bool better = TakeIfBetter(out double nll);
        _schedule.Evaluated(better);
        if (better)
        {
            _evaluationsSinceBest = 0;
        }
        else
        {
            _evaluationsSinceBest++;
            _stopped = _plan.Patience > 0 && _evaluationsSinceBest >= _plan.Patience;
        }
        _stopped |= StaysAtStart();
        WarnOfDivergence(nll);
        _flow.train();
        return nll;
    }

    /// <summary>Whether the start was good, and a few evaluations have found nothing better.</summary>
    private bool StaysAtStart() => _plan.StartPatience > 0 && _early is not null && _earlyStep == 0 && !(_bestNll < _earlyNll)
        && _step >= (long)_plan.StartPatience * _plan.EvaluationInterval;

    private void WarnOfDivergence(double nll)
    {
        if (_warnedOfDivergence || _since == 0 || !(nll - _sum / _since > DivergencePerFeature * _features))
            return;
        _warnedOfDivergence = true;
        Warn($"Evaluation has parted from training: at step {_step} the validation NLL is {nll:G5}, that of training {_sum / _since:G5} "
            + "nats per row. The best model so far is kept. Where this goes on, validation rows are unlike training rows, the flow "
            + "overfits (raise Dropout), or batch norm statistics jump (raise BatchSize, lower LearningRate).");
    }

    /// <summary>The mean NLL of rows as the frozen flow will have it.</summary>
    private double MeanNll(DeviceRows rows, CancellationToken cancellation = default)
    {
        _flow.eval();
        using IDisposable guard = inference_mode();
        using IDisposable outer = NewDisposeScope();
        // read once: each look holds the program until the device is done
        Tensor sums = zeros(2, ScalarType.Float64, rows.Rows.device), total = sums[0], weight = sums[1];
        if (_ranks is null)
            Add(0, rows.Count);
        else
            _ranks.Total(rows.Count, Add, sums);
        double mean = total.item<double>() / (rows.Weights is null ? rows.Count : weight.item<double>());
        return double.IsNegativeInfinity(mean) ? double.NaN : mean; // no row is infinitely likely: float32 has overflown

        void Add(long begin, long number)
        {
            for (long first = begin; first < begin + number; first += _plan.EvaluationBatch)
            {
                cancellation.ThrowIfCancellationRequested();
                using IDisposable scope = NewDisposeScope();
                long count = Math.Min(_plan.EvaluationBatch, begin + number - first);
                Tensor logLikelihoods = _flow.LogLikelihood(rows.Rows.narrow(0, first, count));
                Tensor? weights = rows.Weights?.narrow(0, first, count).to(ScalarType.Float64);
                total.add_((weights is null ? logLikelihoods : logLikelihoods * weights).sum(), s_minusOne);
                if (weights is not null)
                    weight.add_(weights.sum(), s_one);
            }
        }
    }
}
