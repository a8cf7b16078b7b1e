using System.Collections.Immutable;
using RealNvp.ML.Export;
using RealNvp.ML.Export.Nets;
using RealNvp.ML.Export.Steps;

namespace RealNvp.ML.Tests.Measuring;

/// <summary>Steps with random parameters, none of them trivial, over vectors of <paramref name="features"/> values.</summary>
internal sealed class RandomSteps(int features, int seed)
{
    private readonly Random _random = new(seed);

    public Standardization Standardization() => new(Draw(features, -3, 3), Draw(features, 0.2, 4));

    public TailCompression TailCompression() => new((float)(2 + 8 * _random.NextDouble()));

    public Permutation Permutation() => new(Order());

    public Dequantization Dequantization() => new(Draw(features, 0, 1));

    /// <summary>A rotation: the identity reflected at random vectors, two of them so that the determinant is +1.</summary>
    public Rotation Rotation()
    {
        var matrix = new double[features * features];
        for (int i = 0; i < features; i++)
            matrix[i * features + i] = 1;
        for (int reflection = 0; reflection < 2; reflection++)
        {
            double[] normal = [.. Enumerable.Range(0, features).Select(_ => _random.NextDouble() - 0.5)];
            double square = normal.Sum(value => value * value);
            for (int row = 0; row < features; row++)
            {
                double product = Enumerable.Range(0, features).Sum(i => matrix[row * features + i] * normal[i]);
                for (int i = 0; i < features; i++)
                    matrix[row * features + i] -= 2 * product / square * normal[i];
            }
        }
        return new(features, [.. matrix.Select(value => (float)value)]);
    }

    /// <summary>A linear map that no column order makes triangular, and that stretches by at most a few times.</summary>
    public InvertibleLinear Linear()
    {
        ImmutableArray<float> rotation = Rotation().Matrix;
        ImmutableArray<float> stretch = Draw(features, 0.5, 2);
        return new(features, [.. rotation.Select((value, i) => value * stretch[i / features])]);
    }

    /// <summary>Marginals.</summary>
    public SinhArcsinh Marginals() => new(Draw(features, 0.7, 1.3), Draw(features, -0.5, 0.5));

    /// <summary>A spline of so many bins.</summary>
    public RationalQuadraticSpline Spline(int bins = 6)
        => new(features, [-3, -2], Draw(features * bins, 0.4, 1.5), Draw(features * bins, 0.4, 1.5), Draw(features * (bins + 1), 0.5, 2));

    /// <summary>A coupling over the given positions.</summary>
    public AffineCoupling Coupling(CouplingMask mask, int hiddenLayers = 2, Activation activation = Activation.Relu,
        int conditionInputs = 0)
    {
        int width = mask.Conditioning.Length + conditionInputs;
        var trunk = new List<DenseLayer>();
        for (int i = 0; i < hiddenLayers; i++)
        {
            int units = 5 + 2 * i;
            trunk.Add(Layer(width, units));
            width = units;
        }
        return new(mask, [.. trunk], activation, Layer(width, mask.Transformed.Length), Layer(width, mask.Transformed.Length),
            Draw(mask.Transformed.Length, 0.3, 1), conditionInputs);
    }

    /// <summary>Batch norm over the given positions, in their order.</summary>
    public BatchNorm Norm(ImmutableArray<int> positions)
        => new(features, positions, Draw(positions.Length, 0.5, 2), Draw(positions.Length, -1, 1));

    /// <summary>A mask over positions in random order, so that halves are neither contiguous nor ascending.</summary>
    public CouplingMask Mask()
    {
        ImmutableArray<int> order = Order();
        int conditioning = _random.Next(1, features);
        return new(order[..conditioning], order[conditioning..]);
    }

    /// <summary>Even positions condition, odd ones are transformed, or the other way round.</summary>
    public CouplingMask Alternating(bool even)
    {
        ImmutableArray<int> all = [.. Enumerable.Range(0, features)];
        var mask = new CouplingMask([.. all.Where(i => i % 2 == 0)], [.. all.Where(i => i % 2 == 1)]);
        return even ? mask : mask.Complement();
    }

    /// <summary>
    /// Any step in any place, as no trainer would order them; but no tail compression, for the inverse of one after another is an
    /// exponential of an exponential, which multiplies every rounding.
    /// </summary>
    public FlowStep Any() => _random.Next(features == 1 ? 6 : 9) switch
    {
        0 => Standardization(),
        1 => Norm(Order()[.._random.Next(1, features + 1)]),
        2 => Permutation(),
        3 => Rotation(),
        4 => Linear(),
        5 => Marginals(),
        int kind => Coupling(Mask(), kind - 6, _random.Next(2) == 0 ? Activation.Relu : Activation.Tanh),
    };

    private ImmutableArray<int> Order()
    {
        int[] order = [.. Enumerable.Range(0, features)];
        _random.Shuffle(order);
        return [.. order];
    }

    private DenseLayer Layer(int inputs, int outputs)
    {
        double bound = 1 / Math.Sqrt(inputs);
        return new(inputs, outputs, Draw(inputs * outputs, -bound, bound), Draw(outputs, -bound, bound));
    }

    private ImmutableArray<float> Draw(int count, double low, double high)
        => [.. Enumerable.Range(0, count).Select(_ => (float)(low + (high - low) * _random.NextDouble()))];
}
