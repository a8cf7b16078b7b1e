using Microsoft.ML;
using Microsoft.ML.Runtime;
using RealNvp.ML.Transforms.MlNet;
using RealNvp.ML.Transforms.Series;

namespace RealNvp.ML.Transforms;

/// <summary>
/// Gives each row the values of the rows before it; made by <see cref="SeriesCatalog.Lags"/>. Nothing is learned.
/// </summary>
public sealed class LagsEstimator : IEstimator<LagsTransformer>
{
    private readonly IHostEnvironment _environment;
    private readonly LagSettings _settings;

    internal LagsEstimator(IHostEnvironment environment, LagSettings settings)
        => (_environment, _settings) = (environment, settings.Checked());

    /// <summary>The transformer; no row is read.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A column is missing or of another type.</exception>
    /// <exception cref="ArgumentException">The view is shuffled.</exception>
    public LagsTransformer Fit(IDataView input)
    {
        ArgumentNullException.ThrowIfNull(input);
        var transformer = new LagsTransformer(_environment.Register(LagsTransformer.LoaderSignature), _settings);
        transformer.Transform(input); // looks at the columns and the order, and reads nothing
        return transformer;
    }

    /// <inheritdoc/>
    public SchemaShape GetOutputSchema(SchemaShape inputSchema) => MlNetInternals.ShapeWith(inputSchema, _settings.Added(inputSchema));
}
