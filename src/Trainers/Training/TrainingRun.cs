using Microsoft.ML.Runtime;
using RealNvp.ML.Export;
using RealNvp.ML.Export.Steps;
using RealNvp.ML.Trainers.Checkpoints;
using RealNvp.ML.Trainers.Data;
using RealNvp.ML.Trainers.Designs;
using RealNvp.ML.Trainers.Flows;
using RealNvp.ML.Trainers.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Trainers.Training;

/// <summary>
/// Trains the members of a model, several side by side where cores are there for it. Each has all that it draws and writes for itself, and
/// shares the rows alone, so that it comes out the same whatever trains beside it.
/// </summary>
internal sealed class TrainingRun : IDisposable
{
    private const int MostThreads = 1 << 16;

    private readonly RunSettings _settings;
    private readonly TrainingPlan _plan;
    private readonly TrainingData _data;
    private readonly RunIdentity _identity;
    private readonly FlowRecipe _recipe;
    private readonly CheckpointFolder? _folder;
    private readonly ProgressFan _progress;
    private readonly EvaluationRows _rows;
    private readonly Flow?[] _flows;
    private readonly TrainingOutcome?[] _outcomes;
    private readonly bool[] _ended;
    private volatile bool _wasCut;
    private readonly Exception?[] _unsaved;
    private readonly Lock _saved = new();
    private readonly Checkpoint?[] _ends; // of members that are trained, until they are written

    /// <summary>A run over rows, which remain the caller's, as does the folder.</summary>
    /// <param name="settings">Of the run.</param>
    /// <param name="plan">Of the training.</param>
    /// <param name="data">The rows.</param>
    /// <param name="about">What is said of the flow before it is trained.</param>
    /// <param name="folder">Where checkpoints go; null for none.</param>
    /// <param name="channel">Receives messages.</param>
    public TrainingRun(RunSettings settings, TrainingPlan plan, TrainingData data, FlowMetadata about, CheckpointFolder? folder,
        IChannel channel)
    {
        _settings = settings;
        _plan = plan;
        _data = data;
        _identity = RunIdentity.Of(settings, plan, data);
        _recipe = FlowRecipe.Of(settings, plan, data, about);
        _folder = folder;
        _progress = new ProgressFan(settings.Progress, channel, settings.TensorBoardFolder, settings.Members, plan.Steps,
            settings.Design.Bits(data.Facts));
        _rows = settings.Design.Evaluation(data.Sample, data.Validation, data.Facts, settings.Seed);
        _flows = new Flow?[settings.Members];
        _outcomes = new TrainingOutcome?[settings.Members];
        _ended = new bool[settings.Members];
        _unsaved = new Exception?[settings.Members];
        _ends = new Checkpoint?[settings.Members];
    }

    /// <summary>
    /// The trained flows, one per member, in evaluation mode. Of a run that was cancelled, those that there are stand in for those that
    /// there are not: a mixture has its columns, whatever came of it.
    /// </summary>
    public IReadOnlyList<Flow> Flows
    {
        get
        {
            Flow[] there = [.. _flows.OfType<Flow>()];
            return [.. _flows.Select((_, i) => there[i % there.Length])];
        }
    }

    /// <summary>What the flows are made of.</summary>
    public FlowRecipe Recipe => _recipe;

    /// <summary>What training came to, for each member that learns.</summary>
    public IReadOnlyList<TrainingOutcome> Outcomes => [.. _outcomes.OfType<TrainingOutcome>()];

    /// <summary>Why the last checkpoint of a member could not be written; null where all were, or where none are.</summary>
    public Exception? Unsaved => Array.Find(_unsaved, error => error is not null);

    /// <summary>Trains.</summary>
    /// <param name="threads">Takes the thread count that a checkpoint records.</param>
    /// <exception cref="OperationCanceledException">The run was cancelled, and that is to throw.</exception>
    public void Run(TorchThreads threads)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(_settings.Cancellation);
        if (_settings.Resumes)
        {
            _folder!.RequireNoOther(found => _identity.Require(found.Text("identity")));
            _folder.GoOn(0, from => threads.Set(ThreadsOf(from)), _ => { }); // told where the member goes on
        }
        int ofEach = get_num_threads(), atOnce = Math.Min(_settings.MembersAtOnce, _settings.Members);
        try
        {
            SideBySide.Run(_settings.Members, atOnce, member =>
            {
                if (member > 0 && _settings.Exchange is null && _settings.Cancellation.IsCancellationRequested)
                    return false;
                if (atOnce == 1)
                    return Begin(member, stop.Token);
                using var gradients = new GradientMode(); // a setting of the thread
                set_num_threads(ofEach);
                return Begin(member, stop.Token);
            }, stop.Cancel);
        }
        catch (Exception e) when (_settings.Exchange is not null && e is not OperationCanceledException)
        {
            _settings.Exchange.Abort(e.Message);
            throw;
        }
        catch (OperationCanceledException) when (_settings.Cancellation.IsCancellationRequested)
        {
            _settings.Cancellation.ThrowIfCancellationRequested(); // by the token that the caller knows
            throw;
        }
        foreach (int member in Enumerable.Range(0, _settings.Members).Where(member => _ended[member] && _unsaved[member] is not null))
            WriteEnd(member); // a disk may have room by now
        // a loop that had ended when it was cancelled has saved its end
        if (!_settings.CancelGivesBest)
            _settings.Cancellation.ThrowIfCancellationRequested();
    }

    public void Dispose()
    {
        foreach (Flow? flow in _flows)
            flow?.Dispose();
        _rows.Dispose();
    }

    /// <summary>Trains a member from its checkpoint on, or from the start; all of the checkpoint is read before the first step.</summary>
    private bool Begin(int member, CancellationToken cancellation)
    {
        if (!_settings.Resumes || !_folder!.GoOn(member, from => Train(member, from, cancellation), _progress.Warn))
            Train(member, null, cancellation);
        // of several processes all were cut, or none was
        return !_wasCut && (_settings.Exchange is not null || !_settings.Cancellation.IsCancellationRequested);
    }

    private void Train(int member, Checkpoint? from, CancellationToken cancellation)
    {
        _flows[member]?.Dispose(); // what a checkpoint before this one had, until it was found to be damaged
        long? otherSteps = null;
        if (from is not null)
        {
            otherSteps = _identity.Require(from.Text("identity"));
            from.Integer("member", member, member);
            ThreadsOf(from);
            if (otherSteps is { } steps)
                RequireMore(from, steps);
        }
        int seed = _recipe.SeedOf(member);
        using var random = new DeviceRandom(seed, _settings.Device);
        Flow flow = _recipe.Build(member, random);
        _flows[member] = flow;
        flow.to(_settings.Device);
        if (!flow.Learns)
            return;
        if (from is not null && from.Has("outcome") && otherSteps is null)
            Restore(member, from, flow);
        else
            Train(member, seed, flow, random, from, otherSteps, cancellation);
        try
        {
            Complete(member, flow, seed);
        }
        finally
        {
            if (_ends[member] is not null)
                WriteEnd(member);
        }
        _progress.End(member);
    }

    /// <summary>Requires that a run whose steps are others now has some left.</summary>
    private void RequireMore(Checkpoint from, long otherSteps)
    {
        long done = from.Has("loop") ? TrainingLoop.StepOf(from) : TrainingOutcome.Load(from).Steps;
        Checkpoint.Require(done >= 0 && done <= otherSteps, "steps", done);
        if (done < _plan.Steps)
        {
            if (!from.Has("loop"))
                throw new DamagedCheckpointException("it is the end of a run by a version that kept the trained flow alone, from which no "
                    + "longer run goes on");
            return;
        }
        throw new InvalidOperationException($"The checkpoint has {done} steps done of {otherSteps}, and this run is to have {_plan.Steps}: "
            + $"give more than {done} Steps (or Epochs) to go on, {otherSteps} for the run as it was, or choose another folder.");
    }

    private void Train(int member, int seed, Flow flow, DeviceRandom random, Checkpoint? from, long? otherSteps,
        CancellationToken cancellation)
    {
        Checkpoint? end = null;
        using var loop = new TrainingLoop(_settings.Design, _plan, _data.Facts, flow, random,
            _data.OpenBatches(_plan.BatchSize, seed, random), _rows, _settings.Exchange)
        {
            MustAgree = [("options or rows", _identity.Number), ("the flow", member)],
            Progress = _progress.Of(member),
            Warn = _progress.Warn,
            Tell = _progress.Tell,
            CancelGivesBest = _settings.CancelGivesBest,
            Stepped = loop =>
            {
                if (loop.Step % _settings.CheckpointInterval == 0)
                    Save(member, loop);
            },
            Ended = loop => end = Writes ? Of(member, loop) : null,
            Cancelled = loop =>
            {
                if (Writes)
                    Write(member, loop.Step, end ?? Of(member, loop));
            },
        };
        if (from is not null)
            loop.Load(from);
        if (otherSteps is { } steps)
        {
            (double next, double last) = loop.GoOn(steps);
            _progress.Tell($"Going on from step {loop.Step} of {steps}{OfMixture(member)} to {_plan.Steps}: the learning rate is from here "
                + $"on that of a run of {_plan.Steps} steps, {next:G3} after {last:G3}.");
        }
        _progress.Begin(member, loop.Step);
        TrainingOutcome outcome = loop.Run(cancellation);
        _outcomes[member] = outcome;
        _wasCut |= loop.WasCut;
        _ended[member] = !loop.WasCut; // a run that was cut has saved where
        if (!_ended[member] || end is null)
            return;
        outcome.Save(end);
        end.Add("end", flow.state_dict().Values);
        _ends[member] = end; // to be written once it is complete
    }

    private bool Writes => _folder is not null && _settings.Writes;

    private void Save(int member, TrainingLoop loop)
    {
        if (Writes)
            Write(member, loop.Step, Of(member, loop));
    }

    /// <summary>What a member came to, and what a longer run goes on from.</summary>
    private void WriteEnd(int member)
    {
        Write(member, _outcomes[member]!.Steps, _ends[member]!);
        if (_unsaved[member] is null)
            _ends[member] = null;
    }

    /// <summary>All that the rest of a member's run depends on.</summary>
    private Checkpoint Of(int member, TrainingLoop loop)
    {
        var checkpoint = new Checkpoint();
        checkpoint.Add("identity", _identity.Text);
        checkpoint.Add("threads", (long)get_num_threads());
        checkpoint.Add("member", (long)member);
        _recipe.Save(checkpoint);
        loop.Save(checkpoint);
        return checkpoint;
    }

    private string OfMixture(int member) => _settings.Members == 1 ? "" : $" of flow {member + 1}";

    private void Write(int member, long step, Checkpoint checkpoint)
    {
        try
        {
            _folder!.Save(member, step, checkpoint);
            _unsaved[member] = null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            _unsaved[member] = e; // hours of training are worth more than one checkpoint, and a disk may have room again
            _progress.Warn($"The checkpoint of step {step}{OfMixture(member)} is not written: {e.Message} Training goes on without, and "
                + $"tries again at the next multiple of {_settings.CheckpointInterval} steps.");
            return;
        }
        if (_settings.CheckpointSaved is { } receiver)
        {
            lock (_saved)
                receiver.Report(step);
        }
    }

    /// <summary>
    /// What is fitted to the trained flow and told of it; from a checkpoint's flow it comes out the same.
    /// </summary>
    private void Complete(int member, Flow flow, int seed)
    {
        if (_outcomes[member] is not { } outcome)
            return;
        _outcomes[member] = outcome = outcome with { LogScaleUse = flow.LogScaleUse(_rows.Sample.Rows) };
        Checkpoint? end = _ends[member];
        if (end is not null)
            outcome.SaveUse(end);
        // what is to be trimmed would be clusters like others
        var fit = _plan.Trim > 0 ? null : _settings.Design.FitLatents(flow, _rows, _data.Facts, seed);
        flow.EndIn(LatentMixture.WithTail(fit?.Mixture, _settings.Design.Shape.Size, _recipe.TailWeight));
        if (fit is not var (mixture, training, validation))
            return;
        int components = mixture.Weights.Length;
        _outcomes[member] = outcome.With(components, training, validation);
        if (end is not null)
            SavedLatents.Save(end, mixture, training, validation);
        _progress.Tell($"The latent{OfMixture(member)} is a mixture of a standard normal and {components} Gaussians, which makes "
            + $"validation rows more likely by {validation:G3} nats.");
    }

    /// <summary>A member that had come to its end.</summary>
    private void Restore(int member, Checkpoint checkpoint, Flow flow)
    {
        TrainingOutcome outcome = TrainingOutcome.Load(checkpoint);
        Checkpoint.Require(outcome.Steps <= _plan.Steps, "outcome: steps", outcome.Steps);
        // versions that kept nothing to go on from had the trained flow in the place of the last one
        checkpoint.CopyTo(checkpoint.Has("loop") ? "end" : "flow", flow.state_dict().Values);
        _outcomes[member] = outcome;
        flow.eval();
    }

    private static int ThreadsOf(Checkpoint checkpoint) => (int)checkpoint.Integer("threads", 1, MostThreads);
}
