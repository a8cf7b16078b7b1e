using System.Diagnostics;
using System.Diagnostics.Metrics;
using RealNvp.ML.Serving.Rows;

namespace RealNvp.ML.Serving.Models;

/// <summary>The measurements of a service, as OpenTelemetry collects them from the meter of this name.</summary>
internal sealed class ServingMetrics : IDisposable
{
    /// <summary>The meter's name.</summary>
    public const string MeterName = "RealNvp.ML";

    private readonly Meter _meter;
    private readonly Counter<long> _rows, _flagged, _drawn, _loads;
    private readonly Histogram<int> _batchRows;
    private readonly Histogram<double> _duration;

    /// <param name="factory">Makes the meter; null for one of its own.</param>
    /// <param name="models">The models that are served.</param>
    public ServingMetrics(IMeterFactory? factory, Func<IReadOnlyCollection<ServedModel>> models)
    {
        _meter = factory?.Create(MeterName) ?? new Meter(MeterName);
        _rows = _meter.CreateCounter<long>("realnvp.rows", "{row}", "Rows scored.");
        _flagged = _meter.CreateCounter<long>("realnvp.rows.flagged", "{row}", "Rows scored that were flagged.");
        _drawn = _meter.CreateCounter<long>("realnvp.rows.drawn", "{row}", "Rows drawn.");
        _loads = _meter.CreateCounter<long>("realnvp.model.loads", "{file}", "Model files that were read, by outcome: loaded or failed.");
        _batchRows = _meter.CreateHistogram<int>("realnvp.batch.rows", "{row}", "Rows of a batch.",
            advice: new() { HistogramBucketBoundaries = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024] });
        _duration = _meter.CreateHistogram<double>("realnvp.request.duration", "s", "From the rows of a request to its results.",
            advice: new() { HistogramBucketBoundaries = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 5] });
        _meter.CreateObservableGauge("realnvp.rows.waiting", () => Of(models, model => model.WaitingRows), "{row}",
            "Rows that wait for a batch.");
        _meter.CreateObservableGauge("realnvp.flagged.share", () => Of(models, model => model.Watch.FlaggedShare), "1",
            "The share of the rows of the last window that was flagged.");
        _meter.CreateObservableGauge("realnvp.drift.distance", () => Of(models, model => model.Watch.DriftDistance), "1",
            "The largest difference between the shares of the last window's p-values and those of the calibration rows.");
        _meter.CreateObservableGauge("realnvp.drift.detected", () => Of(models, model => model.Watch.HasDrifted ? 1 : 0), "1",
            "1 where what is scored is no longer like the calibration rows.");
    }

    /// <summary>Rows of a model were scored.</summary>
    public void Scored(string model, int rows, int flagged)
    {
        var tag = new KeyValuePair<string, object?>("model", model);
        _rows.Add(rows, tag);
        if (flagged > 0)
            _flagged.Add(flagged, tag);
    }

    /// <summary>Rows of a model were drawn.</summary>
    public void Drawn(string model, long rows) => _drawn.Add(rows, new KeyValuePair<string, object?>("model", model));

    /// <summary>A batch was computed.</summary>
    public void Batch(string model, int rows) => _batchRows.Record(rows, new KeyValuePair<string, object?>("model", model));

    /// <summary>A request was answered, or not.</summary>
    /// <param name="model">Its model.</param>
    /// <param name="start">The timestamp of its start.</param>
    /// <param name="outcome">ok, busy, gone or failed.</param>
    public void Answered(string model, long start, string outcome) => _duration.Record(Stopwatch.GetElapsedTime(start).TotalSeconds,
        new KeyValuePair<string, object?>("model", model), new("outcome", outcome));

    /// <summary>A file was read.</summary>
    public void Loaded(string model, bool isGood) => _loads.Add(1, new KeyValuePair<string, object?>("model", model),
        new("outcome", isGood ? "loaded" : "failed"));

    /// <inheritdoc/>
    public void Dispose() => _meter.Dispose();

    private static IEnumerable<Measurement<double>> Of(Func<IReadOnlyCollection<ServedModel>> models, Func<ServedModel, double> value)
        => models().Select(model => (model.Name, Value: value(model))).Where(model => !double.IsNaN(model.Value))
            .Select(model => new Measurement<double>(model.Value, new KeyValuePair<string, object?>("model", model.Name)));
}
