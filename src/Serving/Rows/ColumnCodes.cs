using Microsoft.ML;
using RealNvp.ML.Transforms;

namespace RealNvp.ML.Serving.Rows;

/// <summary>Numbers that stand for missing ones, as the steps of a model know them.</summary>
internal static class ColumnCodes
{
    /// <summary>Those of a column that the model reads; mostly none.</summary>
    public static float[] Of(IEnumerable<ITransformer> steps, string column) => [.. steps.OfType<MissingCodesTransformer>()
        .Where(step => step.ColumnNames.Contains(column)).SelectMany(step => step.Codes)];
}
