using RealNvp.ML.Trainers.Distributed;
using RealNvp.ML.Trainers.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Trainers.Flows.Nets;

/// <summary>
/// A batch norm with a bias and no gain, by the mean and the variance of the rows of all processes: y = (x - mean) scale + bias with
/// scale = (variance + epsilon)^-1/2. Its gradient is that of the whole batch: with u = y - bias and means over all rows,
/// dx = scale (dy - mean(dy) - u mean(u dy)). Of kernels as few as can be: those of libtorch know no other processes.
/// </summary>
internal sealed class SharedBatchNorm : autograd.SingleTensorFunction<SharedBatchNorm>
{
    private const string ShardName = "shard", EpsilonName = "epsilon";

    private static readonly long[] s_axes = [0, 2, 3]; // all but the channels

    public override string Name => nameof(SharedBatchNorm);

    /// <summary>The mean and the variance of each channel over the rows of all processes, [channels].</summary>
    public static (Tensor Mean, Tensor Variance) Moments(Tensor rows, RowShard shard)
    {
        using IDisposable guard = no_grad();
        Tensor own = rows.detach(), mean = zeros(rows.shape[1], dtype: rows.dtype, device: rows.device), variance = zeros_like(mean);
        // the fastest way to both; a momentum of 1 makes running statistics those of these rows
        nn.functional.batch_norm(own, mean, variance, null, null, training: true, momentum: 1, eps: 1);
        double values = (double)own.numel() / own.shape[1];
        using Scalar share = ((double)shard.Count / shard.All).ToScalar(), biased = ((values - 1) / values).ToScalar();
        Tensor m = mean.to(ScalarType.Float64);
        // in double precision, where the square of a mean takes nothing from the variance
        Tensor both = shard.Total(stack([m, (variance.to(ScalarType.Float64) * biased).Plus(m * m)]) * share);
        return (both[0].to(rows.dtype), (both[1] - both[0] * both[0]).to(rows.dtype));
    }

    /// <summary>y, of x [N, channels, H, W], the bias [channels], mean, variance, a shard and epsilon.</summary>
    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        (var x, var bias, var mean, var variance) = ((Tensor)vars[0], (Tensor)vars[1], (Tensor)vars[2], (Tensor)vars[3]);
        double epsilon = (double)vars[5];
        ctx.save_for_backward([x, mean, variance]);
        ctx.save_data(ShardName, vars[4]);
        ctx.save_data(EpsilonName, epsilon);
        return nn.functional.batch_norm(x, mean, variance, null, bias, training: false, eps: epsilon);
    }

    public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
    {
        using IDisposable guard = no_grad();
        List<Tensor> saved = ctx.get_saved_variables();
        (Tensor x, Tensor mean, Tensor variance) = (saved[0], saved[1], saved[2]);
        var shard = (RowShard)ctx.get_data(ShardName);
        double epsilon = (double)ctx.get_data(EpsilonName);
        using Scalar added = epsilon.ToScalar(), perValue = (1.0 / ((double)shard.All * x.shape[2] * x.shape[3])).ToScalar(),
            minusOne = (-1.0).ToScalar();
        Tensor u = nn.functional.batch_norm(x, mean, variance, null, null, training: false, eps: epsilon);
        Tensor biasGradient = grad_output.sum(s_axes);
        Tensor means = shard.Total(stack([biasGradient, (grad_output * u).sum(s_axes)])) * perValue;
        Tensor scale = variance.Plus(added).rsqrt();
        Tensor perChannel = stack([scale, means[0] * scale, means[1] * scale]).reshape(3, 1, -1, 1, 1);
        Tensor gradient = (grad_output * perChannel[0]).sub_(perChannel[1]).addcmul_(u, perChannel[2], minusOne);
        return [gradient, biasGradient, null!, null!, null!, null!];
    }
}
