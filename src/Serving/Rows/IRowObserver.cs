namespace RealNvp.ML.Serving.Rows;

/// <summary>Sees what became of the rows that were scored.</summary>
internal interface IRowObserver
{
    /// <summary>The column of p-values; null where the model gives none.</summary>
    string? PValueColumnName { get; }

    /// <summary>The column of flags; null where the model gives none.</summary>
    string? FlagColumnName { get; }

    /// <summary>Rows were scored. By several threads.</summary>
    /// <param name="pValues">Their p-values; empty where the model gives none.</param>
    /// <param name="rows">How many.</param>
    /// <param name="flagged">How many were flagged.</param>
    void Observe(ReadOnlySpan<float> pValues, int rows, int flagged);
}
