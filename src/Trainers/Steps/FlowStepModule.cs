using RealNvp.ML.Export;
using RealNvp.ML.Export.Steps;
using RealNvp.ML.Trainers.Native;
using TorchSharp;
using static TorchSharp.torch;
using Frozen = RealNvp.ML.Export.Steps;

namespace RealNvp.ML.Trainers.Steps;

/// <summary>
/// One step of a flow as a torch module. The class of the same name in RealNvp.ML.Export is its frozen data.
/// Tensors are [batch, features], or [batch, channels, height, width] in image flows; a log-determinant is [batch], or a scalar where it is the same for every row.
/// </summary>
/// <remarks>
/// Numbers in arithmetic are <see cref="TorchSharp.Scalar"/>s held in fields. A plain number becomes a temporary one, which TorchSharp does not keep alive
/// during the native call: a finalizer that runs in that moment frees it, and the call fails. Over millions of steps it happens. For the same reason x * x stands where square() could, and Plus where + could: those make numbers of their own.
/// The tensors of a chain are held by a dispose scope: that of the caller in every pass, one of its own elsewhere; see
/// <see cref="LastingTensor"/>.
/// </remarks>
internal abstract class FlowStepModule : nn.Module<Tensor, (Tensor Output, Tensor LogDet)>
{
    private Tensor? _zero;

    protected FlowStepModule(string name) : base(name) { }

    /// <summary>The sampling direction, with evaluation statistics.</summary>
    public abstract Tensor Inverse(Tensor y);

    /// <summary>The step as plain data, with evaluation statistics.</summary>
    public abstract Frozen.FlowStep Freeze();

    /// <summary>The step in a flow that factors out: channels that become latent as they are leave through the stack.</summary>
    public virtual (Tensor Output, Tensor LogDet) Forward(Tensor x, Stack<Tensor> factoredOut) => forward(x);

    /// <summary>The sampling direction in a flow that factors out.</summary>
    public virtual Tensor Inverse(Tensor y, Stack<Tensor> factoredOut) => Inverse(y);

    /// <summary>The shape that leaves the step in the density direction, and stays in the flow.</summary>
    public virtual FlowShape OutputShape(FlowShape input) => input;

    /// <summary>No learned gain of a log-scale exceeds this: exp(5) = 148 per coupling is ample, and bounds what an explosion can do.</summary>
    public const double MaxGain = 5;

    /// <summary>The gains that the optimizer holds within <see cref="MaxGain"/> after each step; a bound inside the flow would cost every step its gradient.</summary>
    public virtual IEnumerable<TorchSharp.Modules.Parameter> BoundedGains => [];

    /// <summary>Whether evaluation uses statistics of the training set.</summary>
    public virtual bool HasStatistics => false;

    /// <summary>Sets the evaluation statistics, where the step has any, to those of all rows of its input, [n, ...].</summary>
    public virtual void RefreshStatistics(Tensor input) { }

    /// <summary>Whether the log-determinant is 0 for every row; a flow then leaves it out of its sum.</summary>
    public virtual bool KeepsVolume => false;

    /// <summary>The log-determinant of a step that keeps volumes: one zero for all calls, for making another takes a GPU as long as adding rows.</summary>
    protected Tensor NoLogDet(Tensor x)
    {
        if (_zero is null || _zero.dtype != x.dtype || _zero.device != x.device)
        {
            _zero?.Dispose();
            _zero = LastingTensor.Of(() => zeros([], dtype: x.dtype, device: x.device));
        }
        return _zero;
    }

    /// <summary>A float32 tensor of one value: full() makes a Scalar that a finalizer may free during the call.</summary>
    internal static Tensor Filled(long[] shape, double value)
    {
        using Scalar held = value.ToScalar();
        return ones(shape, dtype: ScalarType.Float32, device: CPU).mul_(held);
    }

    /// <summary>An array as a float32 tensor.</summary>
    protected static Tensor FloatTensor(IEnumerable<float> values) => tensor(values.ToArray(), dtype: ScalarType.Float32, device: CPU);

    /// <summary>A checkerboard [1, 1, height, width] of ones where pixels condition.</summary>
    protected static Tensor CheckerboardMap(ImageMask mask, int height, int width)
    {
        using Tensor flat = FloatTensor(mask.Conditioning(height, width));
        return flat.reshape(1, 1, height, width);
    }

    /// <summary>A tensor's values as a flat array of float32.</summary>
    internal static System.Collections.Immutable.ImmutableArray<float> Values(Tensor tensor)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor flat = tensor.detach().to(ScalarType.Float32).cpu().flatten().contiguous();
        return [.. flat.data<float>().ToArray()];
    }
}
