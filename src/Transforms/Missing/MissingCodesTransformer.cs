using System.Collections.Immutable;
using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Runtime;
using RealNvp.ML.Transforms;
using RealNvp.ML.Transforms.Missing;
using RealNvp.ML.Transforms.MlNet;

[assembly: LoadableClass(typeof(MissingCodesTransformer), null, typeof(SignatureLoadModel), "Codes of missing values",
    MissingCodesTransformer.LoaderSignature)]

namespace RealNvp.ML.Transforms;

/// <summary>
/// Makes NaN of numbers that stand for missing ones, as -999: ML.NET's own steps know NaN alone. Saved with <c>mlContext.Model.Save</c>,
/// alone or in a pipeline, and part of the graph that <c>ConvertToOnnx</c> writes.
/// </summary>
/// <remarks>
/// The columns keep their names, types and annotations; each is Single, or a vector of Single of known size. A number is a code where it is
/// equal to it as a float32.
/// </remarks>
public sealed class MissingCodesTransformer : ITransformer
{
    /// <summary>The name under which ML.NET finds the loader of a saved model.</summary>
    internal const string LoaderSignature = "RealNvpMissingCodes";

    private static readonly SavedLayout s_layout = new("RNVPMISS", LoaderSignature, 0x00010001, Oldest: 0x00010001, Sealed: 0x00010001);

    private readonly MissingCodes _codes;
    private readonly MissingCodesMap _map;

    internal MissingCodesTransformer(IHostEnvironment environment, MissingCodes codes)
    {
        environment.Register(LoaderSignature);
        (_codes, _map) = (codes, new MissingCodesMap(codes));
    }

    /// <summary>The columns.</summary>
    public ImmutableArray<string> ColumnNames => _codes.Columns;

    /// <summary>The numbers that stand for missing ones.</summary>
    public ImmutableArray<float> Codes => _codes.Codes;

    /// <inheritdoc/>
    bool ITransformer.IsRowToRowMapper => true;

    /// <inheritdoc/>
    public DataViewSchema GetOutputSchema(DataViewSchema inputSchema)
    {
        ArgumentNullException.ThrowIfNull(inputSchema);
        return _map.OutputSchema(inputSchema);
    }

    /// <summary>Changes the columns. Nothing is read until the result is.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A column is missing or of another type.</exception>
    public IDataView Transform(IDataView input)
    {
        ArgumentNullException.ThrowIfNull(input);
        return ConvertibleView.Of(_map.Transform(input), input, new MissingCodesPart(_codes, input.Schema));
    }

    /// <inheritdoc/>
    IRowToRowMapper ITransformer.GetRowToRowMapper(DataViewSchema inputSchema) => _map.RowMapper(inputSchema);

    /// <inheritdoc/>
    void ICanSaveModel.Save(ModelSaveContext ctx) => SavedSettings.Save(ctx, s_layout, _codes.Save);

    /// <summary>The loader: ML.NET finds it by its name and parameters. <paramref name="context"/> is a ModelLoadContext.</summary>
    private static MissingCodesTransformer Create(IHostEnvironment environment, object context)
        => new(environment, SavedSettings.Load(context, s_layout, (reader, _) => MissingCodes.Load(reader)));
}
