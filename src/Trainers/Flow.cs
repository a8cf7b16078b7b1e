using RealNvp.ML.Trainers.Steps;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using Frozen = RealNvp.ML.Export.Steps;

namespace RealNvp.ML.Trainers;

/// <summary>
/// A flow in training: steps that are fixed before training (standardisation, tails), then steps that learn. The fixed ones are applied to the training
/// set once, not in every batch.
/// </summary>
internal sealed class Flow : nn.Module<Tensor, (Tensor Latent, Tensor LogDet)>
{
    private readonly ModuleList<FlowStepModule> preprocessing;
    private readonly ModuleList<FlowStepModule> learned;

    /// <summary>A flow from its steps, in the density direction.</summary>
    public Flow(IEnumerable<FlowStepModule> preprocessing, IEnumerable<FlowStepModule> learned) : base(nameof(Flow))
    {
        this.preprocessing = new ModuleList<FlowStepModule>([.. preprocessing]);
        this.learned = new ModuleList<FlowStepModule>([.. learned]);
        RegisterComponents();
    }

    /// <summary>All steps in the density direction.</summary>
    public IEnumerable<FlowStepModule> Steps => preprocessing.Concat(learned);

    /// <summary>Whether any step has parameters to train.</summary>
    public bool Learns => learned.Count > 0;

    /// <summary>Raw rows [n, D] to latents [n, D] and log-determinants [n].</summary>
    public override (Tensor Latent, Tensor LogDet) forward(Tensor rows)
    {
        (Tensor x, Tensor first) = Preprocess(rows);
        (Tensor z, Tensor second) = Learned(x);
        return (z, first + second);
    }

    /// <summary>Raw rows through the fixed steps, with their log-determinants.</summary>
    public (Tensor Output, Tensor LogDet) Preprocess(Tensor rows) => Run(preprocessing, rows);

    /// <summary>Preprocessed rows through the learned steps.</summary>
    public (Tensor Latent, Tensor LogDet) Learned(Tensor x) => Run(learned, x);

    /// <summary>log p of preprocessed rows, [n], in nats and without the fixed steps' log-determinants.</summary>
    public Tensor LearnedLogLikelihood(Tensor x) => LogLikelihood(Learned(x));

    /// <summary>log p of raw rows, [n], in nats and in the units of the rows.</summary>
    public Tensor LogLikelihood(Tensor rows) => LogLikelihood(forward(rows));

    /// <summary>Latents to raw rows.</summary>
    public Tensor Inverse(Tensor latent) => Steps.Reverse().Aggregate(latent, (y, step) => step.Inverse(y));

    /// <summary>
    /// Gives every step with running statistics those of all preprocessed rows [n, D], step by step, as evaluation will see them; in the order of the
    /// flow, because each step's input depends on the statistics of the ones before it.
    /// </summary>
    public void RefreshStatistics(Tensor preprocessed)
    {
        if (!learned.Any(step => step is Steps.BatchNorm))
            return;
        bool wasTraining = training;
        eval();
        using IDisposable guard = no_grad();
        Tensor x = preprocessed.alias();
        foreach (FlowStepModule step in learned)
        {
            step.RefreshStatistics(x);
            using DisposeScope scope = NewDisposeScope();
            Tensor next = step.forward(x).Output.MoveToOuterDisposeScope();
            x.Dispose();
            x = next;
        }
        x.Dispose();
        train(wasTraining);
    }

    /// <summary>The flow as plain data.</summary>
    public IEnumerable<Frozen.FlowStep> Freeze() => Steps.Select(step => step.Freeze());

    private static Tensor LogLikelihood((Tensor Latent, Tensor LogDet) result)
    {
        double logNormaliser = 0.5 * result.Latent.shape[1] * Math.Log(2 * Math.PI);
        return result.Latent.square().sum(1) * -0.5 + (result.LogDet - logNormaliser);
    }

    private static (Tensor Output, Tensor LogDet) Run(IEnumerable<FlowStepModule> steps, Tensor x)
    {
        Tensor? logDet = null;
        foreach (FlowStepModule step in steps)
        {
            (x, Tensor term) = step.forward(x);
            logDet = logDet is null ? term : logDet + term;
        }
        return (x, logDet ?? zeros(1, dtype: x.dtype, device: x.device).squeeze());
    }
}
