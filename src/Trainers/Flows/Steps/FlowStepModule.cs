using RealNvp.ML.Export;
using RealNvp.ML.Export.Steps;
using RealNvp.ML.Trainers.Flows.Nets;
using RealNvp.ML.Trainers.Native;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace RealNvp.ML.Trainers.Flows.Steps;

/// <summary>
/// One step of a flow as a torch module: one map and its inverse. <c>X</c> in RealNvp.ML.Export is the frozen data of <c>XModule</c>.
/// Tensors are [batch, features], or [batch, channels, height, width] in image flows; a log-determinant is [batch], or a scalar where it is
/// the same for every row. What the nets read of a flow's condition goes beside them, [batch, inputs], null where there is none.
/// </summary>
/// <remarks>
/// Numbers in arithmetic are <see cref="TorchSharp.Scalar"/>s held in fields. A plain number becomes a temporary one, which TorchSharp does
/// not keep alive during the native call: a finalizer that runs in that moment frees it, and the call fails. Over millions of steps it
/// happens. For the same reason x * x stands where square() could, and Plus where + could: those make numbers of their own.
/// The tensors of a chain are held by a dispose scope: that of the caller in every pass, one of its own elsewhere; see
/// <see cref="LastingTensor"/>.
/// </remarks>
internal abstract class FlowStepModule : nn.Module<Tensor, Tensor?, (Tensor Output, Tensor LogDet)>
{
    /// <summary>
    /// No learned gain of a log-scale exceeds this: exp(5) = 148 per coupling is ample, and bounds what an explosion can do.
    /// </summary>
    public const double MaxGain = 5;

    private Tensor? _zero;

    protected FlowStepModule(string name) : base(name) { }

    /// <summary>The density direction.</summary>
    public abstract override (Tensor Output, Tensor LogDet) forward(Tensor x, Tensor? condition = null);

    /// <summary>The sampling direction, with evaluation statistics.</summary>
    public abstract Tensor Inverse(Tensor y, Tensor? condition = null);

    /// <summary>The step as plain data, with evaluation statistics.</summary>
    public abstract FlowStep Freeze();

    /// <summary>The step as plain data where it changes the shape of rows, which needs no weights; null where it does not.</summary>
    public virtual FlowStep? Reshaping => null;

    /// <summary>The shape that leaves the step in the density direction, and stays in the flow.</summary>
    public FlowShape OutputShape(FlowShape input) => Reshaping?.OutputShape(input) ?? input;

    /// <summary>
    /// The gains that the optimizer holds within <see cref="MaxGain"/> after each step; a bound inside the flow would cost every step its
    /// gradient.
    /// </summary>
    public virtual IEnumerable<Parameter> BoundedGains => [];

    /// <summary>The gains that the penalty is on: those of log-scales, and of weight normalisation.</summary>
    public IEnumerable<Parameter> PenalisedGains
        => [.. PenalisedLogScaleGains, .. modules().OfType<WeightNorm>().SelectMany(norm => norm.Gains)];

    /// <summary>Those of log-scales.</summary>
    protected virtual IEnumerable<Parameter> PenalisedLogScaleGains => BoundedGains;

    /// <summary>The log-scales s of an input, and their bounds; null of steps that are no couplings.</summary>
    public virtual (Tensor LogScales, Tensor Bounds)? LogScales(Tensor x, Tensor? condition = null) => null;

    /// <summary>Whether evaluation uses statistics of the training set.</summary>
    public virtual bool HasStatistics => false;

    /// <summary>
    /// Sets the evaluation statistics, where the step has any, to those of all rows of its input, [n, ...], given their conditions.
    /// </summary>
    public virtual void RefreshStatistics(Tensor input, Tensor? condition = null) { }

    /// <summary>Whether the log-determinant is 0 for every row; a flow then leaves it out of its sum.</summary>
    public virtual bool KeepsVolume => false;

    /// <summary>
    /// The log-determinant of a step that keeps volumes: one zero for all calls, for making another takes a GPU as long as adding rows.
    /// </summary>
    protected Tensor NoLogDet(Tensor x)
    {
        if (_zero is null || _zero.dtype != x.dtype || _zero.device != x.device)
        {
            _zero?.Dispose();
            _zero = LastingTensor.Of(() => zeros([], dtype: x.dtype, device: x.device));
        }
        return _zero;
    }

    /// <summary>A checkerboard [1, 1, height, width] of ones where pixels condition.</summary>
    protected static Tensor CheckerboardMap(ImageMask mask, int height, int width)
    {
        using Tensor flat = FloatTensors.Of(mask.Conditioning(height, width));
        return flat.reshape(1, 1, height, width);
    }
}
