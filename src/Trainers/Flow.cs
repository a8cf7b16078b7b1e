using RealNvp.ML.Trainers.Steps;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using Frozen = RealNvp.ML.Export.Steps;

namespace RealNvp.ML.Trainers;

/// <summary>A flow in training: its steps in the density direction.</summary>
internal sealed class Flow : nn.Module<Tensor, (Tensor Latent, Tensor LogDet)>
{
    private static readonly Scalar s_minusHalf = (-0.5).ToScalar();

    private readonly ModuleList<FlowStepModule> steps;
    private Scalar? _logNormaliser;

    /// <summary>A flow from its steps.</summary>
    public Flow(IEnumerable<FlowStepModule> steps) : base(nameof(Flow))
    {
        this.steps = new ModuleList<FlowStepModule>([.. steps]);
        RegisterComponents();
    }

    /// <summary>The steps in the density direction.</summary>
    public IEnumerable<FlowStepModule> Steps => steps;

    /// <summary>Whether any step has parameters to train.</summary>
    public bool Learns => parameters().Any();

    /// <summary>Rows [n, D] to latents [n, D] and log-determinants [n].</summary>
    public override (Tensor Latent, Tensor LogDet) forward(Tensor rows)
    {
        Tensor x = rows;
        Tensor? logDet = null;
        foreach (FlowStepModule step in steps)
        {
            (x, Tensor term) = step.forward(x);
            logDet = logDet is null ? term : logDet + term;
        }
        return (x, logDet ?? zeros([], dtype: x.dtype, device: x.device));
    }

    /// <summary>log p of rows, [n], in nats and in the units of the rows.</summary>
    public Tensor LogLikelihood(Tensor rows)
    {
        (Tensor latent, Tensor logDet) = forward(rows);
        _logNormaliser ??= (0.5 * latent.shape[1] * Math.Log(2 * Math.PI)).ToScalar();
        return (latent * latent).sum(1) * s_minusHalf + (logDet - _logNormaliser);
    }

    /// <summary>Latents to rows.</summary>
    public Tensor Inverse(Tensor latent) => steps.Reverse().Aggregate(latent, (y, step) => step.Inverse(y));

    /// <summary>
    /// Gives every step with running statistics those of all rows [n, D], step by step, as evaluation will see them; in the order of the flow, because
    /// each step's input depends on the statistics of the ones before it.
    /// </summary>
    public void RefreshStatistics(Tensor rows)
    {
        if (!steps.Any(step => step is RealNvp.ML.Trainers.Steps.BatchNorm))
            return;
        bool wasTraining = training;
        eval();
        using IDisposable guard = no_grad();
        Tensor x = rows.alias();
        foreach (FlowStepModule step in steps)
        {
            step.RefreshStatistics(x);
            using DisposeScope scope = NewDisposeScope();
            Tensor next = step.forward(x).Output.alias().MoveToOuterDisposeScope();
            x.Dispose();
            x = next;
        }
        x.Dispose();
        train(wasTraining);
    }

    /// <summary>The flow as plain data.</summary>
    public IEnumerable<Frozen.FlowStep> Freeze() => steps.Select(step => step.Freeze());
}
