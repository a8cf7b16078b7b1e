using Microsoft.ML.Runtime;
using RealNvp.ML.Trainers.Checkpoints;
using RealNvp.ML.Trainers.Data;
using RealNvp.ML.Trainers.Designs;
using RealNvp.ML.Trainers.Flows;
using RealNvp.ML.Trainers.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Trainers.Training;

/// <summary>Trains the members of a model one after the other, with checkpoints.</summary>
internal sealed class TrainingRun : IDisposable
{
    private const int MostThreads = 1 << 16;

    private readonly RunSettings _settings;
    private readonly TrainingPlan _plan;
    private readonly TrainingData _data;
    private readonly IChannel _channel;
    private readonly RunIdentity _identity;
    private readonly CheckpointFolder? _folder;
    private readonly TensorBoardLog? _tensorBoard;
    private readonly EvaluationRows _rows;
    private readonly List<Flow> _flows = [];
    private readonly List<TrainingOutcome> _outcomes = [];

    /// <summary>A run over rows, which remain the caller's, as does the folder.</summary>
    public TrainingRun(RunSettings settings, TrainingPlan plan, TrainingData data, CheckpointFolder? folder, IChannel channel)
    {
        _settings = settings;
        _plan = plan;
        _data = data;
        _channel = channel;
        _identity = RunIdentity.Of(settings, plan, data);
        _folder = folder;
        _tensorBoard = settings.TensorBoardFolder is { } log ? new TensorBoardLog(log) : null;
        _rows = settings.Design.Evaluation(data.Sample, data.Validation, data.Facts, settings.Seed);
    }

    /// <summary>The trained flows, one per member, in evaluation mode.</summary>
    public IReadOnlyList<Flow> Flows => _flows;

    /// <summary>What training came to, for each member that learns.</summary>
    public IReadOnlyList<TrainingOutcome> Outcomes => _outcomes;

    /// <summary>Why the last checkpoint could not be written; null where it was, or where none are.</summary>
    public Exception? Unsaved { get; private set; }

    /// <summary>Trains.</summary>
    /// <param name="threads">Takes the thread count that a checkpoint records.</param>
    public void Run(TorchThreads threads)
    {
        if (_settings.Resumes && _folder!.GoOn(from => Run(from, threads), Warn))
            return;
        Run(null, threads);
    }

    /// <summary>Trains from a checkpoint on, or from the start; all of the checkpoint is read before the first step.</summary>
    private void Run(Checkpoint? from, TorchThreads threads)
    {
        Forget(); // what a checkpoint before this one had, until it was found to be damaged
        if (from is not null)
            _identity.Require(from.Text("identity"));
        int at = from is null ? 0 : (int)from.Integer("member", 0, _settings.Members - 1);
        for (int member = 0; member < _settings.Members; member++)
        {
            int memberSeed = unchecked(_settings.Seed + member * 1_000_003);
            using var random = new DeviceRandom(memberSeed, _settings.Device);
            Flow flow = _settings.Design.Build(_data.Facts, _plan.Dropout, memberSeed, random);
            flow.to(_settings.Device);
            _flows.Add(flow);
            if (!flow.Learns)
                continue;
            if (from is not null && member < at)
            {
                RestoreMember(from, member, flow);
                continue;
            }
            Train(member, memberSeed, flow, random, member == at ? from : null, threads);
            if (!_settings.Cancellation.IsCancellationRequested)
                continue;
            if (!_settings.CancelGivesBest) // the loop had ended when it was cancelled, and has saved its end
                _settings.Cancellation.ThrowIfCancellationRequested();
            // a mixture has its columns, whatever came of it: the members that there are stand in for those that there are not
            while (_flows.Count < _settings.Members)
                _flows.Add(_flows[_flows.Count - member - 1]);
            break;
        }
    }

    public void Dispose()
    {
        Forget();
        _rows.Dispose();
    }

    private void Forget()
    {
        foreach (Flow flow in _flows.Distinct())
            flow.Dispose();
        _flows.Clear();
        _outcomes.Clear();
    }

    private void Train(int member, int seed, Flow flow, DeviceRandom random, Checkpoint? from, TorchThreads threads)
    {
        using var loop = new TrainingLoop(_settings.Design, _plan, _data.Facts, flow, random,
            _data.OpenBatches(_plan.BatchSize, seed, random), _rows)
        {
            Progress = new ProgressFan(_settings.Progress, _channel, _tensorBoard, member, _settings.Members,
                _settings.Design.Bits(_data.Facts)),
            Warn = Warn,
            CancelGivesBest = _settings.CancelGivesBest,
            Stepped = loop =>
            {
                if (loop.Step % _settings.CheckpointInterval == 0)
                    Save(member, loop);
            },
            Cancelled = loop => Save(member, loop),
        };
        if (from is not null)
        {
            loop.Load(from);
            threads.Set((int)from.Integer("threads", 1, MostThreads));
        }
        TrainingOutcome outcome = loop.Run(_settings.Cancellation);
        // the end is worth keeping too; a run that was cut has saved where
        if (loop.Step % _settings.CheckpointInterval != 0 && !loop.WasCut)
            Save(member, loop);
        _outcomes.Add(outcome);
    }

    private void Save(int member, TrainingLoop loop)
    {
        if (_folder is null)
            return;
        var checkpoint = new Checkpoint();
        checkpoint.Add("identity", _identity.Text);
        checkpoint.Add("threads", (long)get_num_threads());
        checkpoint.Add("member", (long)member);
        for (int i = 0; i < _outcomes.Count; i++)
            SaveMember(checkpoint, i);
        loop.Save(checkpoint);
        long step = member * _plan.Steps + loop.Step;
        try
        {
            _folder.Save(step, checkpoint);
            Unsaved = null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Unsaved = e; // hours of training are worth more than one checkpoint, and a disk may have room again
            Warn($"The checkpoint of step {step} is not written: {e.Message} Training goes on without, and tries again at the next "
                + $"multiple of {_settings.CheckpointInterval} steps.");
        }
    }

    private void SaveMember(Checkpoint checkpoint, int member)
    {
        TrainingOutcome outcome = _outcomes[member];
        checkpoint.Add($"member.{member}.outcome", outcome.Steps, outcome.TrainingLogLikelihood, outcome.ValidationLogLikelihood,
            outcome.Rollbacks, outcome.StoppedEarly ? 1 : 0);
        foreach ((int i, Tensor tensor) in _flows[member].state_dict().Values.Index())
            checkpoint.Add($"member.{member}.{i}", tensor);
    }

    private void RestoreMember(Checkpoint checkpoint, int member, Flow flow)
    {
        double[] outcome = checkpoint.Numbers($"member.{member}.outcome", 5);
        Checkpoint.Require(outcome[0] >= 0 && outcome[0] <= _plan.Steps, $"member.{member}.outcome: steps", outcome[0]);
        _outcomes.Add(new TrainingOutcome((long)outcome[0], outcome[1], outcome[2], (int)outcome[3], outcome[4] != 0));
        foreach ((int i, Tensor tensor) in flow.state_dict().Values.Index())
            checkpoint.CopyTo($"member.{member}.{i}", tensor);
        flow.eval();
    }

    private void Warn(string message) => _channel.Warning(MessageSensitivity.None, message);
}
