using RealNvp.ML.Export;
using RealNvp.ML.Serving.Rows;
using RealNvp.ML.Transforms;

namespace RealNvp.ML.Serving.Models;

/// <summary>What a model made of the rows that it scored: how many it flagged, and whether they are like its calibration rows.</summary>
/// <param name="name">The model.</param>
/// <param name="metrics">Counts.</param>
/// <param name="pValueColumnName">The column of p-values, null where there are none.</param>
/// <param name="flagColumnName">The column of flags, null where there are none.</param>
/// <param name="calibration">What p-values are over.</param>
internal sealed class RowWatch(string name, ServingMetrics metrics, string? pValueColumnName, string? flagColumnName,
    Calibration calibration) : IRowObserver
{
    private readonly Lock _lock = new();
    private readonly DriftMonitor? _drift = pValueColumnName is null || calibration.Count == 0 ? null : new(calibration);
    private long _rows, _flagged;
    private int _windowRows, _windowFlagged;
    private double _share = double.NaN;

    /// <inheritdoc/>
    public string? PValueColumnName => pValueColumnName;

    /// <inheritdoc/>
    public string? FlagColumnName => flagColumnName;

    /// <summary>Rows scored.</summary>
    public long Rows => Interlocked.Read(ref _rows);

    /// <summary>Rows flagged; null where the model flags none.</summary>
    public long? Flagged => flagColumnName is null ? null : Interlocked.Read(ref _flagged);

    /// <summary>The share of the last full window that was flagged; NaN before there is one.</summary>
    public double FlaggedShare => flagColumnName is null ? double.NaN : Volatile.Read(ref _share);

    /// <summary>The monitor's distance; NaN before there is one.</summary>
    public double DriftDistance
    {
        get
        {
            lock (_lock)
                return _drift?.Distance ?? double.NaN;
        }
    }

    /// <summary>Whether a window was unlike the calibration rows.</summary>
    public bool HasDrifted
    {
        get
        {
            lock (_lock)
                return _drift?.HasDrifted == true;
        }
    }

    /// <inheritdoc/>
    public void Observe(ReadOnlySpan<float> pValues, int rows, int flagged)
    {
        metrics.Scored(name, rows, flagged);
        lock (_lock)
        {
            _rows += rows;
            _flagged += flagged;
            _windowRows += rows;
            _windowFlagged += flagged;
            if (_windowRows >= (_drift?.Window ?? 500))
            {
                Volatile.Write(ref _share, (double)_windowFlagged / _windowRows);
                (_windowRows, _windowFlagged) = (0, 0);
            }
            if (_drift is null)
                return;
            foreach (float pValue in pValues)
                _drift.Add(pValue);
        }
    }
}
