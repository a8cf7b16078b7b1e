using RealNvp.ML.Export;
using RealNvp.ML.Trainers.Data.Rows;

namespace RealNvp.ML.Trainers.Data.Columns;

/// <summary>What the training slice says of each column before any training.</summary>
/// <param name="Mean">Means; medians of stretched columns.</param>
/// <param name="StandardDeviation">Standard deviations, with a floor for constant columns; scales by quartiles of stretched
/// columns.</param>
/// <param name="Median">Medians.</param>
/// <param name="BinWidths">The width of one bin of discrete columns, 0 for others.</param>
internal sealed record ColumnFacts(float[] Mean, float[] StandardDeviation, float[] Median, float[] BinWidths)
{
    /// <summary>More images than this add nothing to what is known of a pixel.</summary>
    private const int ImagesForMedians = 4096;

    /// <summary>
    /// Where the standard deviation is more than this many scales by quartiles, a few rows or a long tail make it, and it says nothing of
    /// the others: a code for missing values would make the column blind. Exponential and mildly skewed columns stay well below.
    /// </summary>
    private const double Stretched = 3;

    /// <summary>
    /// The part of the gap of two values that noise fills. A whole gap would fill all the space between them: in one-hot columns a category
    /// that never was, a row of zeros, then lies in the midst of the known ones and looks the most normal of all; from a quarter on some
    /// are missed. None at all ranks other anomalies worse. In a one-hot group noise fills this part of the gap between a row with one
    /// category and a row with none or two, and all of it between two categories.
    /// </summary>
    public const float TwoValueNoise = 0.1f;

    /// <summary>Of a pair each column says all of the other: it is one column of two values.</summary>
    private const int FewestCategories = 3;

    /// <summary>
    /// The width of the uniform noise of training: that of a bin; in columns of two values without bins a part of their gap, and in one-hot
    /// groups of these all of it.
    /// </summary>
    public float[] NoiseWidths { get; init; } = BinWidths;

    /// <summary>The columns of each one-hot group, ascending.</summary>
    public int[][] OneHotGroups { get; init; } = [];

    /// <summary>Those whose noise is little along the sum of their columns; none without noise or where two values have bins.</summary>
    public int[][] NoiseGroups { get; init; } = [];

    /// <summary>What the Gaussian noise of training is in proportion to; less than the deviations where a condition tells much.</summary>
    public float[] NoiseScales { get; init; } = StandardDeviation;

    /// <summary>
    /// The different values of each discrete feature of a table, ascending, and the one of a constant feature; empty for others.
    /// </summary>
    public float[][] Levels { get; init; } = [];

    /// <summary>Which columns are stretched; none where it is empty.</summary>
    public bool[] IsStretched { get; init; } = [];

    /// <summary>What there is to say of single columns: their number and a text.</summary>
    public IReadOnlyList<(int Column, string Remark)> Stretches { get; init; } = [];

    /// <summary>Columns that vary, but by hardly more than float32 resolves; features among them count as constant.</summary>
    public IReadOnlyList<int> TooFine { get; init; } = [];

    /// <summary>Features that do not vary, or by less than float32 resolves.</summary>
    public IReadOnlyList<int> Unvaried { get; init; } = [];

    /// <summary>How standardised features go together, where the flow is to start with that; null elsewhere.</summary>
    public Whitening? Whitening { get; init; }

    /// <summary>
    /// What is known of the condition, whose values stand after the features in a row; null where there is none. Its names, and whether it
    /// may be unknown, rows do not tell.
    /// </summary>
    public FlowCondition? Condition { get; init; }

    /// <summary>Values of the condition that do not vary, by their number in the row.</summary>
    public IReadOnlyList<int> Constant { get; init; } = [];

    /// <summary>The facts of a table's rows, whose means and deviations may come from more rows than these.</summary>
    /// <param name="rows">Training rows, or a sample of them.</param>
    /// <param name="dequantize">Whether discrete columns have bins.</param>
    /// <param name="ofTwoValues">Whether columns of two values have them too: bits per dimension and labels need that.</param>
    /// <param name="statistics">Of all training rows, where they are more.</param>
    /// <param name="conditions">The values of a condition that stand after the features in a row.</param>
    public static ColumnFacts OfTable(WeightedRows rows, bool dequantize, bool ofTwoValues = false, ColumnStatistics? statistics = null,
        int conditions = 0)
    {
        (double[] centers, double[] scales) = (statistics ?? ColumnStatistics.Of(rows)).Result();
        int features = rows.Features - conditions;
        (float[] mean, float[] deviation, float[] medians, float[] widths) =
            (new float[rows.Features], new float[rows.Features], new float[features], new float[features]);
        var noise = new float[features];
        var levels = new float[features][];
        var stretched = new bool[features];
        var stretches = new List<(int, string)>();
        (List<int> tooFine, List<int> constant, List<int> unvaried) = ([], [], []);
        for (int j = 0; j < rows.Features; j++)
        {
            var column = new SortedColumn(rows, j);
            if (column.Values.IsEmpty) // a value of a condition that nobody knows
            {
                deviation[j] = FlowCondition.OfNothing;
                constant.Add(j);
                continue;
            }
            float median = column.Quantile(0.5);
            (double center, double scale) = (centers[j], scales[j]);
            double byQuartiles = column.QuartileScale();
            bool isStretched = scale > Stretched * byQuartiles
                && (j < features ? ColumnStatistics.Varies(median, byQuartiles) : byQuartiles > 0);
            if (isStretched)
            {
                stretches.Add((j, Stretch(column, median, byQuartiles, scale)));
                (center, scale) = (median, byQuartiles);
            }
            bool varies = ColumnStatistics.Varies(center, scale), isConstant = !varies && column.Values[0] == column.Values[^1];
            if (!varies && !isConstant)
                tooFine.Add(j);
            (mean[j], deviation[j]) = ((float)center, varies ? (float)scale : 1);
            if (j >= features)
            {
                // nothing is taken back to the units of a condition: what differs at all can be told apart
                deviation[j] = !isConstant ? ColumnStatistics.Held(scale)
                    : column.Values.Length < rows.Count ? FlowCondition.OfConstant : FlowCondition.OfNothing;
                if (deviation[j] == FlowCondition.OfNothing)
                    constant.Add(j);
                continue;
            }
            (medians[j], stretched[j]) = (median, isStretched);
            if (!varies)
                unvaried.Add(j);
            (float width, levels[j]) = varies ? DiscreteColumns.Grid(column.Values, scale) : (0, [median]);
            bool isOfTwo = levels[j].Length == 2;
            if (!dequantize)
                continue;
            widths[j] = isOfTwo && !ofTwoValues ? 0 : width;
            noise[j] = isOfTwo && !ofTwoValues ? TwoValueNoise * width : width;
        }
        int[][] groups = Columns.OneHotGroups.Of(rows, levels);
        int[][] noisy = dequantize && !ofTwoValues ? [.. groups.Where(group => group.Length >= FewestCategories)] : [];
        foreach (int j in noisy.SelectMany(group => group))
            noise[j] = levels[j][1] - levels[j][0];
        return new(mean[..features], deviation[..features], medians, widths)
        {
            Condition = conditions > 0 ? new FlowCondition([.. mean[features..]], [.. deviation[features..]]) : null,
            Constant = constant,
            NoiseWidths = noise,
            NoiseGroups = noisy,
            Levels = levels,
            OneHotGroups = groups,
            IsStretched = stretched,
            Stretches = stretches,
            TooFine = tooFine,
            Unvaried = unvaried,
        };
    }

    /// <summary>The standard deviation of the noise of training in each channel of continuous maps; empty elsewhere.</summary>
    public float[] MapNoise { get; init; } = [];

    /// <summary>What a flow of continuous maps starts as once its channels are standardised; null elsewhere.</summary>
    public MapGaussian? Gaussian { get; init; }

    /// <summary>
    /// The facts of continuous maps: mean and standard deviation of each channel over all positions, the same for each of its values.
    /// </summary>
    /// <param name="rows">Training rows, or a sample of them, planar.</param>
    /// <param name="channels">C.</param>
    /// <param name="statistics">Of all training rows, where they are more.</param>
    /// <param name="noise">The standard deviation of the noise that training adds, which the deviations then include: in those of each
    /// channel, or of all together.</param>
    /// <param name="sameUnits">Whether in those of all together.</param>
    public static ColumnFacts OfMaps(WeightedRows rows, int channels, ColumnStatistics? statistics, double noise = 0,
        bool sameUnits = false)
    {
        (double[] centers, double[] scales) = (statistics ?? ColumnStatistics.Of(rows)).Result();
        int positions = rows.Features / channels;
        (double[] means, double[] variances) = (new double[channels], new double[channels]);
        var unvaried = new List<int>();
        for (int channel = 0; channel < channels; channel++)
        {
            Range values = (channel * positions)..((channel + 1) * positions);
            double center = means[channel] = centers[values].Average();
            foreach ((double at, double scale) in centers[values].Zip(scales[values])) // within positions and between them
                variances[channel] += (scale * scale + (at - center) * (at - center)) / positions;
            if (!ColumnStatistics.Varies(center, Math.Sqrt(variances[channel])))
            {
                unvaried.Add(channel);
                variances[channel] = 0;
            }
        }
        double all = sameUnits ? variances.Average() : 0;
        double[] noises = [.. variances.Select(variance => noise * noise * (sameUnits ? all : variance))];
        double[] deviations = [.. variances.Zip(noises, (variance, added) => variance + added > 0 ? Math.Sqrt(variance + added) : 1)];
        float[] Each(double[] ofChannels) => [.. ofChannels.SelectMany(value => Enumerable.Repeat((float)value, positions))];
        return new(Each(means), Each(deviations), [], new float[rows.Features])
        {
            Unvaried = unvaried,
            MapNoise = Array.ConvertAll(noises, variance => (float)Math.Sqrt(variance)),
        };
    }

    /// <summary>The facts of images whose every value has levels of one width.</summary>
    /// <param name="rows">Training rows, or a sample of them.</param>
    /// <param name="pixels">The values of an image, after which a row may have others.</param>
    /// <param name="levelWidth">The distance of two levels.</param>
    public static ColumnFacts OfImages(WeightedRows rows, int pixels, float levelWidth)
    {
        var widths = new float[pixels];
        Array.Fill(widths, levelWidth);
        float[] medians = ColumnStatistics.Medians(rows.Columns(0, pixels, ImagesForMedians).Values, pixels);
        return new(new float[pixels], Array.ConvertAll(widths, _ => 1f), medians, widths);
    }

    /// <summary>These facts, of features, with those of a condition whose values follow them in a row.</summary>
    /// <param name="conditions">The conditions of training rows, or of a sample of them.</param>
    /// <param name="statistics">Those of all training rows, where they are more.</param>
    public ColumnFacts WithCondition(WeightedRows conditions, ColumnStatistics? statistics)
    {
        ColumnFacts told = OfTable(conditions, dequantize: false, statistics: statistics, conditions: conditions.Features);
        int first = Mean.Length;
        return this with
        {
            Condition = told.Condition,
            Constant = [.. told.Constant.Select(j => first + j)],
            Stretches = [.. told.Stretches.Select(stretch => (first + stretch.Column, stretch.Remark))],
            TooFine = [.. told.TooFine.Select(j => first + j)],
        };
    }

    /// <summary>How far apart the two scales are, and the value that makes it so, where there is one.</summary>
    private static string Stretch(SortedColumn column, float median, double byQuartiles, double deviation)
    {
        const double Far = 10;
        bool IsFar(float value) => Math.Abs((double)value - median) > Far * byQuartiles;
        (float code, int most, int far) = (0, 0, 0);
        for (int i = 0, run = 0; i < column.Values.Length; i++)
        {
            float value = column.Values[i];
            if (!IsFar(value))
                continue;
            far++;
            run = i > 0 && column.Values[i - 1] == value ? run + 1 : 1;
            if (run > most)
                (code, most) = (value, run);
        }
        string extremes = most > 1 && 2 * most > far
            ? $"{code} is the value of {column.Share(value => value == code):P2} of the rows"
            : $"{column.Share(IsFar):P2} of the rows lie beyond {Far} of those";
        return $"standard deviation {deviation:G4}, by quartiles {byQuartiles:G4}; {extremes}";
    }
}
