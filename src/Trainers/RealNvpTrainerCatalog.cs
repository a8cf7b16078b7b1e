using Microsoft.ML.Runtime;
using RealNvp.ML.Trainers;
using RealNvp.ML.Transforms;
using RealNvp.ML.Transforms.MlNet;

namespace Microsoft.ML;

/// <summary>Puts Real NVP among ML.NET's trainers.</summary>
public static class RealNvpTrainerCatalog
{
    /// <summary>
    /// Creates a <see cref="RealNvpTrainer"/>, which fits a normalizing flow and scores rows by their negative log-likelihood.
    /// </summary>
    /// <param name="catalog">The catalog's trainers.</param>
    /// <param name="featureColumnName">The feature column, a known-size vector of <see cref="float"/>.</param>
    /// <param name="conditionColumnName">
    /// The condition column, a known-size vector of <see cref="float"/>, for a flow p(features | condition); null for none.
    /// </param>
    /// <param name="couplings">The number of affine couplings; null takes what <see cref="TableFlowOptions.Couplings"/> says.</param>
    /// <param name="hiddenUnits">The width of the hidden layers of each coupling's net.</param>
    /// <param name="contamination">The share of rows like the training rows that the threshold flags.</param>
    /// <param name="seed">The seed; null takes that of the MLContext.</param>
    /// <example>
    /// <code>
    /// var pipeline = mlContext.Transforms.Concatenate("Features", "Length", "Width")
    ///     .Append(mlContext.AnomalyDetection.Trainers.RealNvp(contamination: 0.01));
    /// ITransformer model = pipeline.Fit(normalRows);
    /// </code>
    /// </example>
    public static RealNvpTrainer RealNvp(this AnomalyDetectionCatalog.AnomalyDetectionTrainers catalog,
        string featureColumnName = "Features",
        string? conditionColumnName = null,
        int? couplings = null,
        int hiddenUnits = RealNvpTrainer.Defaults.HiddenUnits,
        double contamination = RealNvpTrainer.Defaults.Contamination,
        int? seed = null)
        => RealNvp(catalog, new RealNvpTrainer.Options
        {
            FeatureColumnName = featureColumnName,
            ConditionColumnName = conditionColumnName,
            Table = new() { Couplings = couplings, HiddenUnits = hiddenUnits },
            Contamination = contamination,
            Seed = seed,
        });

    /// <summary>Creates a <see cref="RealNvpTrainer"/> with all options.</summary>
    /// <param name="catalog">The catalog's trainers.</param>
    /// <param name="options">The options; checked here, so that a wrong one fails before any work.</param>
    /// <exception cref="ArgumentOutOfRangeException">An option is out of its range.</exception>
    public static RealNvpTrainer RealNvp(this AnomalyDetectionCatalog.AnomalyDetectionTrainers catalog, RealNvpTrainer.Options options)
    {
        ArgumentNullException.ThrowIfNull(catalog);
        return new RealNvpTrainer(MlNetInternals.EnvironmentOf(catalog), options);
    }

    /// <summary>
    /// Creates a <see cref="RealNvpRegressionTrainer"/>, which learns the distribution of a label given features: its mean, median,
    /// intervals that cover what they say, and its density.
    /// </summary>
    /// <param name="catalog">The catalog's trainers.</param>
    /// <param name="labelColumnName">The label column, a <see cref="float"/> or a known-size vector of them.</param>
    /// <param name="featureColumnName">The feature column, a known-size vector of <see cref="float"/>.</param>
    /// <param name="exampleWeightColumnName">A column of weights; null for none.</param>
    /// <param name="intervalMass">The probability with which the interval from Lower to Upper covers the label.</param>
    /// <param name="seed">The seed; null takes that of the MLContext.</param>
    /// <example>
    /// <code>
    /// var pipeline = mlContext.Transforms.Concatenate("Features", "Area", "Rooms")
    ///     .Append(mlContext.Regression.Trainers.RealNvp(labelColumnName: "Price"));
    /// using var model = pipeline.Fit(houses);
    /// RegressionMetrics metrics = mlContext.Regression.Evaluate(model.Transform(others), labelColumnName: "Price");
    /// </code>
    /// </example>
    public static RealNvpRegressionTrainer RealNvp(this RegressionCatalog.RegressionTrainers catalog,
        string labelColumnName = "Label",
        string featureColumnName = "Features",
        string? exampleWeightColumnName = null,
        double intervalMass = RealNvpRegressionTransformer.DefaultMass,
        int? seed = null)
    {
        RealNvpTrainer.Options flow = RealNvpTrainer.Options.ForRegression();
        flow.Seed = seed;
        return RealNvp(catalog, new RealNvpRegressionTrainer.Options
        {
            LabelColumnName = labelColumnName,
            FeatureColumnName = featureColumnName,
            ExampleWeightColumnName = exampleWeightColumnName,
            IntervalMass = intervalMass,
            Flow = flow,
        });
    }

    /// <summary>Creates a <see cref="RealNvpRegressionTrainer"/> with all options.</summary>
    /// <param name="catalog">The catalog's trainers.</param>
    /// <param name="options">The options; checked here, so that a wrong one fails before any work.</param>
    /// <exception cref="ArgumentException">An option is out of its range.</exception>
    public static RealNvpRegressionTrainer RealNvp(this RegressionCatalog.RegressionTrainers catalog,
        RealNvpRegressionTrainer.Options options)
    {
        ArgumentNullException.ThrowIfNull(catalog);
        IHostEnvironment environment = MlNetInternals.EnvironmentOf(catalog);
        return new RealNvpRegressionTrainer(environment, MlNetInternals.TransformsOf(environment), options);
    }
}
