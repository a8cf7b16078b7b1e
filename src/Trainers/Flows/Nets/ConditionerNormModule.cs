using RealNvp.ML.Export.Nets;
using RealNvp.ML.Trainers.Distributed;
using RealNvp.ML.Trainers.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Trainers.Flows.Nets;

/// <summary>
/// A batch norm inside a convolutional net: a bias and no gain, for the weights after it have theirs. Training uses the batch's
/// statistics, with gradient; evaluation uses running ones (0.9 old + 0.1 new), or the mean over all batches of <see cref="Collect"/>.
/// </summary>
internal sealed class ConditionerNormModule : nn.Module<Tensor, Tensor>
{
    private const double Epsilon = 1e-4;
    private const double Momentum = 0.1;

    private static readonly Scalar s_epsilon = Epsilon.ToScalar();

    private readonly Tensor runningMean;
    private readonly Tensor runningVariance;
    private readonly TorchSharp.Modules.Parameter bias;
    private Tensor? _ones; // on a GPU: the gradient of a batch norm that has a bias and no gain fails there
    private int? _collected; // batches; null while none are collected

    public ConditionerNormModule(int channels) : base(nameof(ConditionerNormModule))
    {
        runningMean = zeros(channels, dtype: ScalarType.Float32, device: CPU);
        runningVariance = ones(channels, dtype: ScalarType.Float32, device: CPU);
        bias = new TorchSharp.Modules.Parameter(zeros(channels, dtype: ScalarType.Float32, device: CPU));
        RegisterComponents();
    }

    /// <summary>Begins to average the statistics of the training batches that follow with equal weights; false ends it.</summary>
    public void Collect(bool collect) => _collected = collect ? 0 : null;

    public override Tensor forward(Tensor x)
    {
        double momentum = Momentum;
        if (training && _collected is { } before)
            (_collected, momentum) = (before + 1, 1.0 / (before + 1));
        if (training && RowShard.Current is { } shard)
            return OverAllProcesses(x, shard, momentum);
        if (x.device_type != DeviceType.CPU)
            _ones ??= LastingTensor.Of(() => ones_like(runningMean));
        return nn.functional.batch_norm(
            x, runningMean, runningVariance, x.device_type == DeviceType.CPU ? null : _ones, bias, training, momentum, Epsilon);
    }

    /// <summary>What libtorch's batch norm does in training, with the statistics of the rows of all processes.</summary>
    private Tensor OverAllProcesses(Tensor x, RowShard shard, double momentum)
    {
        Tensor rows = x.to(ScalarType.Float32);
        Tensor moments = SharedBatchNorm.Moments(rows, shard);
        return SharedBatchNorm.apply(rows, bias, moments, shard, Epsilon, runningMean, runningVariance, momentum).to(x.dtype);
    }

    /// <summary>In evaluation the norm is scale * x + shift.</summary>
    public (Tensor Scale, Tensor Shift) Affine()
    {
        Tensor scale = runningVariance.Plus(s_epsilon).rsqrt();
        return (scale, bias - runningMean * scale);
    }

    /// <summary>The norm as plain data, times <paramref name="factor"/>.</summary>
    public ConditionerNorm Freeze(double factor = 1)
    {
        using DisposeScope scope = NewDisposeScope();
        (Tensor scale, Tensor shift) = Affine();
        using Scalar times = factor.ToScalar();
        return new(FloatTensors.Values(scale * times), FloatTensors.Values(shift * times));
    }
}
