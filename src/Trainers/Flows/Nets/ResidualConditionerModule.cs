using RealNvp.ML.Export.Nets;
using RealNvp.ML.Trainers.Native;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace RealNvp.ML.Trainers.Flows.Nets;

/// <summary>
/// The convolutional net of an image coupling (paper, section 4.1), [N, inputs, H, W] to [N, 2 inputs, H, W], log-scale maps before shift
/// maps. The normalised input u stands beside -u, so that the ReLU after them loses nothing, and beside the mask under a checkerboard;
/// there u is doubled, because half of what was normalised is zero.
/// </summary>
internal sealed class ResidualConditionerModule : nn.Module
{
    // images whose convolutions are held in memory at once where statistics are collected
    private const long ChunkSize = 128;

    // Constant text, because an error in a script aborts the process: the test of the image steps is what keeps it right. TorchSharp binds
    // no memory formats; 2 is that of channels last.
    private const string Script = """
        def channels_last(x: Tensor) -> Tensor:
            return x.contiguous(memory_format=2)

        """;

    private static readonly Lazy<jit.CompilationUnit> s_script = new(() => jit.compile(Script));

    private readonly ConditionerNormModule inputNorm;
    private readonly ConvLayerModule first;
    private readonly ConvLayerModule firstSkip;
    private readonly ModuleList<ResidualBlockModule> blocks = new();
    private readonly ConditionerNormModule outputNorm;
    private readonly ConvLayerModule output;
    private readonly bool _readsMask;
    private readonly bool _bfloat16;

    /// <summary>A fresh net.</summary>
    /// <param name="inputs">Channels of the conditioning half.</param>
    /// <param name="readsMask">Whether the net reads a mask too.</param>
    /// <param name="options">Its size, and whether it starts at zero.</param>
    /// <param name="weights">Draws the initial weights, on the CPU.</param>
    /// <param name="noise">Draws the dropout masks in training.</param>
    public ResidualConditionerModule(
        int inputs, bool readsMask, ImageCouplingOptions options, Generator weights, DeviceRandom? noise = null)
        : base(nameof(ResidualConditionerModule))
    {
        int width = options.Width;
        _readsMask = readsMask;
        _bfloat16 = options.BFloat16;
        inputNorm = new ConditionerNormModule(inputs);
        first = new ConvLayerModule(2 * inputs + (readsMask ? 1 : 0), width, 3, gain: null, bias: true, weights, options.UniformStart);
        firstSkip = new ConvLayerModule(width, width, 1, options.GainOf(1), bias: true, weights, options.UniformStart);
        for (int i = 0; i < options.Blocks; i++)
            blocks.Add(new ResidualBlockModule(options, weights, noise));
        outputNorm = new ConditionerNormModule(width);
        output = new ConvLayerModule(width, 2 * inputs, 1, options.IdentityStart ? 0 : options.GainOf(1), bias: true, weights,
            options.UniformStart);
        RegisterComponents();
    }

    /// <summary>The maps r of the log-scale and t of the shift.</summary>
    /// <param name="x">The conditioning half; under a checkerboard the image with zeros elsewhere.</param>
    /// <param name="mask">[1, 1, H, W], where the net reads it.</param>
    /// <param name="condition">What the blocks read of the flow's condition, [N, inputs]; null where it has none.</param>
    public (Tensor R, Tensor T) Heads(Tensor x, Tensor? mask, Tensor? condition)
    {
        Tensor u = inputNorm.forward(x);
        Tensor doubled = u.Plus(u);
        Tensor both = _readsMask
            ? cat([doubled, -doubled, mask!.expand(x.shape[0], -1, -1, -1)], 1)
            : cat([u, -u], 1);
        Tensor inputs = ChannelsLast(both.relu_());
        Tensor hidden = first.forward(_bfloat16 && training ? inputs.to(ScalarType.BFloat16) : inputs);
        Tensor skips = firstSkip.forward(hidden);
        foreach (ResidualBlockModule block in blocks)
        {
            hidden = block.forward(hidden, condition);
            skips.PlusInPlace(block.Skip(hidden));
        }
        Tensor[] heads = output.forward(outputNorm.forward(skips).relu_()).to(x.dtype).chunk(2, 1);
        return (heads[0], heads[1]);
    }

    /// <summary>
    /// The same images with the values of a pixel side by side, an order that every later layer then keeps: on a CPU, convolutions of
    /// planes spend a seventh of a step on going into that order and back. Elsewhere, where nothing was measured, images stay as they are.
    /// </summary>
    internal static Tensor ChannelsLast(Tensor images)
        => images.device_type == DeviceType.CPU ? (Tensor)s_script.Value.invoke("channels_last", images) : images;

    /// <summary>
    /// Sets the evaluation statistics of every norm to the mean over all rows of what training would see in batches of them. Every norm is
    /// fed by norms in training mode, so that one pass serves all (Wu and Johnson 2021, "precise batch norm").
    /// </summary>
    public void RefreshStatistics(Tensor x, Tensor? mask, Tensor? condition)
    {
        bool wasTraining = training;
        ConditionerNormModule[] norms = [.. modules().OfType<ConditionerNormModule>()];
        train();
        Array.ForEach(norms, norm => norm.Collect(true));
        long rows = x.shape[0], chunks = (rows + ChunkSize - 1) / ChunkSize;
        Tensor[]? given = condition?.tensor_split(chunks);
        foreach ((int i, Tensor chunk) in x.tensor_split(chunks).Index()) // of nearly equal sizes, for they count the same
        {
            using DisposeScope scope = NewDisposeScope();
            Heads(chunk, mask, given?[i]);
        }
        Array.ForEach(norms, norm => norm.Collect(false));
        train(wasTraining);
    }

    /// <summary>The net as plain data.</summary>
    public ResidualConditioner Freeze()
    {
        using DisposeScope scope = NewDisposeScope();
        (Tensor scale, Tensor shift) = outputNorm.Affine();
        return new(inputNorm.Freeze(_readsMask ? 2 : 1), _readsMask, first.Freeze(), firstSkip.Freeze(scale, shift),
            [.. blocks.Select(block => block.Freeze(scale))], output.Freeze());
    }
}
