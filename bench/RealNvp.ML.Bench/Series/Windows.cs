using Microsoft.ML;
using Microsoft.ML.Data;

namespace RealNvp.ML.Bench.Series;

/// <summary>
/// The rows of a recording as means over the last seconds, in units of its own beginning: how far each sensor has gone from where it was
/// when the recording began, beside how far it went then.
/// </summary>
/// <param name="Recording">What they are of.</param>
/// <param name="Rows">One per row from the first that has a whole window before it, each of the sensors.</param>
/// <param name="First">The recording's row that the first of them is of.</param>
internal sealed record Windows(Recording Recording, float[][] Rows, int First)
{
    /// <summary>The rows that a recording begins with, which train.</summary>
    public const int Beginning = 400;

    /// <summary>Seconds that are averaged.</summary>
    public const int Length = 30;

    /// <summary>The windows of the beginning.</summary>
    public IEnumerable<float[]> Training => Rows.Take(Beginning - First);

    /// <summary>Those of what comes after, with what is known of each.</summary>
    public IEnumerable<(float[] Row, bool IsOdd)> Test
        => Rows.Skip(Beginning - First).Select((row, i) => (row, Recording.IsOdd[Beginning + i]));

    /// <summary>The windows of recordings, by ML.NET's pipeline over all of them.</summary>
    public static Windows[] Of(MLContext ml, IReadOnlyList<Recording> recordings)
    {
        SchemaDefinition schema = SchemaDefinition.Create(typeof(Row));
        schema[nameof(Row.Now)].ColumnType = new VectorDataViewType(NumberDataViewType.Single, Recording.Sensors.Length);
        IDataView rows = ml.Data.LoadFromEnumerable(recordings.SelectMany((recording, i)
            => recording.Values.Select(values => new Row { Recording = i, Now = values })), schema);
        IDataView lagged = ml.Transforms.Lags("Before", [nameof(Row.Now)], [.. Enumerable.Range(1, Length - 1)], nameof(Row.Recording))
            .Fit(rows).Transform(rows);
        return [.. ml.Data.CreateEnumerable<Lagged>(lagged, reuseRowObject: false).GroupBy(row => row.Recording).OrderBy(group => group.Key)
            .Select(group => new Windows(recordings[group.Key], InOwnUnits([.. group.Select(Mean)]), Length - 1))];
    }

    private static double[] Mean(Lagged row) => [.. Enumerable.Range(0, row.Now.Length).Select(sensor
        => (row.Now[sensor] + Enumerable.Range(0, Length - 1).Sum(lag => (double)row.Before[lag * row.Now.Length + sensor])) / Length)];

    private static float[][] InOwnUnits(double[][] means)
    {
        double[][] own = means[..(Beginning - Length + 1)];
        double[] center = [.. Enumerable.Range(0, own[0].Length).Select(sensor => own.Average(row => row[sensor]))];
        double[] scale = [.. center.Select((mean, sensor)
            => Math.Max(Math.Sqrt(own.Average(row => Math.Pow(row[sensor] - mean, 2))), 1e-3 * Math.Max(1e-6, Math.Abs(mean))))];
        return [.. means.Select(row => row.Select((value, sensor) => (float)((value - center[sensor]) / scale[sensor])).ToArray())];
    }

    private sealed class Row
    {
        public int Recording { get; set; }

        public float[] Now { get; set; } = [];
    }

    private sealed class Lagged
    {
        public int Recording { get; set; }

        public float[] Now { get; set; } = [];

        public float[] Before { get; set; } = [];
    }
}
