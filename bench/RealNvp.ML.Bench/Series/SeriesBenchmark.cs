using System.Diagnostics;
using System.Globalization;
using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Bench.Flows;
using RealNvp.ML.Bench.Reporting;
using RealNvp.ML.Bench.Running;
using RealNvp.ML.Export.Nets;
using RealNvp.ML.Trainers;
using RealNvp.ML.Transforms;

namespace RealNvp.ML.Bench.Series;

/// <summary>
/// Flags rows of the Skoltech Anomaly Benchmark (Katser and Kozitsin 2020): the first 400 rows of each recording train, the rest is scored;
/// false and missed alarms over all recordings together. The threshold is asked for beforehand.
/// </summary>
internal sealed class SeriesBenchmark : Benchmark
{
    private const int Seed = 1;

    /// <summary>Parts of the recording without anomalies: as long as the others, one from every so many rows on.</summary>
    private const int PartRows = 1150, PartEvery = 400;

    private static readonly double[] s_contaminations = [0.01, 0.05];

    /// <inheritdoc/>
    public override string Name => "series";

    /// <inheritdoc/>
    public override string Question => "are odd rows of time series found, at a rate of false alarms that was asked for?";

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, string> Options => new Dictionary<string, string>
    {
        ["--half"] = "only every second recording, from the first on (0) or from the second (1): to choose by one half and confirm by the "
            + "other; no figures",
        ["--experiment"] = "other trainer options, as Noise=0.1,Dropout=0; no figures",
    };

    /// <inheritdoc/>
    public override void Run(BenchmarkContext context)
    {
        string folder = Path.Combine(context.Arguments.Data
            ?? throw new BenchmarkFailedException("--data is missing: the folder that holds skab/KIND/N.csv.gz."), "skab");
        int? half = context.Arguments.Count("--half", least: 0);
        var experiment = new Experiment(context.Arguments["--experiment"], () => new RealNvpTrainer.Options
        {
            // small, smooth and without a bound: what is far from the beginning is the farther the odder; chosen by the first half
            Table = new() { Couplings = 2, HiddenUnits = 8, Activation = Activation.Tanh, TailBound = 0 },
            Noise = 0.5,
        });
        Recording[] all = Directory.Exists(folder)
            ? [.. Directory.GetFiles(folder, "*.csv.gz", SearchOption.AllDirectories).Order(StringComparer.Ordinal).Select(Recording.Read)]
            : [];
        Recording[] odd = [.. all.Where(recording => recording.IsOdd.Contains(true))
            .Where((_, i) => half is null || i % 2 == half)];
        Recording[] parts = [.. all.Where(recording => !recording.IsOdd.Contains(true)).SelectMany(recording
            => Enumerable.Range(0, Math.Max(0, (recording.Values.Length - PartRows) / PartEvery + 1))
                .Select(i => recording.Part(i * PartEvery, PartRows)))];
        if (odd.Length == 0 || parts.Length == 0)
        {
            throw new BenchmarkFailedException($"'{folder}' has {odd.Length} recordings with anomalies and {parts.Length} parts of "
                + $"{PartRows} rows without, expected some of both: skab/KIND/N.csv.gz and skab/anomaly-free/anomaly-free.csv.gz.");
        }

        long start = Stopwatch.GetTimestamp();
        context.Progress.Show("windows", 0, 3);
        var ml = new MLContext(Seed);
        Windows[] windows = Windows.Of(ml, odd), clean = Windows.Of(ml, parts);
        context.Progress.Show("training", 1, 3);
        RealNvpTrainer.Options options = experiment.Options();
        (options.Seed, options.Contamination) = (Seed, s_contaminations[^1]);
        options.Calibration = Tables.Cached(ml, [.. clean.SelectMany(one => one.Test.Select(row => row.Row))]);
        using RealNvpTransformer flow = ml.AnomalyDetection.Trainers.RealNvp(options)
            .Fit(Tables.Cached(ml, [.. windows.Concat(clean).SelectMany(one => one.Training)]));
        context.Progress.Show("scoring", 2, 3);
        float[][] scores = [.. windows.Select(one => flow.Transform(Tables.Cached(ml, [.. one.Test.Select(row => row.Row)]))
            .GetColumn<float>("Score").ToArray())];
        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;

        Add(context.Report, windows, scores, [.. s_contaminations.Select(share => (share, flow.Model.Calibration.ThresholdAt(share)))],
            experiment.IsDefault && half is null);
        context.Report.Add(string.Create(CultureInfo.InvariantCulture,
            $"{odd.Length} recordings, {parts.Length} parts of the one without anomalies, {seconds:F0} seconds. ")
            + Experiment.Describe(options) + ".");
    }

    private static void Add(Report report, Windows[] windows, float[][] scores, (double Share, float Threshold)[] thresholds, bool isResult)
    {
        report.Add($"""
            Means of six sensors over {Windows.Length} seconds, in units of each recording's first {Windows.Beginning} rows; one flow
            over the beginnings of all. It is calibrated with what follows the beginnings of parts of the recording without anomalies:
            rows that have drifted as long as those to be scored. The published figures are of 34 recordings, ours of those that are here.
            """);
        var table = new MarkdownTable("Asked for", "F1", "false alarms", "missed alarms");
        Alarms[][] files = [.. thresholds.Select(asked => windows.Select((one, i) => Alarms.Of(one.Test.Select((row, j)
            => (scores[i][j] > asked.Threshold, row.IsOdd)))).ToArray())];
        foreach (((double share, _), Alarms[] alarms) in thresholds.Zip(files))
            table.Add(Percent(share), Three(Alarms.Sum(alarms).F1), Percent(Alarms.Sum(alarms).FalseAlarmRate),
                Percent(Alarms.Sum(alarms).MissedAlarmRate));
        table.Add("Conv-AE, published", "0.780", "13.6 %", "28.0 %");
        table.Add("MSET, published", "0.780", "39.7 %", "14.1 %");
        table.Add("T2 + Q, published", "0.760", "26.6 %", "24.9 %");
        table.Add("isolation forest, published", "0.290", "2.6 %", "82.9 %");
        report.Add(table);

        table = new MarkdownTable(["Recording",
            .. thresholds.SelectMany(asked => (string[])[$"false at {Percent(asked.Share)}", "missed"])]);
        for (int i = 0; i < windows.Length; i++)
        {
            table.Add([windows[i].Recording.Name, .. files.SelectMany(alarms => (string[])[Percent(alarms[i].FalseAlarmRate),
                Percent(alarms[i].MissedAlarmRate)])]);
        }
        report.Add(table);
        if (!isResult)
            return;
        foreach (((double share, _), Alarms[] alarms) in thresholds.Zip(files))
        {
            Alarms sum = Alarms.Sum(alarms);
            string at = share == thresholds[^1].Share ? "" : string.Create(CultureInfo.InvariantCulture, $".at_{100 * share:F0}_percent");
            report.Add(new Figure($"series.skab.f1{at}", sum.F1, "F1", 0.78, "Conv-AE, published", sum.F1 / 0.78));
            report.Add(new Figure($"series.skab.false_alarm_rate{at}", sum.FalseAlarmRate, "share", share, "what was asked for",
                share / Math.Max(1e-9, sum.FalseAlarmRate)));
            report.Add(new Figure($"series.skab.missed_alarm_rate{at}", sum.MissedAlarmRate, "share", 0.28, "Conv-AE, published",
                0.28 / Math.Max(1e-9, sum.MissedAlarmRate)));
        }
    }

    private static string Percent(double share) => (100 * share).ToString("F1", CultureInfo.InvariantCulture) + " %";

    private static string Three(double value) => value.ToString("F3", CultureInfo.InvariantCulture);
}
