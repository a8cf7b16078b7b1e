using RealNvp.ML.Transforms;
using RealNvp.ML.Transforms.Missing;
using RealNvp.ML.Transforms.MlNet;

namespace Microsoft.ML;

/// <summary>What an MLContext can do with numbers that stand for missing ones.</summary>
public static class MissingCodesCatalog
{
    /// <summary>
    /// Makes NaN of numbers that stand for missing ones, as -999, in columns that keep their names: before
    /// <c>IndicateMissingValues</c> and <c>ReplaceMissingValues</c>, which know NaN alone.
    /// </summary>
    /// <param name="catalog">The transforms catalog.</param>
    /// <param name="codes">The numbers; -0 and 0 are one.</param>
    /// <param name="columnNames">Columns of Single, or of vectors of Single of known size.</param>
    /// <exception cref="ArgumentException">A name is empty or repeated, there is none, or no number, or one is not finite.</exception>
    /// <example>
    /// <code>
    /// var pipeline = mlContext.Transforms.TreatAsMissing([-999], "Temperature", "Pressure")
    ///     .Append(mlContext.Transforms.ReplaceMissingValues([new("Temperature"), new("Pressure")],
    ///         MissingValueReplacingEstimator.ReplacementMode.Mean));
    /// </code>
    /// </example>
    public static MissingCodesEstimator TreatAsMissing(this TransformsCatalog catalog, float[] codes, params string[] columnNames)
    {
        ArgumentNullException.ThrowIfNull(catalog);
        ArgumentNullException.ThrowIfNull(codes);
        ArgumentNullException.ThrowIfNull(columnNames);
        return new(MlNetInternals.EnvironmentOf(catalog), new MissingCodes([.. columnNames], [.. codes]));
    }
}
