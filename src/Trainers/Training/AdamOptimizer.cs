using RealNvp.ML.Trainers.Checkpoints;
using RealNvp.ML.Trainers.Flows.Steps;
using RealNvp.ML.Trainers.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Trainers.Training;

/// <summary>
/// Adam with decoupled weight decay (AdamW) and global gradient clipping, all parameters in a few fused calls. TorchSharp binds only the
/// parameter-by-parameter optimizers, which cost three times as much; TorchScript reaches the fused kernels.
/// </summary>
internal sealed class AdamOptimizer : IDisposable
{
    // Constant text, because an error in a script aborts the process: the test of this class is what keeps it right.
    private const string Script = """
        def gradients(p: List[Tensor]) -> List[Tensor]:
            g: List[Tensor] = []
            for x in p:
                g.append(x.grad)
            return g

        def hold(bounded: List[Tensor], bound: float):
            if len(bounded) > 0:
                torch._foreach_clamp_max_(bounded, bound)
                torch._foreach_clamp_min_(bounded, -bound)

        def norm(p: List[Tensor]) -> Tensor:
            return torch.linalg_vector_norm(torch.stack(torch._foreach_norm(gradients(p), 2)))

        def update(p: List[Tensor], m: List[Tensor], v: List[Tensor], steps: List[Tensor], bounded: List[Tensor], bound: float,
                lr: float, decay: float, clip: float) -> Tensor:
            g = gradients(p)
            norm = torch.linalg_vector_norm(torch.stack(torch._foreach_norm(g, 2)))
            total = float(norm)
            if total - total == 0.0:
                if clip > 0.0 and total > clip:
                    torch._foreach_mul_(g, clip / total)
                unused: List[Tensor] = []
                torch._foreach_add_(steps, 1)
                torch._fused_adamw_(p, g, m, v, unused, steps, lr=lr, beta1=0.9, beta2=0.999, weight_decay=decay, eps=1e-8,
                    amsgrad=False, maximize=False)
                hold(bounded, bound)
            return norm

        def update_unseen(p: List[Tensor], m: List[Tensor], v: List[Tensor], steps: List[Tensor], bounded: List[Tensor], bound: float,
                lr: float, decay: float, scale: Tensor, skipped: Tensor, counted: Tensor) -> Tensor:
            torch._foreach_add_(steps, counted)
            torch._fused_adamw_(p, gradients(p), m, v, [], steps, lr=lr, beta1=0.9, beta2=0.999, weight_decay=decay, eps=1e-8,
                amsgrad=False, maximize=False, grad_scale=scale, found_inf=skipped)
            hold(bounded, bound)
            return skipped

        """;

    private static readonly Lazy<jit.CompilationUnit> s_script = new(() => jit.compile(Script));

    private static readonly Scalar s_zero = 0.0.ToScalar();
    private static readonly Scalar s_one = 1.0.ToScalar();
    private static readonly Scalar s_bound = FlowStepModule.MaxGain.ToScalar();

    private readonly bool _unseen;
    private readonly Tensor[] _parameters;
    private readonly Tensor[] _gains;
    private readonly Tensor[] _bounded;
    private readonly Tensor[] _mean;
    private readonly Tensor[] _square;
    private readonly Tensor[] _steps;

    /// <summary>An optimizer of parameters.</summary>
    /// <param name="parameters">What it moves.</param>
    /// <param name="gains">Those of them that the penalty is on.</param>
    /// <param name="bounded">Those of them that are held within <see cref="FlowStepModule.MaxGain"/>.</param>
    /// <param name="unseen">Whether a step decides on the device, without a look at the norm; where left out, on anything but a
    /// CPU.</param>
    public AdamOptimizer(IEnumerable<Tensor> parameters, IEnumerable<Tensor>? gains = null, IEnumerable<Tensor>? bounded = null,
        bool? unseen = null)
    {
        _parameters = [.. parameters];
        _unseen = unseen ?? _parameters.Any(parameter => parameter.device_type != DeviceType.CPU);
        _gains = [.. gains ?? []];
        _bounded = [.. bounded ?? []];
        _mean = Array.ConvertAll(_parameters, parameter => zeros_like(parameter).DetachFromDisposeScope());
        _square = Array.ConvertAll(_parameters, parameter => zeros_like(parameter).DetachFromDisposeScope());
        _steps = Array.ConvertAll(_parameters, parameter
            => LastingTensor.Of(() => zeros(1, dtype: ScalarType.Float32, device: parameter.device).squeeze()));
    }

    /// <summary>Everything besides the parameters that the next step depends on.</summary>
    public IEnumerable<Tensor> State => [.. _mean, .. _square, .. _steps];

    /// <summary>Forgets all moments, as a fresh optimizer.</summary>
    public void Reset()
    {
        using IDisposable scope = NewDisposeScope();
        using IDisposable guard = no_grad();
        foreach (Tensor tensor in State)
            tensor.zero_();
    }

    /// <summary>Adds the gradient of <paramref name="penalty"/> times the sum of squares of the gains.</summary>
    /// <remarks>One by one: in a script that yields nothing, TorchScript takes what only changes gradients for dead code and leaves it
    /// out.</remarks>
    public void Penalize(double penalty)
    {
        if (penalty == 0 || _gains.Length == 0)
            return;
        using IDisposable guard = no_grad();
        using Scalar factor = (2 * penalty).ToScalar();
        foreach (Tensor gain in _gains)
        {
            using Tensor gradient = gain.grad ?? throw new InvalidOperationException("A gain has no gradient.");
            gradient.add_(gain, factor);
        }
    }

    /// <summary>Records the moments.</summary>
    public void Save(Checkpoint checkpoint) => checkpoint.Add("adam", State);

    /// <summary>Puts them back.</summary>
    public void Load(Checkpoint checkpoint) => checkpoint.CopyTo("adam", State);

    /// <summary>Forgets the gradients.</summary>
    public void ZeroGradients()
    {
        foreach (Tensor parameter in _parameters)
            parameter.grad = null;
    }

    /// <summary>
    /// One step from the parameters' gradients, scaled down to a global norm of at most <paramref name="clip"/> (0: not clipped).
    /// Returns the norm before clipping, a scalar; where it is not finite nothing has been changed.
    /// </summary>
    public Tensor Step(double learningRate, double weightDecay, double clip)
    {
        using IDisposable guard = no_grad();
        // Scalars of our own: those that TorchSharp makes of plain numbers may be finalized while the native call still reads them.
        using Scalar rate = learningRate.ToScalar(), decay = weightDecay.ToScalar(), most = clip.ToScalar();
        if (!_unseen)
            return (Tensor)s_script.Value.invoke("update", _parameters, _mean, _square, _steps, _bounded, s_bound, rate, decay, most);
        // to look at the norm here would hold the program until the GPU has come that far
        var norm = (Tensor)s_script.Value.invoke("norm", new object[] { _parameters });
        Tensor nothing = norm - norm; // NaN where the norm is not finite
        Tensor counted = nothing.eq(s_zero).to(ScalarType.Float32), skipped = nothing.ne(s_zero).to(ScalarType.Float32);
        Tensor scale = clip > 0 ? (norm / most).clamp(s_one).to(ScalarType.Float32) : ones_like(counted);
        s_script.Value.invoke("update_unseen", _parameters, _mean, _square, _steps, _bounded, s_bound, rate, decay, scale, skipped,
            counted);
        return norm;
    }

    public void Dispose()
    {
        foreach (Tensor tensor in State)
            tensor.Dispose();
    }
}
