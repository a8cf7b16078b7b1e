using RealNvp.ML.Serving.Batching;

namespace RealNvp.ML.Serving.Rows;

/// <summary>Rows of one caller as columns, and what comes of them.</summary>
internal sealed class RowsRequest : BatchRequest
{
    /// <param name="rows">How many rows.</param>
    /// <param name="inputs">The values of each column that the model reads, in its order: of <see cref="ModelColumn.NewValues"/>.</param>
    /// <param name="outputs">The columns that the model gives.</param>
    /// <param name="wanted">Which of them are wanted, by their places.</param>
    public RowsRequest(int rows, Array[] inputs, IReadOnlyList<ModelColumn> outputs, IReadOnlyList<int> wanted) : base(rows)
    {
        (Inputs, Wanted) = (inputs, wanted);
        Results = [.. outputs.Select((output, i) => wanted.Contains(i) ? output.NewValues(rows) : null)];
    }

    /// <summary>The values of each column, row by row.</summary>
    public Array[] Inputs { get; }

    /// <summary>The places of the wanted columns among those that the model gives.</summary>
    public IReadOnlyList<int> Wanted { get; }

    /// <summary>The results of each column that the model gives, null where it is not wanted.</summary>
    public Array?[] Results { get; }
}
