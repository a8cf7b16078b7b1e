using RealNvp.ML.Export.Nets;
using RealNvp.ML.Trainers.Native;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace RealNvp.ML.Trainers.Flows.Nets;

/// <summary>
/// The net of a coupling of continuous maps, [N, inputs, H, W] to [N, outputs, H, W] of the log-scale and as many of the shift:
/// convolutions with ReLUs between them, the planes of the position added by a 1x1 convolution of their own to what the first one yields.
/// </summary>
internal sealed class PositionedNetModule : nn.Module
{
    private readonly PlainConvModule first;
    private readonly PlainConvModule? position;
    private readonly ModuleList<PlainConvModule> hidden = new();
    private readonly PlainConvModule output;
    private readonly DropoutMask? _dropout;
    private readonly int _planes;
    private readonly bool _bfloat16;

    /// <summary>A fresh net, which yields zeros.</summary>
    public PositionedNetModule(int inputs, int outputs, PositionedNetOptions options, Generator weights, DeviceRandom? noise)
        : base(nameof(PositionedNetModule))
    {
        int width = options.HiddenUnits;
        first = new PlainConvModule(inputs, width, options.Kernel, zero: false, bias: true, weights);
        if (options.Planes > 0)
            position = new PlainConvModule(options.Planes, width, 1, zero: false, bias: false, weights);
        for (int i = 1; i < options.HiddenLayers; i++)
            hidden.Add(new PlainConvModule(width, width, options.Kernel, zero: false, bias: true, weights));
        output = new PlainConvModule(width, 2 * outputs, 1, zero: true, bias: true, weights);
        if (options.Dropout > 0)
            _dropout = new DropoutMask(options.Dropout, noise ?? throw new ArgumentNullException(nameof(noise)));
        (_planes, _bfloat16) = (options.Planes, options.BFloat16);
        RegisterComponents();
    }

    /// <summary>The maps r of the log-scale and t of the shift.</summary>
    /// <param name="x">The conditioning channels.</param>
    /// <param name="planes">The planes of the position, [1 or N, P or more, H, W], of which the net reads the first.</param>
    public (Tensor R, Tensor T) Heads(Tensor x, Tensor? planes)
    {
        Tensor Read(Tensor values) => _bfloat16 && training ? values.to(ScalarType.BFloat16) : values;
        Tensor y = first.forward(Read(x));
        if (position is not null)
            y = y.Plus(position.forward(Read(planes!.narrow(1, 0, _planes))));
        foreach (PlainConvModule layer in hidden)
            y = layer.forward(Activated(y));
        Tensor[] heads = output.forward(Activated(y)).to(x.dtype).chunk(2, 1);
        return (heads[0], heads[1]);
    }

    /// <summary>The net as plain data.</summary>
    public PositionedNet Freeze() => new(first.Freeze(), position?.Freeze(), [.. hidden.Select(layer => layer.Freeze())], output.Freeze());

    private Tensor Activated(Tensor x)
    {
        Tensor y = x.relu();
        return training && _dropout is not null ? y * _dropout.Draw(y) : y;
    }
}
