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
using RealNvp.ML.Trainers;
using RealNvp.ML.Transforms;

namespace RealNvp.ML.Bench.Density;

/// <summary>One fold's fit and what it came to. Log-likelihoods are means in nats, of normalised columns.</summary>
/// <param name="Set">The name of the set.</param>
/// <param name="Fold">The fold that was held out; the trainer's seed too.</param>
/// <param name="Key">Changes when the data, the options or the code do.</param>
/// <param name="TestRows">The rows that were held out.</param>
/// <param name="CopiedRows">Those of them that equal a training row.</param>
/// <param name="Single">Of the test rows under one flow; NaN in an experiment, which is not shown the test.</param>
/// <param name="SingleWithoutCopies">The same without the copies.</param>
/// <param name="SingleLowest">The least likely test row under one flow.</param>
/// <param name="Mixture">Of the test rows under the whole mixture; NaN without one.</param>
/// <param name="MixtureWithoutCopies">The same without the copies.</param>
/// <param name="MixtureLowest">The least likely test row under the mixture.</param>
/// <param name="Training">Of the training rows, mean of the members.</param>
/// <param name="Validation">Of the rows that chose the weights, mean of the members.</param>
/// <param name="Steps">Optimizer steps of all members.</param>
/// <param name="Seconds">Of the fit, on one thread, while others may have run beside it.</param>
internal sealed record DensityFit(
    string Set, int Fold, string Key, int TestRows, int CopiedRows, double Single, double SingleWithoutCopies, double SingleLowest,
        double Mixture, double MixtureWithoutCopies, double MixtureLowest,
    double Training, double Validation, long Steps, double Seconds) : IMeasurement
{
    /// <inheritdoc/>
    [JsonIgnore]
    public int Part => Fold;

    /// <summary>The options of all sets: those for densities, and no rows for a threshold that nobody asks for.</summary>
    public static RealNvpTrainer.Options Options()
    {
        var options = RealNvpTrainer.Options.ForDensity();
        (options.CalibrationFraction, options.Contamination) = (0, 0);
        return options;
    }

    /// <summary>
    /// What a fit of a set under these options is filed under. Builds are deterministic: a module's identity is that of its source.
    /// </summary>
    public static string KeyOf(DensitySet set, Experiment experiment)
        => Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(string.Join(' ',
        [set.Name, set.Fingerprint, $"{experiment.IsDefault}", Experiment.Describe(experiment.Options()),
            .. new[] { typeof(FlowModel), typeof(RealNvpTransformer), typeof(RealNvpTrainer) }.Select(type
            => $"{type.Module.ModuleVersionId}")]))))[..16];

    /// <summary>Fits a fold, and scores its test rows unless this is an experiment.</summary>
    public static DensityFit Of(DensitySet set, int fold, Experiment experiment)
    {
        DensityFold data = set.Fold(fold);
        var ml = new MLContext(fold);
        RealNvpTrainer.Options options = experiment.Options();
        options.Seed = fold;
        long start = Stopwatch.GetTimestamp();
        using RealNvpTransformer model = ml.AnomalyDetection.Trainers.RealNvp(options).Fit(Tables.Cached(ml, data.Train));
        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;

        (double, double, double) single = (double.NaN, double.NaN, double.NaN), mixture = single;
        if (experiment.IsDefault)
        {
            IDataView test = Tables.Cached(ml, data.Test);
            using RealNvpTransformer first = ml.Transforms.ApplyRealNvp(new FlowModel(model.Model.InputShape, model.Model.Steps)).Fit(test);
            single = Means(first, test, data.Copies);
            if (model.Model.IsMixture)
                mixture = Means(model, test, data.Copies);
        }
        double Fact(string name) => double.Parse(model.Model.Metadata.Training[name], CultureInfo.InvariantCulture);
        return new DensityFit(set.Name, fold, KeyOf(set, experiment), data.Test.Length, data.Copies.Count(copy => copy), single.Item1,
            single.Item2, single.Item3,
            mixture.Item1, mixture.Item2, mixture.Item3, Fact("training_log_likelihood"), Fact("validation_log_likelihood"),
                (long)Fact("steps"), seconds);
    }

    private static (double All, double WithoutCopies, double Lowest) Means(RealNvpTransformer model, IDataView rows, bool[] copies)
    {
        float[] values = [.. model.Transform(rows).GetColumn<float>("LogLikelihood")];
        return (values.Average(value => (double)value), values.Where((_, row) => !copies[row]).Average(value => (double)value),
            values.Min());
    }
}
