using RealNvp.ML.Export;
using RealNvp.ML.Export.Nets;
using RealNvp.ML.Export.Steps;

namespace RealNvp.ML.Tests.Measuring;

/// <summary>
/// A frozen image flow computed from the formulas of its steps, pixel by pixel in double precision, in both directions. Images are
/// [C, H, W]; what nets read of a condition is given.
/// </summary>
internal static class ReferenceImageFlow
{
    /// <summary>The log-determinant of all steps, and the latent: the last scale's, then what was factored out, the latest first.</summary>
    public static (double LogDet, double[] Latent) Forward(FlowShape shape, IEnumerable<FlowStep> steps, double[] row, double[] given)
    {
        double[,,] x = ToImage(row, shape.Dimensions[0], shape.Dimensions[1], shape.Dimensions[2]);
        var aside = new Stack<double[,,]>();
        double logDet = 0;
        foreach (FlowStep step in steps)
            logDet += Forward(step, ref x, aside, given);
        return (logDet, [.. aside.Prepend(x).SelectMany(part => part.Cast<double>())]);
    }

    /// <summary>
    /// Each pixel's share of -log p, [H, W]: every term at the position of the grid on which it arises, spread evenly over the pixels that
    /// the position stands for.
    /// </summary>
    public static double[,] ScoreMap(FlowShape shape, IEnumerable<FlowStep> steps, double[] row)
    {
        double[,,] x = ToImage(row, shape.Dimensions[0], shape.Dimensions[1], shape.Dimensions[2]);
        var aside = new Stack<double[,,]>();
        var map = new double[shape.Dimensions[1], shape.Dimensions[2]];
        foreach (FlowStep step in steps)
            Forward(step, ref x, aside, [], map);
        foreach (double[,,] part in aside.Prepend(x))
        {
            Map(part, (_, h, w, z) =>
            {
                Spread(map, 0.5 * (z * z + Math.Log(2 * Math.PI)), h, w, part);
                return z;
            });
        }
        return map;
    }

    /// <summary>Adds a term of a position of a grid to the pixels of the picture that the position stands for.</summary>
    private static void Spread(double[,] map, double value, int h, int w, double[,,] grid)
    {
        (int height, int width) = (map.GetLength(0), map.GetLength(1));
        for (int y = 0; y < height; y++)
        {
            for (int x = 0; x < width; x++)
            {
                // what the pixel and the position have in common, as a share of the position
                double down = Overlap(y, height, h, grid.GetLength(1)), across = Overlap(x, width, w, grid.GetLength(2));
                map[y, x] += value * down * across;
            }
        }

        static double Overlap(int i, int count, int j, int of)
            => of * Math.Max(0, Math.Min((i + 1.0) / count, (j + 1.0) / of) - Math.Max((double)i / count, (double)j / of));
    }

    /// <summary>A latent back to its row.</summary>
    public static double[] Inverse(FlowShape shape, IReadOnlyList<FlowStep> steps, double[] latent, double[] given)
    {
        // the shapes of what is set aside, in the order of the flow
        var shapes = new List<FlowShape>();
        foreach (FlowStep step in steps)
        {
            shape = step.OutputShape(shape);
            if (step is FactorOut)
                shapes.Add(shape);
        }
        var aside = new Stack<double[,,]>();
        int end = latent.Length;
        foreach (FlowShape part in shapes)
        {
            end -= part.Size;
            aside.Push(ToImage(latent[end..(end + part.Size)], part.Dimensions[0], part.Dimensions[1], part.Dimensions[2]));
        }
        double[,,] y = ToImage(latent[..end], shape.Dimensions[0], shape.Dimensions[1], shape.Dimensions[2]);
        foreach (FlowStep step in steps.Reverse())
            y = Inverse(step, y, aside, given);
        return [.. y.Cast<double>()];
    }

    private static double Forward(
        FlowStep step, ref double[,,] x, Stack<double[,,]> aside, double[] given, double[,]? map = null)
    {
        double logDet = 0;
        double[,,] before = x;
        void Add(double value, int h, int w)
        {
            logDet += value;
            if (map is not null)
                Spread(map, -value, h, w, before);
        }
        switch (step)
        {
            case Logit logit:
                x = Map(x, (_, h, w, v) =>
                {
                    double p = P(logit, v), inside = Math.Clamp(p, Logit.Edge, 1 - Logit.Edge);
                    // beyond the edges a straight line of the same slope
                    double slope = 1 / (inside * (1 - inside));
                    Add(Math.Log(slope * (1 - 2.0 * logit.Alpha) / (logit.Levels * (double)logit.LevelWidth)), h, w);
                    return Math.Log(inside / (1 - inside)) + slope * (p - inside);
                });
                break;
            case LearnedDequantization bins:
                (double[,,] scales, double[,,] leans) = Bells(bins, x, given);
                x = Map(x, (c, h, w, v) =>
                {
                    (double level, double u) = Bin(bins, v);
                    if (u is < 0 or > 1)
                        return v;
                    (double a, double b, double low, double range) = Bell(scales[c, h, w], leans[c, h, w]);
                    double p = Tail + (1 - 2 * Tail) * u, z = Quantile(p), bell = Logistic(a * z + b);
                    // d bell / dz, dz / dp by the slope of F, dp / du
                    Add(Math.Log(bell * (1 - bell) * a / range / Slope(z) * (1 - 2 * Tail)), h, w);
                    return bins.LevelWidth * (level + (bell - low) / range - 0.5);
                });
                break;
            case ImageCoupling coupling:
                (double[,,] s, double[,,] t) = Net(coupling, x, given);
                x = Map(x, (c, h, w, v) =>
                {
                    if (!IsTransformed(coupling.Mask, before, c, h, w))
                        return v;
                    int channel = Transformed(coupling.Mask, before, c);
                    Add(s[channel, h, w], h, w);
                    double scale = Math.Exp(s[channel, h, w]), shift = t[channel, h, w];
                    return coupling.ShiftFirst ? (v + shift) * scale : v * scale + shift;
                });
                break;
            case ImageBatchNorm norm:
                x = Map(x, (c, h, w, v) =>
                {
                    if (!IsTransformed(norm.Mask, before, c, h, w))
                        return v;
                    int channel = Transformed(norm.Mask, before, c);
                    Add(Math.Log(norm.Scale[channel]), h, w);
                    return norm.Scale[channel] * v + norm.Shift[channel];
                });
                break;
            case ChannelStandardization { Mean: var mean, StandardDeviation: var deviation }:
                x = Map(x, (c, h, w, v) =>
                {
                    Add(-Math.Log(deviation[c]), h, w);
                    return (v - mean[c]) / deviation[c];
                });
                break;
            case PositionStandardization at:
                x = Map(x, (c, h, w, v) =>
                {
                    int i = (c * before.GetLength(1) + h) * before.GetLength(2) + w;
                    if (c == 0) // the same for every row: evenly at all positions
                        Add(-at.StandardDeviation.Average(value => Math.Log(value)) * before.GetLength(0), h, w);
                    return (v - at.Mean[i]) / at.StandardDeviation[i];
                });
                break;
            case ChannelPermutation { Order: var channels }:
                x = Map(x, (c, h, w, _) => before[channels[c], h, w]);
                break;
            case ChannelLinear linear:
                Map(x, (c, h, w, v) =>
                {
                    Add(c == 0 ? linear.LogAbsDet : 0, h, w);
                    return v;
                });
                x = Multiply(linear.Matrix, x);
                break;
            case PositionedCoupling coupling:
                (double[,,] logScale, double[,,] shifts) = Net(coupling, x);
                x = Map(x, (c, h, w, v) =>
                {
                    int channel = Transformed(coupling, c);
                    if (channel < 0)
                        return v;
                    Add(logScale[channel, h, w], h, w);
                    return v * Math.Exp(logScale[channel, h, w]) + shifts[channel, h, w];
                });
                break;
            case Squeeze { Order: var order }:
                x = ToChannels(x, order);
                break;
            case Unsqueeze { Order: var order }:
                x = ToPixels(x, order);
                break;
            case FactorOut:
                int half = x.GetLength(0) / 2;
                aside.Push(Channels(x, half, half));
                x = Channels(x, 0, half);
                break;
            default:
                throw new NotSupportedException($"{step.Kind} has no reference: add its formula here.");
        }
        return logDet;
    }

    private static double[,,] Inverse(FlowStep step, double[,,] y, Stack<double[,,]> aside, double[] given)
    {
        switch (step)
        {
            case Logit logit:
                double bound = Math.Log((1 - Logit.Edge) / Logit.Edge);
                return Map(y, (_, _, _, value) =>
                {
                    double inside = Math.Clamp(value, -bound, bound);
                    double p = 1 / (1 + Math.Exp(-inside)) + (value - inside) * Logit.Edge * (1 - Logit.Edge);
                    return logit.LevelWidth * ((p - logit.Alpha) / (1 - 2.0 * logit.Alpha) * logit.Levels - 0.5);
                });
            case LearnedDequantization bins:
                (double[,,] scales, double[,,] leans) = Bells(bins, y, given);
                return Map(y, (c, h, w, value) =>
                {
                    (double level, double share) = Bin(bins, value);
                    if (share is < 0 or > 1)
                        return value;
                    (double a, double b, double low, double range) = Bell(scales[c, h, w], leans[c, h, w]);
                    double bell = low + share * range, p = Normal((Math.Log(bell / (1 - bell)) - b) / a);
                    return bins.LevelWidth * (level + (p - Tail) / (1 - 2 * Tail) - 0.5);
                });
            case ImageCoupling coupling:
                (double[,,] s, double[,,] t) = Net(coupling, y, given);
                return Map(y, (c, h, w, value) =>
                {
                    if (!IsTransformed(coupling.Mask, y, c, h, w))
                        return value;
                    int channel = Transformed(coupling.Mask, y, c);
                    double scale = Math.Exp(-s[channel, h, w]), shift = t[channel, h, w];
                    return coupling.ShiftFirst ? value * scale - shift : (value - shift) * scale;
                });
            case ImageBatchNorm norm:
                return Map(y, (c, h, w, value) => IsTransformed(norm.Mask, y, c, h, w)
                    ? (value - norm.Shift[Transformed(norm.Mask, y, c)]) / norm.Scale[Transformed(norm.Mask, y, c)]
                    : value);
            case ChannelStandardization { Mean: var mean, StandardDeviation: var deviation }:
                return Map(y, (c, _, _, value) => value * deviation[c] + mean[c]);
            case PositionStandardization at:
                return Map(y, (c, h, w, value) =>
                {
                    int i = (c * y.GetLength(1) + h) * y.GetLength(2) + w;
                    return value * at.StandardDeviation[i] + at.Mean[i];
                });
            case ChannelPermutation { Order: var channels }:
                return Map(y, (c, h, w, _) => y[channels.IndexOf(c), h, w]);
            case ChannelLinear linear:
                return Multiply(linear.Inverse, y);
            case PositionedCoupling coupling:
                (double[,,] logScale, double[,,] shifts) = Net(coupling, y);
                return Map(y, (c, h, w, value) => Transformed(coupling, c) is >= 0 and var channel
                    ? (value - shifts[channel, h, w]) * Math.Exp(-logScale[channel, h, w]) : value);
            case Squeeze { Order: var order }:
                return ToPixels(y, order);
            case Unsqueeze { Order: var order }:
                return ToChannels(y, order);
            case FactorOut:
                double[,,] other = aside.Pop();
                int half = y.GetLength(0);
                return Map(new double[2 * half, y.GetLength(1), y.GetLength(2)], (c, h, w, _) =>
                    c < half ? y[c, h, w] : other[c - half, h, w]);
            default:
                throw new NotSupportedException($"{step.Kind} has no reference: add its formula here.");
        }
    }

    // v is the centre of its level's bin: x in [0, 1) is (v / width + 1/2) / k
    private static double P(Logit logit, double v) => logit.Alpha + (1 - 2.0 * logit.Alpha) * (v / logit.LevelWidth + 0.5) / logit.Levels;

    /// <summary>What learned dequantisation cuts off its bells.</summary>
    private const double Tail = 1e-3;

    /// <summary>The level of a value, and where in its bin it is; below 0 or above 1 beyond all levels.</summary>
    private static (double Level, double Share) Bin(LearnedDequantization bins, double v)
    {
        double at = v / bins.LevelWidth + 0.5, level = Math.Clamp(Math.Floor(at), 0, bins.Levels - 1);
        return (level, at - level);
    }

    private static (double[,,] R, double[,,] T) Bells(LearnedDequantization bins, double[,,] x, double[] given)
    {
        double[,,] levels = Map(x, (_, _, _, v) => Bin(bins, v).Level);
        double[,,] u = Affine(bins.Net.Input, levels);
        int channels = x.GetLength(0);
        double[,,] heads = Heads(bins.Net, Map(new double[2 * channels, x.GetLength(1), x.GetLength(2)], (c, h, w, _)
            => c < channels ? u[c, h, w] : -u[c - channels, h, w]), given);
        return (Channels(heads, 0, channels), Channels(heads, channels, channels));
    }

    private static (double A, double B, double Low, double Range) Bell(double r, double t)
    {
        double a = 1 + 0.9 * Math.Tanh(r), b = 3 * Math.Tanh(t), end = Quantile(1 - Tail), low = Logistic(b - a * end);
        return (a, b, low, Logistic(b + a * end) - low);
    }

    private static double Logistic(double x) => 1 / (1 + Math.Exp(-x));

    /// <summary>The normal distribution function as Bowling et al. (2009) have it.</summary>
    private static double Normal(double z) => Logistic(1.5976 * z + 0.07056 * z * z * z);

    private static double Slope(double z) => Normal(z) * (1 - Normal(z)) * (1.5976 + 3 * 0.07056 * z * z);

    /// <summary>Its inverse, by halving.</summary>
    private static double Quantile(double p)
    {
        (double low, double high) = (-10, 10);
        for (int i = 0; i < 60; i++)
        {
            double middle = (low + high) / 2;
            (low, high) = Normal(middle) < p ? (middle, high) : (low, middle);
        }
        return (low + high) / 2;
    }

    private static bool IsTransformed(ImageMask mask, double[,,] x, int c, int h, int w) => mask switch
    {
        ImageMask.EvenPixels => (h + w) % 2 == 1,
        ImageMask.OddPixels => (h + w) % 2 == 0,
        ImageMask.FirstChannels => c >= x.GetLength(0) / 2,
        _ => c < x.GetLength(0) / 2,
    };

    /// <summary>The position of a transformed channel among those that the net speaks of.</summary>
    private static int Transformed(ImageMask mask, double[,,] x, int c) => mask == ImageMask.FirstChannels ? c - x.GetLength(0) / 2 : c;

    private static double[,,] Multiply(IReadOnlyList<float> matrix, double[,,] x) => Map(x, (c, h, w, _)
        => Enumerable.Range(0, x.GetLength(0)).Sum(i => matrix[c * x.GetLength(0) + i] * x[i, h, w]));

    /// <summary>The place of a channel among those that a coupling transforms; -1 for one that conditions.</summary>
    private static int Transformed(PositionedCoupling coupling, int channel)
    {
        int conditioning = coupling.Net.First.Inputs, transformed = coupling.Gain.Length;
        int at = coupling.Mask == ImageMask.FirstChannels ? channel - conditioning : channel;
        return at < transformed ? at : -1;
    }

    private static (double[,,] LogScale, double[,,] Shift) Net(PositionedCoupling coupling, double[,,] x)
    {
        PositionedNet net = coupling.Net;
        (int height, int width) = (x.GetLength(1), x.GetLength(2));
        double[,,] read = Channels(x, coupling.Mask == ImageMask.FirstChannels ? 0 : coupling.Gain.Length, net.First.Inputs);
        double[,,] hidden = Conv(net.First, read);
        if (net.Position is { } position)
        {
            double[,,] planes = Map(new double[position.Inputs, height, width], (p, h, w, _) =>
            {
                double angle = Math.Pow(2, p / 4) * Math.PI * (p % 4 < 2 ? (h + 0.5) / height : (w + 0.5) / width);
                return p % 2 == 0 ? Math.Sin(angle) : Math.Cos(angle);
            });
            hidden = Sum(hidden, Conv(position, planes));
        }
        foreach (ConvLayer layer in net.Hidden)
            hidden = Conv(layer, Relu(hidden));
        double[,,] heads = Conv(net.Output, Relu(hidden));
        int half = coupling.Gain.Length;
        return (Map(Channels(heads, 0, half), (c, _, _, r) => coupling.Gain[c] * Math.Tanh(r)), Channels(heads, half, half));
    }

    private static (double[,,] LogScale, double[,,] Shift) Net(ImageCoupling coupling, double[,,] x, double[] given)
    {
        ResidualConditioner net = coupling.Net;
        int half = x.GetLength(0) / 2;
        double[,,] read = coupling.Mask switch
        {
            ImageMask.FirstChannels => Channels(x, 0, half),
            ImageMask.SecondChannels => Channels(x, half, half),
            _ => Map(x, (c, h, w, v) => IsTransformed(coupling.Mask, x, c, h, w) ? 0 : v),
        };
        int channels = read.GetLength(0);
        double[,,] u = Affine(net.Input, read);
        double[,,] both = Map(new double[net.First.Inputs, x.GetLength(1), x.GetLength(2)], (c, h, w, _)
            => c < channels ? u[c, h, w] : c < 2 * channels ? -u[c - channels, h, w] : IsTransformed(coupling.Mask, x, 0, h, w) ? 0 : 1);
        double[,,] heads = Heads(net, both, given);
        int width = coupling.Gain.Length;
        return (Map(Channels(heads, 0, width), (c, _, _, r) => coupling.Gain[c] * Math.Tanh(r)), Channels(heads, width, width));
    }

    /// <summary>What the net makes of u, -u and the mask.</summary>
    private static double[,,] Heads(ResidualConditioner net, double[,,] both, double[] given)
    {
        double[,,] hidden = Conv(net.First, Relu(both));
        double[,,] skips = Conv(net.FirstSkip, hidden);
        foreach (ResidualBlock block in net.Blocks)
        {
            double[] perMap = [.. Enumerable.Range(0, block.First.Outputs).Select(map => block.Condition is { } layer
                ? layer.Bias[map] + given.Select((value, i) => layer.Weights[map * layer.Inputs + i] * value).Sum() : 0)];
            double[,,] first = Map(Conv(block.First, Relu(Affine(block.Norm, hidden))), (c, _, _, v) => v + perMap[c]);
            double[,,] residual = Conv(block.Second, Relu(first));
            hidden = Sum(hidden, residual);
            skips = Sum(skips, Conv(block.Skip, hidden));
        }
        return Conv(net.Output, Relu(skips));
    }

    private static double[,,] Conv(ConvLayer layer, double[,,] x)
    {
        int pad = layer.Kernel / 2;
        return Map(new double[layer.Outputs, x.GetLength(1), x.GetLength(2)], (output, h, w, _) =>
        {
            double sum = layer.Bias[output];
            for (int input = 0; input < layer.Inputs; input++)
            {
                for (int dy = 0; dy < layer.Kernel; dy++)
                {
                    for (int dx = 0; dx < layer.Kernel; dx++)
                    {
                        int row = h + dy - pad, column = w + dx - pad;
                        if (row >= 0 && row < x.GetLength(1) && column >= 0 && column < x.GetLength(2))
                            sum += layer.Weights[((output * layer.Inputs + input) * layer.Kernel + dy) * layer.Kernel + dx]
                                * x[input, row, column];
                    }
                }
            }
            return sum;
        });
    }

    private static double[,,] Affine(ConditionerNorm affine, double[,,] x) => Map(x, (c, _, _, v) => affine.Scale[c] * v + affine.Shift[c]);

    private static double[,,] Relu(double[,,] x) => Map(x, (_, _, _, v) => Math.Max(0, v));

    private static double[,,] Sum(double[,,] x, double[,,] y) => Map(x, (c, h, w, v) => v + y[c, h, w]);

    private static double[,,] Channels(double[,,] x, int first, int count)
        => Map(new double[count, x.GetLength(1), x.GetLength(2)], (c, h, w, _) => x[first + c, h, w]);

    private static double[,,] ToChannels(double[,,] x, SqueezeOrder order)
    {
        int channels = x.GetLength(0);
        return Map(new double[4 * channels, x.GetLength(1) / 2, x.GetLength(2) / 2], (c, h, w, _) =>
        {
            (int channel, int dy, int dx) = Phase(c, channels, order);
            return x[channel, 2 * h + dy, 2 * w + dx];
        });
    }

    private static double[,,] ToPixels(double[,,] x, SqueezeOrder order)
    {
        int channels = x.GetLength(0) / 4;
        var pixels = new double[channels, 2 * x.GetLength(1), 2 * x.GetLength(2)];
        Map(x, (c, h, w, v) =>
        {
            (int channel, int dy, int dx) = Phase(c, channels, order);
            return pixels[channel, 2 * h + dy, 2 * w + dx] = v;
        });
        return pixels;
    }

    /// <summary>Which pixel of the 2x2 square a squeezed channel is.</summary>
    private static (int Channel, int Dy, int Dx) Phase(int c, int channels, SqueezeOrder order) => order == SqueezeOrder.Plain
        ? (c / 4, c % 4 / 2, c % 2)
        : (c / channels) switch
        {
            0 => (c % channels, 0, 0),
            1 => (c % channels, 1, 1),
            2 => (c % channels, 0, 1),
            _ => (c % channels, 1, 0),
        };

    private static double[,,] ToImage(double[] values, int channels, int height, int width)
        => Map(new double[channels, height, width], (c, h, w, _) => values[(c * height + h) * width + w]);

    private static double[,,] Map(double[,,] x, Func<int, int, int, double, double> value)
    {
        var y = new double[x.GetLength(0), x.GetLength(1), x.GetLength(2)];
        for (int c = 0; c < y.GetLength(0); c++)
        {
            for (int h = 0; h < y.GetLength(1); h++)
            {
                for (int w = 0; w < y.GetLength(2); w++)
                    y[c, h, w] = value(c, h, w, x[c, h, w]);
            }
        }
        return y;
    }
}
