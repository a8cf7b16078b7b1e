using RealNvp.ML.Export;

namespace RealNvp.ML.Transforms.Regression;

/// <summary>
/// How far from the median, as |z|, the labels of rows stand that were held out of training for nothing else. Intervals follow from it that
/// cover what they say, whatever the flow has learned: split-conformal prediction with the scores |z| (Chernozhukov, Wüthrich and Zhu 2021,
/// "Distributional conformal prediction").
/// </summary>
internal sealed class IntervalCalibration
{
    private readonly float[][] _places; // per label, ascending

    private IntervalCalibration(float[][] places) => _places = places;

    /// <summary>The number of rows, n.</summary>
    public int Count => _places[0].Length;

    /// <summary>The number of labels.</summary>
    public int Labels => _places.Length;

    /// <summary>
    /// Of how many rows a mean is further beyond all of these labels than they are from each other: a tail that none has shown decides it.
    /// Not saved.
    /// </summary>
    public int FarMeans { get; private init; }

    /// <summary>A calibration from rows that were held out.</summary>
    /// <param name="nodes">The distributions of their labels.</param>
    /// <param name="rows">Row-major, each row's features after its labels.</param>
    /// <param name="labels">D.</param>
    /// <param name="features">C.</param>
    /// <param name="capacity">Rows that the nodes take at once.</param>
    /// <param name="cancellation">Ends it.</param>
    public static IntervalCalibration Of(LabelNodes nodes, float[] rows, int labels, int features, int capacity,
        CancellationToken cancellation)
    {
        int width = labels + features, count = rows.Length / width;
        float[][] places = [.. Enumerable.Range(0, labels).Select(_ => new float[count])];
        (double Least, double Most)[] ends = [.. Enumerable.Range(0, labels).Select(label
            => (Values(label).Min(), Values(label).Max()))];
        int far = 0;
        for (int start = 0; start < count; start += capacity)
        {
            cancellation.ThrowIfCancellationRequested();
            int take = Math.Min(capacity, count - start);
            for (int row = 0; row < take; row++)
                rows.AsSpan((start + row) * width + labels, features).CopyTo(nodes.Features.AsSpan(row * features));
            nodes.Run(take);
            for (int row = 0; row < take; row++)
            {
                for (int label = 0; label < labels; label++)
                    places[label][start + row] = (float)Math.Abs(nodes.Of(row, label).Place(rows[(start + row) * width + label]));
                far += ends.Index().Any(label => IsFar(nodes.MeanOf(row, label.Index), label.Item)) ? 1 : 0;
            }
        }
        foreach (float[] values in places)
        {
            // a distribution that has no place for a label leaves it outside of every interval
            Array.ForEach([.. Enumerable.Range(0, count).Where(i => float.IsNaN(values[i]))], i => values[i] = float.PositiveInfinity);
            Array.Sort(values);
        }
        return new(places) { FarMeans = far };

        IEnumerable<double> Values(int label)
            => Enumerable.Range(0, count).Select(row => (double)rows[row * width + label]).DefaultIfEmpty();

        static bool IsFar(double mean, (double Least, double Most) ends)
            => mean < 2 * ends.Least - ends.Most || mean > 2 * ends.Most - ends.Least;
    }

    /// <summary>
    /// The z up to which an interval goes to either side of the median to cover a label with probability <paramref name="mass"/>: the
    /// ceil((n + 1) mass)-th smallest, infinite where n is too small for it.
    /// </summary>
    public double Reach(int label, double mass)
    {
        int rank = (int)Math.Ceiling((Count + 1) * mass - 1e-9);
        return rank > Count ? double.PositiveInfinity : _places[label][Math.Max(rank, 1) - 1];
    }

    /// <summary>The rows that a mass needs.</summary>
    public static int RowsFor(double mass) => (int)Math.Ceiling(mass / (1 - mass) - 1e-9);

    /// <summary>Writes this into a model's stream.</summary>
    public void Save(BinaryWriter writer)
    {
        writer.Write(Labels);
        writer.Write(Count);
        foreach (float value in _places.SelectMany(values => values))
            writer.Write(value);
    }

    /// <summary>Reads what <see cref="Save"/> wrote, of a flow of this many labels.</summary>
    /// <exception cref="FlowModelException">It did not write this.</exception>
    public static IntervalCalibration Load(BinaryReader reader, int labels)
    {
        (int found, int count) = (reader.ReadInt32(), reader.ReadInt32());
        if (found != labels || count is < 0 or > Calibration.MaxScores)
        {
            throw new FlowModelException($"The saved regression has intervals of {found} labels by {count} rows, and its flow {labels} "
                + "labels.");
        }
        float[][] places = [.. Enumerable.Range(0, labels).Select(_ => new float[count])];
        foreach (float[] values in places)
        {
            for (int i = 0; i < count; i++)
            {
                values[i] = reader.ReadSingle();
                if (!(values[i] >= (i == 0 ? 0 : values[i - 1])))
                    throw new FlowModelException("The intervals of the saved regression are damaged: places are not in order.");
            }
        }
        return new(places);
    }
}
