using Microsoft.ML;
using Microsoft.ML.Data;

namespace RealNvp.ML.Transforms.Rows;

/// <summary>A map row by row, which is what <c>PredictionEngine</c> uses: the batch of one.</summary>
internal sealed class RowMapper(RowMap map, DataViewSchema input) : IRowToRowMapper
{
    private readonly DataViewSchema.Column[] _inputs = map.FindInputs(input);

    /// <inheritdoc/>
    public DataViewSchema InputSchema => input;

    /// <inheritdoc/>
    public DataViewSchema OutputSchema { get; } = map.OutputSchema(input);

    /// <inheritdoc/>
    public IEnumerable<DataViewSchema.Column> GetDependencies(IEnumerable<DataViewSchema.Column> dependingColumns)
        => Ask(dependingColumns).Upstream;

    /// <inheritdoc/>
    public DataViewRow GetRow(DataViewRow input, IEnumerable<DataViewSchema.Column> activeColumns)
    {
        ArgumentNullException.ThrowIfNull(input);
        if (input.Schema != InputSchema)
            throw new ArgumentException("The row has another schema than the one this mapper was made for.", nameof(input));
        return new InPlaceCursor(map, Ask(activeColumns), input);
    }

    private ActiveColumns Ask(IEnumerable<DataViewSchema.Column> columns) => new(InputSchema, OutputSchema, _inputs, columns);
}
