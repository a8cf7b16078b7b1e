using Microsoft.ML.Runtime;
using RealNvp.ML.Export;
using RealNvp.ML.Trainers.Checkpoints;
using RealNvp.ML.Trainers.Data;
using RealNvp.ML.Trainers.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Trainers.Training;

/// <summary>Trains the members of a model one after the other, with checkpoints.</summary>
internal sealed class TrainingRun : IDisposable
{
    private const int MostThreads = 1 << 16;

    private readonly RealNvpTrainer.Options _options;
    private readonly TrainingPlan _plan;
    private readonly TrainingData _data;
    private readonly FlowShape _shape;
    private readonly Device _device;
    private readonly int _seed;
    private readonly IChannel _channel;
    private readonly RunIdentity _identity;
    private readonly CheckpointFolder? _folder;
    private readonly TensorBoardLog? _tensorBoard;
    private readonly DeviceRows _sample;
    private readonly DeviceRows? _validation;
    private readonly DeviceRows? _noisyValidation;
    private readonly List<Flow> _flows = [];
    private readonly List<TrainingOutcome> _outcomes = [];

    /// <summary>A run over rows, which remain the caller's, as does the folder.</summary>
    public TrainingRun(
        RealNvpTrainer.Options options, TrainingPlan plan, TrainingData data, FlowShape shape, Device device, int seed,
        CheckpointFolder? folder, IChannel channel)
    {
        _options = options;
        _plan = plan;
        _data = data;
        _shape = shape;
        _device = device;
        _seed = seed;
        _channel = channel;
        _identity = RunIdentity.Of(options, plan, data, shape, seed, device);
        _folder = folder;
        _tensorBoard = options.TensorBoardFolder is { } log ? new TensorBoardLog(log) : null;
        (_sample, _validation) = shape.IsImage ? DequantizedSlices() : (data.Sample, data.Validation);
        if (!shape.IsImage && _validation is not null && data.Facts.NoiseWidths.Any(width => width > 0))
            _noisyValidation = Dequantized(_validation);
    }

    /// <summary>The trained flows, one per member, in evaluation mode.</summary>
    public IReadOnlyList<Flow> Flows => _flows;

    /// <summary>What training came to, for each member that learns.</summary>
    public IReadOnlyList<TrainingOutcome> Outcomes => _outcomes;

    /// <summary>Why the last checkpoint could not be written; null where it was, or where none are.</summary>
    public Exception? Unsaved { get; private set; }

    /// <summary>Trains.</summary>
    /// <param name="threads">Takes the thread count that a checkpoint records.</param>
    /// <param name="cancellation">Ends the run at the next step.</param>
    public void Run(TorchThreads threads, CancellationToken cancellation)
    {
        if (_options.Resume && _folder!.GoOn(from => Run(from, threads, cancellation), Warn))
            return;
        Run(null, threads, cancellation);
    }

    /// <summary>Trains from a checkpoint on, or from the start; all of the checkpoint is read before the first step.</summary>
    private void Run(Checkpoint? from, TorchThreads threads, CancellationToken cancellation)
    {
        Forget(); // what a checkpoint before this one had, until it was found to be damaged
        if (from is not null)
            _identity.Require(from.Text("identity"));
        int at = from is null ? 0 : (int)from.Integer("member", 0, _options.Members - 1);
        for (int member = 0; member < _options.Members; member++)
        {
            int memberSeed = unchecked(_seed + member * 1_000_003);
            using var random = new DeviceRandom(memberSeed, _device);
            Flow flow = Build(memberSeed, random);
            _flows.Add(flow);
            if (!flow.Learns)
                continue;
            if (from is not null && member < at)
            {
                RestoreMember(from, member, flow);
                continue;
            }
            Train(member, memberSeed, flow, random, member == at ? from : null, threads, cancellation);
            if (!cancellation.IsCancellationRequested)
                continue;
            if (_options.OnCancellation == OnCancellation.Throw) // the loop had ended when it was cancelled, and has saved its end
                cancellation.ThrowIfCancellationRequested();
            // a mixture has its columns, whatever came of it: the members that there are stand in for those that there are not
            while (_flows.Count < _options.Members)
                _flows.Add(_flows[_flows.Count - member - 1]);
            break;
        }
    }

    public void Dispose()
    {
        Forget();
        if (!ReferenceEquals(_sample, _data.Sample))
            _sample.Dispose();
        if (!ReferenceEquals(_validation, _data.Validation))
            _validation?.Dispose();
        _noisyValidation?.Dispose();
    }

    private void Forget()
    {
        foreach (Flow flow in _flows.Distinct())
            flow.Dispose();
        _flows.Clear();
        _outcomes.Clear();
    }

    private Flow Build(int seed, DeviceRandom random)
    {
        bool bfloat16 = _options.Precision == TrainingPrecision.BFloat16;
        Flow flow = _shape.IsImage
            ? ImageFlow.Build(_shape, (_options.Image ?? new()) with { LevelWidth = _data.Facts.BinWidths[0] }, seed, _plan.Dropout, random, bfloat16)
            : VectorFlow.Build(_data.Facts, _options, _plan.Dropout, seed, random);
        flow.to(_device);
        return flow;
    }

    private void Train(int member, int seed, Flow flow, DeviceRandom random, Checkpoint? from, TorchThreads threads,
        CancellationToken cancellation)
    {
        using TrainingNoise noise = Noise(random, gaussian: !_shape.IsImage);
        using var loop = new TrainingLoop(flow, _plan, random, _data.OpenBatches(_plan.BatchSize, seed, random), _sample, _validation, noise)
        {
            Flips = _shape.IsImage && _options.Image is { HorizontalFlips: true } ? new HorizontalFlips(_shape, random) : null,
            Progress = new ProgressFan(_options.Progress, _channel, _tensorBoard, member, _options.Members, BitsPerNat(out double offset), offset),
            DequantizedValidation = _noisyValidation,
            Warn = Warn,
            CancelGivesBest = _options.OnCancellation == OnCancellation.ReturnBest,
            Stepped = loop =>
            {
                if (loop.Step % _options.CheckpointInterval == 0)
                    Save(member, loop);
            },
            Cancelled = loop => Save(member, loop),
        };
        if (from is not null)
        {
            loop.Load(from);
            threads.Set((int)from.Integer("threads", 1, MostThreads));
        }
        TrainingOutcome outcome = loop.Run(cancellation);
        // the end is worth keeping too; a run that was cut has saved where
        if (loop.Step % _options.CheckpointInterval != 0 && !loop.WasCut)
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
            Warn($"The checkpoint of step {step} is not written: {e.Message} Training goes on without, and tries again "
                + $"at the next multiple of {_options.CheckpointInterval} steps.");
        }
    }

    private void SaveMember(Checkpoint checkpoint, int member)
    {
        TrainingOutcome outcome = _outcomes[member];
        checkpoint.Add($"member.{member}.outcome", outcome.Steps, outcome.TrainingLogLikelihood, outcome.ValidationLogLikelihood, outcome.Rollbacks, outcome.StoppedEarly ? 1 : 0);
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

    private TrainingNoise Noise(DeviceRandom random, bool gaussian)
    {
        ColumnFacts facts = _data.Facts;
        return new(facts.NoiseWidths, Array.ConvertAll(facts.StandardDeviation, deviation => gaussian ? (float)(_options.Noise * deviation) : 0), random, _device)
        {
            Reach = gaussian && _options.TailBound > 0 && facts.IsStretched.Contains(true) ? NoiseReach.Of(facts, _options.TailBound, _device) : null,
        };
    }

    /// <summary>Rows with one draw of the noise of discrete features.</summary>
    private DeviceRows Dequantized(DeviceRows rows)
    {
        using DisposeScope scope = NewDisposeScope();
        using var random = new DeviceRandom(_seed, _device);
        using TrainingNoise noise = Noise(random, gaussian: false);
        return new(noise.Dequantized(rows.Rows).DetachFromDisposeScope(), rows.Weights?.clone().DetachFromDisposeScope());
    }

    /// <summary>
    /// Images for statistics and validation with one draw of dequantisation noise, the same in every evaluation: the density of the bins' centres alone would
    /// prefer models with spikes there.
    /// </summary>
    private (DeviceRows Sample, DeviceRows? Validation) DequantizedSlices()
    {
        const long Most = 16_384; // more add nothing to running statistics
        using DisposeScope scope = NewDisposeScope();
        using var random = new DeviceRandom(_seed, _device);
        using TrainingNoise noise = Noise(random, gaussian: false);
        long count = Math.Min(Most, _data.Sample.Count);
        DeviceRows Dequantized(Tensor rows, Tensor? weights) => new(noise.Dequantized(rows).DetachFromDisposeScope(), weights?.clone().DetachFromDisposeScope());
        return (Dequantized(_data.Sample.Rows.narrow(0, 0, count), _data.Sample.Weights?.narrow(0, 0, count)),
            _data.Validation is { } validation ? Dequantized(validation.Rows, validation.Weights) : null);
    }

    /// <summary>Bits per dimension are this times nats per row, plus the offset; NaN for tables.</summary>
    private double BitsPerNat(out double offset)
    {
        offset = _shape.IsImage ? -Math.Log2(_data.Facts.BinWidths[0]) : double.NaN;
        return 1 / (_shape.Size * Math.Log(2));
    }

    private void Warn(string message) => _channel.Warning(MessageSensitivity.None, message);
}
