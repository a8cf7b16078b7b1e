using RealNvp.ML.Export.Storage;

namespace Microsoft.ML;

/// <summary>How an MLContext saves a model so that no crash costs the one that is there.</summary>
public static class SavingCatalog
{
    /// <summary>
    /// Saves a model as <c>Save</c> does, but to a file beside <paramref name="filePath"/> that is renamed when it is whole and on the
    /// disk: whoever reads sees the old model or the new one, whenever the process dies. ML.NET's own <c>Save</c> empties the old file
    /// first.
    /// </summary>
    /// <param name="catalog">The model catalog.</param>
    /// <param name="model">The model: any transformer or chain of them.</param>
    /// <param name="inputSchema">The schema of the model's input, null for none.</param>
    /// <param name="filePath">The file, replaced if it is there. What a process that was killed has left beside it is removed.</param>
    /// <exception cref="IOException">The file cannot be written; the old one is as it was.</exception>
    /// <example>
    /// <code>
    /// mlContext.Model.SaveAtomically(model, data.Schema, "model.zip");
    /// </code>
    /// </example>
    public static void SaveAtomically(this ModelOperationsCatalog catalog, ITransformer model, DataViewSchema? inputSchema, string filePath)
    {
        ArgumentNullException.ThrowIfNull(catalog);
        ArgumentNullException.ThrowIfNull(model);
        ArgumentException.ThrowIfNullOrEmpty(filePath);
        AtomicFile.Write(filePath, stream => catalog.Save(model, inputSchema, stream));
    }
}
