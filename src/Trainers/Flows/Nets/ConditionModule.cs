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
    private readonly Tensor? unread; // 1 for values that are not read, where there is any
    private readonly Tensor? indicators; // 1 for those that are read, where not all are

    public ConditionModule(FlowCondition condition) : base(nameof(ConditionModule))
    {
        Frozen = condition;
        mean = FloatTensors.Of(condition.Mean);
        deviation = FloatTensors.Of(condition.StandardDeviation);
        float[] Flags(Func<int, bool> test) => [.. Enumerable.Range(0, condition.Size).Select(value => test(value) ? 1f : 0)];
        if (Flags(condition.IsRead).Contains(0))
            unread = FloatTensors.Of([.. Flags(value => !condition.IsRead(value))]);
        if (Flags(condition.IsReadAsUnknown).Contains(0))
            indicators = FloatTensors.Of([.. Flags(condition.IsReadAsUnknown)]);
        RegisterComponents();
    }

    /// <summary>The condition as plain data.</summary>
    public FlowCondition Frozen { get; }

    public override Tensor forward(Tensor condition)
    {
        Tensor? isUnknown = Frozen.MayBeUnknown ? condition.isnan() : null;
        Tensor known = isUnknown is null ? condition : where(isUnknown, mean, condition);
        if (unread is not null)
            known = where(unread.to(ScalarType.Bool), mean, known);
        Tensor x = (known - mean) / deviation;
        Tensor held = x.clamp(s_minusBound, s_bound);
        Tensor values = held.Plus((x - held).clamp(s_least, s_most).asinh());
        if (isUnknown is null)
            return values;
        Tensor flags = isUnknown.to(values.dtype);
        return cat([values, indicators is null ? flags : flags * indicators], 1);
    }
}
