using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Serialization;
using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Bench.Flows;
using RealNvp.ML.Bench.Running;
using RealNvp.ML.Export;
using RealNvp.ML.Export.Steps;
using RealNvp.ML.Trainers;
using RealNvp.ML.Transforms;

namespace RealNvp.ML.Bench.Conditional;

/// <summary>One split's fit and what it came to, of the test rows and in the units of the target; NaN in an experiment.</summary>
/// <param name="Set">The name of the table.</param>
/// <param name="Split">The split; the trainer's seed too.</param>
/// <param name="Key">Changes when the data, the options or the code do.</param>
/// <param name="LogLikelihood">Mean, nats.</param>
/// <param name="Lowest">The least likely row.</param>
/// <param name="Coverage">The share of rows whose target the interval holds.</param>
/// <param name="Width">The mean width of the interval.</param>
/// <param name="Rmse">The root of the mean squared error of the mean.</param>
/// <param name="Gaussian">Mean log-likelihood under the mean and the deviation of the training targets alone.</param>
/// <param name="BinWidth">Of a target that counts as discrete; 0 where it does not.</param>
/// <param name="Validation">Mean log-likelihood of the rows that chose the weights.</param>
/// <param name="Steps">Optimizer steps of all members.</param>
/// <param name="Seconds">Of the fit, on one thread, while others may have run beside it.</param>
internal sealed record RegressionFit(
    string Set, int Split, string Key, double LogLikelihood, double Lowest, double Coverage, double Width, double Rmse, double Gaussian,
    double BinWidth, double Validation, long Steps, double Seconds) : IMeasurement
{
    /// <inheritdoc/>
    [JsonIgnore]
    public int Part => Split;

    /// <summary>What a fit of a table under these options is filed under.</summary>
    public static string KeyOf(RegressionSet set, Experiment experiment)
        => Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(string.Join(' ',
        [set.Name, set.Fingerprint, $"{experiment.IsDefault}", Experiment.Describe(experiment.Options()),
            .. new[] { typeof(FlowModel), typeof(RealNvpTransformer), typeof(RealNvpTrainer) }.Select(type
            => $"{type.Module.ModuleVersionId}")]))))[..16];

    /// <summary>Fits a split, and scores its test rows unless this is an experiment.</summary>
    public static RegressionFit Of(RegressionSet set, int split, Experiment experiment)
    {
        (float[][] train, float[][] test) = set.Split(split);
        var ml = new MLContext(split);
        RealNvpTrainer.Options flow = experiment.Options();
        flow.Seed = split;
        long start = Stopwatch.GetTimestamp();
        using RealNvpRegressionTransformer model = ml.Regression.Trainers.RealNvp(new RealNvpRegressionTrainer.Options { Flow = flow })
            .Fit(View(ml, train));
        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        double Fact(string name) => double.Parse(model.Model.Metadata.Training[name], CultureInfo.InvariantCulture);
        double bin = model.Model.Steps[0] is Dequantization { Widths: [var width] } ? width : 0;
        var fit = new RegressionFit(set.Name, split, KeyOf(set, experiment), double.NaN, double.NaN, double.NaN, double.NaN, double.NaN,
            double.NaN, bin, Fact("validation_log_likelihood"), (long)Fact("steps"), seconds);
        if (!experiment.IsDefault)
            return fit;
        Prediction[] found = [.. ml.Data.CreateEnumerable<Prediction>(model.Transform(View(ml, test)), reuseRowObject: false)];
        double mean = train.Average(row => row[^1]), variance = train.Average(row => Math.Pow(row[^1] - mean, 2));
        return fit with
        {
            LogLikelihood = found.Average(row => (double)row.LogLikelihood),
            Lowest = found.Min(row => row.LogLikelihood),
            Coverage = found.Average(row => row.Lower <= row.Label && row.Label <= row.Upper ? 1.0 : 0),
            Width = found.Average(row => (double)row.Upper - row.Lower),
            Rmse = Math.Sqrt(found.Average(row => Math.Pow((double)row.Score - row.Label, 2))),
            Gaussian = test.Average(row => -0.5 * (Math.Pow(row[^1] - mean, 2) / variance + Math.Log(2 * Math.PI * variance))),
        };
    }

    private static IDataView View(MLContext ml, float[][] rows)
    {
        SchemaDefinition schema = SchemaDefinition.Create(typeof(Row));
        schema[nameof(Row.Features)].ColumnType = new VectorDataViewType(NumberDataViewType.Single, rows[0].Length - 1);
        return ml.Data.LoadFromEnumerable(rows.Select(row => new Row { Features = row[..^1], Label = row[^1] }).ToArray(), schema);
    }

    private class Row
    {
        public float[] Features { get; set; } = [];

        public float Label { get; set; }
    }

    private sealed class Prediction
    {
        public float Label { get; set; }

        public float Score { get; set; }

        public float Lower { get; set; }

        public float Upper { get; set; }

        public float LogLikelihood { get; set; }
    }
}
