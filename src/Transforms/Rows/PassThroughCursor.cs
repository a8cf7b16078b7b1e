using Microsoft.ML;
using Microsoft.ML.Data;

namespace RealNvp.ML.Transforms.Rows;

/// <summary>The upstream cursor under the output schema: for readers that ask for no added column, so that nothing is read ahead or computed.</summary>
internal sealed class PassThroughCursor(ActiveColumns columns, DataViewRowCursor source) : LinkedCursor(source)
{
    private readonly DataViewRowCursor _source = source;

    /// <inheritdoc/>
    public override DataViewSchema Schema => columns.Output;

    /// <inheritdoc/>
    public override bool IsColumnActive(DataViewSchema.Column column) => columns.Contains(column);

    /// <inheritdoc/>
    public override ValueGetter<TValue> GetGetter<TValue>(DataViewSchema.Column column)
    {
        columns.Require(column);
        columns.IsPassedThrough(column, out DataViewSchema.Column upstream);
        return _source.GetGetter<TValue>(upstream);
    }
}
