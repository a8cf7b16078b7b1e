using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Runtime;
using RealNvp.ML.Transforms.Columns;
using RealNvp.ML.Transforms.Missing;

namespace RealNvp.ML.Transforms;

/// <summary>
/// Makes NaN of numbers that stand for missing ones; made by <see cref="MissingCodesCatalog.TreatAsMissing"/>. Nothing is learned.
/// </summary>
public sealed class MissingCodesEstimator : IEstimator<MissingCodesTransformer>
{
    private readonly IHostEnvironment _environment;
    private readonly MissingCodes _codes;

    internal MissingCodesEstimator(IHostEnvironment environment, MissingCodes codes)
        => (_environment, _codes) = (environment, codes.Checked());

    /// <summary>The transformer; no row is read.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A column is missing or of another type.</exception>
    public MissingCodesTransformer Fit(IDataView input)
    {
        ArgumentNullException.ThrowIfNull(input);
        _codes.Find(input.Schema);
        return new MissingCodesTransformer(_environment, _codes);
    }

    /// <inheritdoc/>
    public SchemaShape GetOutputSchema(SchemaShape inputSchema)
    {
        foreach (string name in _codes.Columns)
            NumberColumn.Find(inputSchema, name);
        return inputSchema;
    }
}
