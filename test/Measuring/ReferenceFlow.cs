using RealNvp.ML.Export;
using RealNvp.ML.Export.Nets;
using RealNvp.ML.Export.Steps;

namespace RealNvp.ML.Tests.Measuring;

/// <summary>
/// A frozen flow computed from the formulas of its steps, value by value in double precision, in both directions. It shares nothing with
/// the graph writer: no folding, no pending scales, no halves that stay apart.
/// </summary>
internal static class ReferenceFlow
{
    /// <summary>
    /// The log-likelihood of one row: NaN where a feature is not finite, and never below the lowest float32. For a mixture the logarithm of
    /// the mean density. Given a condition where the flow has one: NaN where that is of no use.
    /// </summary>
    public static double LogLikelihood(FlowModel model, float[] row, float[]? condition = null)
    {
        double[] members = [.. model.Members.Select(steps => Density(model, steps, row, condition).LogLikelihood)];
        double largest = members.Max();
        return largest + Math.Log(members.Average(member => Math.Exp(member - largest)));
    }

    /// <summary>The latent of one row under a member: NaN where a feature is not finite.</summary>
    public static double[] Latent(FlowModel model, float[] row, int member = 0, float[]? condition = null)
        => Density(model, model.Members[member], row, condition).Latent;

    /// <summary>
    /// Each pixel's share of -log p, [H * W]; of a mixture the members' maps by their shares r of the row's density, and sum r log(m r)
    /// evenly over the picture.
    /// </summary>
    public static double[] ScoreMap(FlowModel model, float[] row)
    {
        double[][] maps = [.. model.Members.Select(steps
            => ReferenceImageFlow.ScoreMap(model.InputShape, steps, [.. row]).Cast<double>().ToArray())];
        double least = maps.Min(map => map.Sum());
        double[] shares = [.. maps.Select(map => Math.Exp(least - map.Sum()))];
        shares = [.. shares.Select(share => share / shares.Sum())];
        double rest = shares.Sum(share => share > 0 ? share * Math.Log(shares.Length * share) : 0);
        return [.. maps[0].Select((_, i) => maps.Zip(shares, (map, share) => share * map[i]).Sum() + rest / maps[0].Length)];
    }

    /// <summary>The row of one latent under a member.</summary>
    public static double[] Sample(FlowModel model, float[] latent, double temperature = 1, int member = 0, float[]? condition = null)
    {
        double[] given = Read(model.Condition, condition);
        double[] x = [.. latent.Select(value => temperature * value)];
        if (model.InputShape.IsImage)
            x = ReferenceImageFlow.Inverse(model.InputShape, model.Members[member], x, given);
        foreach (FlowStep step in model.InputShape.IsImage ? [] : model.Members[member].Reverse())
            Inverse(step, ref x, given);
        return given.Any(double.IsNaN) ? [.. x.Select(_ => double.NaN)] : x;
    }

    /// <summary>What the nets read of a condition; NaN where it is of no use.</summary>
    private static double[] Read(FlowCondition? condition, float[]? values)
    {
        if (condition is null)
            return [];
        var read = new List<double>();
        for (int i = 0; i < condition.Size; i++)
        {
            double x = condition.MayBeUnknown && float.IsNaN(values![i]) ? 0
                : ((double)values![i] - condition.Mean[i]) / condition.StandardDeviation[i];
            read.Add(!double.IsFinite(x) ? double.NaN
                : Math.Abs(x) <= 10 ? x : Math.Sign(x) * (10 + Math.Asinh(Math.Min(1e18, Math.Abs(x) - 10))));
        }
        if (condition.MayBeUnknown)
            read.AddRange(values!.Select(value => float.IsNaN(value) ? 1.0 : 0));
        return [.. read];
    }

    private static (double LogLikelihood, double[] Latent) Density(
        FlowModel model, IEnumerable<FlowStep> steps, float[] row, float[]? condition)
    {
        FlowShape shape = model.InputShape;
        double[] given = Read(model.Condition, condition);
        if (!row.All(float.IsFinite) || given.Any(double.IsNaN))
            return (double.NaN, [.. row.Select(_ => double.NaN)]);
        double[] x = [.. row];
        double logLikelihood = 0;
        if (shape.IsImage)
            (logLikelihood, x) = ReferenceImageFlow.Forward(shape, steps, x, given);
        else
            logLikelihood = steps.Sum(step => Forward(step, ref x, given));
        foreach (double z in x)
            logLikelihood -= 0.5 * (z * z + Math.Log(2 * Math.PI));
        return (Math.Max(logLikelihood, float.MinValue), x);
    }

    /// <summary>A spline of one feature and its slope, by a search for the bin.</summary>
    private static (double Y, double Slope) Spline(RationalQuadraticSpline spline, int feature, double x)
    {
        double left = spline.Start[0], bottom = spline.Start[1];
        for (int k = 0; k < spline.Bins; k++)
        {
            double w = spline.Widths[feature * spline.Bins + k], h = spline.Heights[feature * spline.Bins + k], s = h / w;
            double from = spline.Slopes[feature * (spline.Bins + 1) + k], to = spline.Slopes[feature * (spline.Bins + 1) + k + 1];
            if (k == 0 && x < left)
                return (bottom + from * (x - left), from);
            if (x < left + w)
            {
                double u = (x - left) / w, q = s + (to + from - 2 * s) * u * (1 - u);
                return (bottom + h * (s * u * u + from * u * (1 - u)) / q,
                    s * s * (to * u * u + 2 * s * u * (1 - u) + from * (1 - u) * (1 - u)) / (q * q));
            }
            (left, bottom) = (left + w, bottom + h);
        }
        double last = spline.Slopes[(feature + 1) * (spline.Bins + 1) - 1];
        return (bottom + last * (x - left), last);
    }

    /// <summary>The inverse by bisection, which knows nothing of the formula of the inverse.</summary>
    private static double SplineInverse(RationalQuadraticSpline spline, int feature, double y)
    {
        double low = -1e6, high = 1e6;
        for (int i = 0; i < 200; i++)
        {
            double middle = (low + high) / 2;
            if (Spline(spline, feature, middle).Y < y) low = middle;
            else high = middle;
        }
        return (low + high) / 2;
    }

    private static double Forward(FlowStep step, ref double[] x, double[] given)
    {
        double logDet = 0;
        switch (step)
        {
            case Standardization standardization:
                for (int i = 0; i < x.Length; i++)
                {
                    double deviation = standardization.StandardDeviation[i];
                    // graphs compute in float32 and go no further than its largest value
                    x[i] = Math.Clamp((x[i] - standardization.Mean[i]) / deviation, float.MinValue, float.MaxValue);
                    logDet -= Math.Log(deviation);
                }
                break;
            case TailCompression { Bound: var bound }:
                for (int i = 0; i < x.Length; i++)
                {
                    double size = Math.Abs(x[i]);
                    if (size <= bound)
                        continue;
                    x[i] = Math.Sign(x[i]) * bound * (1 + Math.Log(size / bound));
                    logDet -= Math.Log(size / bound);
                }
                break;
            case Permutation permutation:
                double[] before = x;
                x = [.. permutation.Order.Select(from => before[from])];
                break;
            case Rotation rotation:
                x = Product(rotation, x, transposed: false);
                break;
            case InvertibleLinear linear:
                (_, double[][] r) = Orthogonalised(linear);
                logDet += r.Select((row, i) => Math.Log(row[i])).Sum();
                double[] input = x;
                x = [.. Enumerable.Range(0, x.Length)
                    .Select(i => input.Select((value, j) => linear.Matrix[i * input.Length + j] * value).Sum())];
                break;
            case RationalQuadraticSpline spline:
                for (int i = 0; i < x.Length; i++)
                {
                    (x[i], double slope) = Spline(spline, i, x[i]);
                    logDet += Math.Log(slope);
                }
                break;
            case SinhArcsinh marginals:
                for (int i = 0; i < x.Length; i++)
                {
                    double u = marginals.Tail[i] * Math.Asinh(x[i]) + marginals.Skew[i];
                    logDet += Math.Log(marginals.Tail[i]) + LogCosh(u) - LogCosh(Math.Asinh(x[i]));
                    x[i] = Math.Sinh(u);
                }
                break;
            case Dequantization:
                break; // training only
            case LatentMixture mixture:
                double[] z = x;
                double density = 1 - mixture.Weights.Sum(weight => (double)weight) - mixture.TailWeight; // all over the normal's
                if (mixture.TailWeight > 0)
                {
                    // Gamma((D + 1) / 2) / pi^((D + 1) / 2) is 2 over the area of the unit sphere of D + 1 dimensions
                    double area = z.Length % 2 == 0 ? 2 : 2 * Math.PI;
                    for (int n = z.Length % 2 == 0 ? 1 : 2; n < z.Length + 1; n += 2)
                        area *= 2 * Math.PI / n;
                    double square = z.Sum(value => value * value);
                    density += mixture.TailWeight * 2 / area * Math.Exp(0.5 * square + 0.5 * z.Length * Math.Log(2 * Math.PI / z.Length)
                        - 0.5 * (z.Length + 1) * Math.Log(1 + square / z.Length));
                }
                for (int k = 0; k < mixture.Weights.Length; k++)
                {
                    density += mixture.Weights[k] * Enumerable.Range(k * z.Length, z.Length).Select(i => Math.Exp(0.5 * (Math.Pow(
                        z[i % z.Length], 2) - Math.Pow((z[i % z.Length] - mixture.Means[i]) / mixture.Deviations[i], 2)))
                            / mixture.Deviations[i]).Aggregate((a, b) => a * b);
                }
                logDet += Math.Log(density);
                break;
            case AffineCoupling coupling:
                (double[] s, double[] t) = Net(coupling, x, given);
                for (int i = 0; i < s.Length; i++)
                {
                    int position = coupling.Mask.Transformed[i];
                    x[position] = x[position] * Math.Exp(s[i]) + t[i];
                    logDet += s[i];
                }
                break;
            case BatchNorm norm:
                for (int i = 0; i < norm.Positions.Length; i++)
                {
                    x[norm.Positions[i]] = x[norm.Positions[i]] * norm.Scale[i] + norm.Shift[i];
                    logDet += Math.Log(norm.Scale[i]);
                }
                break;
            default:
                throw new NotSupportedException($"{step.Kind} has no reference: add its formula here.");
        }
        return logDet;
    }

    private static void Inverse(FlowStep step, ref double[] y, double[] given)
    {
        switch (step)
        {
            case Standardization standardization:
                for (int i = 0; i < y.Length; i++)
                    y[i] = y[i] * standardization.StandardDeviation[i] + standardization.Mean[i];
                break;
            case TailCompression { Bound: var bound }:
                for (int i = 0; i < y.Length; i++)
                {
                    double size = Math.Abs(y[i]);
                    if (size > bound)
                        y[i] = Math.Sign(y[i]) * bound * Math.Exp(size / bound - 1);
                }
                break;
            case Permutation permutation:
                var x = new double[y.Length];
                for (int i = 0; i < y.Length; i++)
                    x[permutation.Order[i]] = y[i];
                y = x;
                break;
            case Rotation rotation:
                y = Product(rotation, y, transposed: true);
                break;
            case InvertibleLinear linear:
                (double[][] q, double[][] r) = Orthogonalised(linear);
                double[] output = y;
                var solution = new double[y.Length];
                for (int i = y.Length - 1; i >= 0; i--)
                {
                    double known = Enumerable.Range(i + 1, y.Length - i - 1).Sum(j => r[i][j] * solution[j]);
                    solution[i] = (q[i].Zip(output, (a, b) => a * b).Sum() - known) / r[i][i];
                }
                y = solution;
                break;
            case RationalQuadraticSpline spline:
                for (int i = 0; i < y.Length; i++)
                    y[i] = SplineInverse(spline, i, y[i]);
                break;
            case SinhArcsinh marginals:
                for (int i = 0; i < y.Length; i++)
                    y[i] = Math.Sinh((Math.Asinh(y[i]) - marginals.Skew[i]) / marginals.Tail[i]);
                break;
            case LatentMixture:
            case Dequantization:
                break;
            case AffineCoupling coupling:
                (double[] s, double[] t) = Net(coupling, y, given);
                for (int i = 0; i < s.Length; i++)
                {
                    int position = coupling.Mask.Transformed[i];
                    y[position] = (y[position] - t[i]) * Math.Exp(-s[i]);
                }
                break;
            case BatchNorm norm:
                for (int i = 0; i < norm.Positions.Length; i++)
                    y[norm.Positions[i]] = (y[norm.Positions[i]] - norm.Shift[i]) / norm.Scale[i];
                break;
            default:
                throw new NotSupportedException($"{step.Kind} has no reference: add its formula here.");
        }
    }

    private static (double[] LogScale, double[] Shift) Net(AffineCoupling coupling, double[] x, double[] given)
    {
        double[] hidden = [.. coupling.Mask.Conditioning.Select(position => x[position]), .. given];
        foreach (DenseLayer layer in coupling.Trunk)
        {
            hidden = Dense(layer, hidden);
            for (int i = 0; i < hidden.Length; i++)
                hidden[i] = coupling.Activation == Activation.Tanh ? Math.Tanh(hidden[i]) : Math.Max(0, hidden[i]);
        }
        double[] s = Dense(coupling.LogScale, hidden);
        for (int i = 0; i < s.Length; i++)
            s[i] = coupling.Gain[i] * Math.Tanh(s[i]);
        return (s, Dense(coupling.Shift, hidden));
    }

    /// <summary>The matrix as Q R by Gram and Schmidt: the columns of Q, orthonormal, and the rows of the triangle R.</summary>
    private static (double[][] Q, double[][] R) Orthogonalised(InvertibleLinear linear)
    {
        int size = linear.Features;
        double[][] q = [.. Enumerable.Range(0, size)
            .Select(column => Enumerable.Range(0, size).Select(row => (double)linear.Matrix[row * size + column]).ToArray())];
        double[][] r = [.. Enumerable.Range(0, size).Select(_ => new double[size])];
        for (int i = 0; i < size; i++)
        {
            for (int j = 0; j < i; j++)
            {
                r[j][i] = q[j].Zip(q[i], (a, b) => a * b).Sum();
                for (int k = 0; k < size; k++)
                    q[i][k] -= r[j][i] * q[j][k];
            }
            r[i][i] = Math.Sqrt(q[i].Sum(value => value * value));
            for (int k = 0; k < size; k++)
                q[i][k] /= r[i][i];
        }
        return (q, r);
    }

    private static double LogCosh(double x) => Math.Abs(x) + Math.Log((1 + Math.Exp(-2 * Math.Abs(x))) / 2);

    private static double[] Product(Rotation rotation, double[] x, bool transposed)
    {
        var y = new double[x.Length];
        for (int i = 0; i < y.Length; i++)
        {
            for (int j = 0; j < x.Length; j++)
                y[i] += x[j] * rotation.Matrix[transposed ? j * x.Length + i : i * x.Length + j];
        }
        return y;
    }

    private static double[] Dense(DenseLayer layer, double[] x)
    {
        var y = new double[layer.Outputs];
        for (int output = 0; output < y.Length; output++)
        {
            y[output] = layer.Bias[output];
            for (int input = 0; input < x.Length; input++)
                y[output] += layer.Weights[output * layer.Inputs + input] * x[input];
        }
        return y;
    }
}
