using RealNvp.ML.Trainers.Distributed;
using RealNvp.ML.Trainers.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Trainers.Flows.Nets;

/// <summary>
/// A batch norm with a bias and no gain, by the mean and the variance of the rows of all processes: y = (x - mean) scale + bias with
/// scale = (variance + epsilon)^-1/2. Its gradient is that of the whole batch: with u = y - bias and means over all rows,
/// dx = scale (dy - mean(dy) - u mean(u dy)). A step has hundreds of these. So what passes over the rows is libtorch's own kernels, each
/// time by one script, and what is of channels only is plain arithmetic, in double precision.
/// </summary>
internal sealed class SharedBatchNorm : autograd.SingleTensorFunction<SharedBatchNorm>
{
    // Constant text, because an error in a script aborts the process: the tests of training in several processes are what keeps it right.
    // A gain of 1 where a gradient is asked for: on a GPU that of a batch norm with a bias alone fails.
    private const string Script = """
        def moments(x: Tensor) -> Tensor:
            mean, variance = torch.batch_norm_update_stats(x, None, None, 1.0)
            return torch.stack([mean, variance])

        def normalised(x: Tensor, bias: Tensor, moments: Tensor, epsilon: float,
                running_mean: Tensor, running_variance: Tensor, kept: float, taken: float, unbiased: float) -> Tensor:
            running_mean.mul_(kept).add_(moments[0], alpha=taken)
            running_variance.mul_(kept).add_(moments[1], alpha=unbiased)
            return torch.batch_norm(x, None, bias, moments[0], moments[1], False, 0.0, epsilon, False)

        def sums(dy: Tensor, x: Tensor, moments: Tensor, epsilon: float) -> Tensor:
            dx, dgain, dbias = torch.native_batch_norm_backward(
                dy, x, torch.ones_like(moments[0]), moments[0], moments[1], None, None, False, epsilon, [False, True, True])
            return torch.stack([dbias, dgain])

        def gradient(dy: Tensor, x: Tensor, factors: Tensor) -> Tensor:
            of_x = torch.batch_norm(x, factors[2], factors[1], factors[3], factors[4], False, 0.0, 0.0, False)
            return of_x.addcmul_(dy, factors[0].reshape(-1, 1, 1))

        """;

    private const string ShardName = "shard", EpsilonName = "epsilon";

    private static readonly Lazy<jit.CompilationUnit> s_script = new(() => jit.compile(Script));

    public override string Name => nameof(SharedBatchNorm);

    /// <summary>The mean and the variance of each channel over the rows of all processes, [2, channels].</summary>
    public static Tensor Moments(Tensor rows, RowShard shard)
    {
        using IDisposable guard = no_grad();
        float[] own = FloatTensors.Array(Call("moments", rows.detach()));
        int channels = own.Length / 2;
        double share = (double)shard.Count / shard.All;
        double[] sums = new double[own.Length];
        for (int c = 0; c < channels; c++)
        {
            (double mean, double variance) = (own[c], own[channels + c]);
            (sums[c], sums[channels + c]) = (share * mean, share * (variance + mean * mean));
        }
        shard.Add(sums);
        for (int c = 0; c < channels; c++)
            (own[c], own[channels + c]) = ((float)sums[c], (float)Math.Max(0, sums[channels + c] - sums[c] * sums[c]));
        return PerChannel(own, channels, rows.device);
    }

    /// <summary>
    /// y, of x [N, channels, H, W], the bias [channels], the moments, a shard, epsilon, the running mean and variance, and the share of
    /// this batch in them.
    /// </summary>
    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        (var x, var bias, var moments, var shard) = ((Tensor)vars[0], (Tensor)vars[1], (Tensor)vars[2], (RowShard)vars[3]);
        double momentum = (double)vars[7], count = Values(x, shard);
        ctx.save_for_backward([x, moments]);
        ctx.save_data(ShardName, shard);
        ctx.save_data(EpsilonName, vars[4]);
        return Call("normalised", x, bias, moments, vars[4], vars[5], vars[6], 1 - momentum, momentum,
            momentum * count / Math.Max(1, count - 1));
    }

    public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
    {
        using IDisposable guard = no_grad();
        List<Tensor> saved = ctx.get_saved_variables();
        using Tensor x = saved[0], moments = saved[1], dy = grad_output; // by the end of the step they would be hundreds
        var shard = (RowShard)ctx.get_data(ShardName);
        double epsilon = (double)ctx.get_data(EpsilonName), count = Values(x, shard);
        Tensor own = Call("sums", dy, x, moments, epsilon);
        float[] known = FloatTensors.Array(moments);
        int channels = known.Length / 2;
        double[] sums = Array.ConvertAll(FloatTensors.Array(own), value => (double)value);
        shard.Add(sums);
        float[] factors = new float[5 * channels]; // of dy, a constant, of x; and a mean of 0 and a variance of 1
        for (int c = 0; c < channels; c++)
        {
            double scale = 1 / Math.Sqrt(known[channels + c] + epsilon), slope = scale * scale * sums[channels + c] / count;
            factors[c] = (float)scale;
            factors[channels + c] = (float)(slope * known[c] - scale * sums[c] / count);
            factors[2 * channels + c] = (float)-slope;
            factors[4 * channels + c] = 1;
        }
        using Tensor perChannel = PerChannel(factors, channels, x.device);
        Tensor gradient = Call("gradient", dy, x, perChannel);
        shard.HoldUntilNext(gradient);
        // that of the bias is of these rows, as every other gradient here
        return [gradient, own[0], null!, null!, null!, null!, null!, null!];
    }

    /// <summary>Of a channel, in the rows of all processes.</summary>
    private static double Values(Tensor x, RowShard shard) => (double)shard.All * x.shape[2] * x.shape[3];

    private static Tensor PerChannel(float[] values, int channels, Device device)
        => tensor(values, [values.Length / channels, channels], device: device);

    private static Tensor Call(string name, params object[] arguments) => (Tensor)s_script.Value.invoke(name, arguments);
}
