using Microsoft.ML;
using RealNvp.ML.Export;

namespace RealNvp.ML.Transforms;

/// <summary>
/// Says when what is scored is no longer like the rows that calibrated a flow: p-values of rows like those are uniform. Every window of
/// rows is compared with the calibration slice by the two-sample test of Kolmogorov and Smirnov, and the false-alarm rate is shared out
/// among all windows to come, so that it holds however long the monitor runs, and whatever the size of the slice.
/// </summary>
/// <remarks>Memory does not grow. Not for several threads at once.</remarks>
/// <example>
/// <code>
/// DriftMonitor monitor = flow.CreateDriftMonitor();
/// monitor.Add(flow.Transform(todaysRows));
/// if (monitor.HasDrifted) Console.WriteLine($"unlike the calibration rows since row {monitor.Row}");
/// </code>
/// </example>
public sealed class DriftMonitor
{
    private const int MostCalibrationRows = 1 << 24;

    private readonly long[] _counts; // of the present window: by how many calibration scores are as high or higher
    private readonly int _calibration;
    private readonly bool[]? _seen; // where calibration scores are alike: how many may be as high as a score or higher
    private readonly double _falseAlarmRate;
    private long _windows;
    private int _inWindow;

    /// <summary>A monitor of p-values over this many calibration rows.</summary>
    /// <remarks>
    /// Scores that are alike, as of rows with few different values, are taken for a drift by who knows their number alone: of a flow
    /// <see cref="RealNvpTransformer.CreateDriftMonitor"/> knows the scores themselves.
    /// </remarks>
    /// <param name="calibrationRows">How many rows calibrated the p-values, at least 1.</param>
    /// <param name="falseAlarmRate">The chance that it ever speaks up without cause, above 0 and below 1.</param>
    /// <param name="window">Rows that are looked at together, at least 20: more find smaller drifts, later.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is out of its range.</exception>
    public DriftMonitor(int calibrationRows, double falseAlarmRate = 0.01, int window = 500)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(calibrationRows, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(calibrationRows, MostCalibrationRows);
        ArgumentOutOfRangeException.ThrowIfLessThan(window, 20);
        if (!(falseAlarmRate is > 0 and < 1))
            throw new ArgumentOutOfRangeException(nameof(falseAlarmRate), falseAlarmRate,
                "The rate of false alarms is above 0 and below 1.");
        _calibration = calibrationRows;
        _falseAlarmRate = falseAlarmRate;
        Window = window;
        _counts = new long[calibrationRows + 1];
    }

    /// <summary>A monitor of the p-values over a calibration, whose scores may be alike.</summary>
    internal DriftMonitor(Calibration calibration, double falseAlarmRate = 0.01, int window = 500)
        : this(calibration.Count, falseAlarmRate, window)
    {
        float[] scores = [.. calibration.Scores];
        bool[] seen = new bool[scores.Length + 1];
        for (int i = 0; i < scores.Length; i++)
            seen[scores.Length - i] |= i == 0 || scores[i - 1] < scores[i];
        seen[0] = true;
        _seen = seen.Contains(false) ? seen : null;
    }

    /// <summary>Rows that are looked at together.</summary>
    public int Window { get; }

    /// <summary>Rows with a p-value so far.</summary>
    public long Rows { get; private set; }

    /// <summary>Whether a window was unlike the calibration rows.</summary>
    public bool HasDrifted => Row is not null;

    /// <summary>The first row, counted from 0, of the first window that was; null where none was.</summary>
    public long? Row { get; private set; }

    /// <summary>
    /// The distance of the last full window, 0 to 1: the largest difference between the share of its scores above a value and that of the
    /// calibration scores; NaN before there is one.
    /// </summary>
    public double Distance { get; private set; } = double.NaN;

    /// <summary>Takes the p-value of the next row; NaN, of rows that are not finite, does not count.</summary>
    /// <returns><see cref="HasDrifted"/>.</returns>
    /// <exception cref="ArgumentOutOfRangeException">It is below 0 or above 1.</exception>
    public bool Add(float pValue)
    {
        if (float.IsNaN(pValue))
            return HasDrifted;
        if (pValue is < 0 or > 1)
            throw new ArgumentOutOfRangeException(nameof(pValue), pValue, "A p-value is from 0 to 1, or NaN.");
        _counts[(int)Math.Clamp(Math.Round((double)pValue * (_calibration + 1)) - 1, 0, _calibration)]++;
        Rows++;
        if (++_inWindow == Window)
            Close();
        return HasDrifted;
    }

    /// <summary>Takes the p-values of scored rows, in order.</summary>
    /// <param name="scored">A view with a column of p-values.</param>
    /// <param name="pValueColumnName">Its name.</param>
    /// <returns><see cref="HasDrifted"/>.</returns>
    /// <exception cref="ArgumentException">The column is missing or is no Single.</exception>
    public bool Add(IDataView scored, string pValueColumnName = "PValue")
    {
        ArgumentNullException.ThrowIfNull(scored);
        foreach (float pValue in Alarms.FalseDiscoveries.PValues(scored, pValueColumnName))
            Add(pValue);
        return HasDrifted;
    }

    private void Close()
    {
        double distance = 0, above = 0;
        for (int j = 0; j <= _calibration; j++)
        {
            // from the highest score down: j calibration scores are passed, then the rows between this one and the next
            double share = (double)j / _calibration;
            if (_seen is null)
                distance = Math.Max(distance, Math.Abs(above / Window - share));
            above += _counts[j];
            // a p-value does not tell a row that is like some calibration rows from one a little below them: with the rows of both, what
            // is above the next calibration score is comparable, and the true distance is no smaller
            if (_seen is null || _seen[j])
                distance = Math.Max(distance, Math.Abs(above / Window - share));
        }
        Distance = distance;
        _windows++;
        // 6 / (pi k)^2 sums to 1 over all k
        if (Chance(distance) <= _falseAlarmRate * 6 / Math.Pow(Math.PI * _windows, 2))
            Row ??= Rows - Window;
        Array.Clear(_counts);
        _inWindow = 0;
    }

    /// <summary>The chance of such a distance between two samples of one distribution (Stephens 1970).</summary>
    private double Chance(double distance)
    {
        double size = Math.Sqrt((double)_calibration * Window / (_calibration + Window)), x = (size + 0.12 + 0.11 / size) * distance;
        double sum = 0;
        for (int k = 1; k <= 100; k++)
            sum += (k % 2 == 1 ? 2 : -2) * Math.Exp(-2 * k * k * x * x);
        return x < 0.2 ? 1 : Math.Clamp(sum, 0, 1);
    }
}
