using RealNvp.ML.Export;
using RealNvp.ML.Trainers.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Trainers.Flows.Nets;

/// <summary>
/// What the nets of a flow read of its condition: [n, C] in its own units to [n, inputs], by statistics that are given, not trained; the
/// formula is that of <see cref="FlowCondition"/>.
/// </summary>
internal sealed class ConditionModule : nn.Module<Tensor, Tensor>
{
    private static readonly Scalar s_bound = FlowCondition.LinearBound.ToScalar(), s_minusBound = (-FlowCondition.LinearBound).ToScalar();
    private static readonly Scalar s_most = FlowCondition.MostExcess.ToScalar(), s_least = (-FlowCondition.MostExcess).ToScalar();

    // Registered buffers: they move and convert with the module.
    private readonly Tensor mean;
    private readonly Tensor deviation;

    public ConditionModule(FlowCondition condition) : base(nameof(ConditionModule))
    {
        Frozen = condition;
        mean = FloatTensors.Of(condition.Mean);
        deviation = FloatTensors.Of(condition.StandardDeviation);
        RegisterComponents();
    }

    /// <summary>The condition as plain data.</summary>
    public FlowCondition Frozen { get; }

    public override Tensor forward(Tensor condition)
    {
        Tensor? isUnknown = Frozen.MayBeUnknown ? condition.isnan() : null;
        Tensor known = isUnknown is null ? condition : where(isUnknown, mean, condition);
        Tensor x = (known - mean) / deviation;
        Tensor held = x.clamp(s_minusBound, s_bound);
        Tensor values = held.Plus((x - held).clamp(s_least, s_most).asinh());
        return isUnknown is null ? values : cat([values, isUnknown.to(values.dtype)], 1);
    }
}
