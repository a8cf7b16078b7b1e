using System.Collections.Immutable;
using System.Diagnostics;
using System.Runtime.CompilerServices;
using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Model.OnnxConverter;

// The compiler sees the interfaces of ML.NET's conversion through a publicized copy of the reference assembly (eng/Publicize.targets).
[assembly: IgnoresAccessChecksTo("Microsoft.ML.Data")]

namespace RealNvp.ML.Transforms.MlNet;

/// <summary>
/// Gives a view of ours to ML.NET so that its <c>ConvertToOnnx</c> meets the transformer: it walks back over views that are its own
/// transforms, asks each of them to write itself, and takes the columns of the first that is none for inputs of the graph, results of ours
/// included.
/// </summary>
internal static class ConvertibleView
{
    private static TypeLoadException? s_refused; // kept, for every view would meet it

    /// <summary>
    /// The view as a part of a conversion. Where this ML.NET keeps its conversion from us, the view as it is, which scores as any: a
    /// conversion is then refused as it begins.
    /// </summary>
    /// <param name="view">What is shown to everyone.</param>
    /// <param name="source">The view before it.</param>
    /// <param name="part">What a conversion is answered.</param>
    /// <exception cref="InvalidOperationException">A conversion asks for the view, and ML.NET keeps it from us.</exception>
    public static IDataView Of(IDataView view, IDataView source, IPipelinePart part)
    {
        if (s_refused is null)
        {
            try
            {
                return Create(view, source, part);
            }
            catch (TypeLoadException e)
            {
                s_refused = e;
            }
        }
        return IsConversion() ? throw Refused(part, s_refused) : view;
    }

    /// <summary>What is said where a type or a member of ML.NET's conversion is not there for us.</summary>
    private static InvalidOperationException Refused(IPipelinePart part, Exception reason) => new(
        $"ConvertToOnnx cannot convert {part.Name}: "
        + $"this ML.NET ({FileVersionInfo.GetVersionInfo(typeof(MLContext).Assembly.Location).ProductVersion}) has another conversion than "
        + $"ML.NET 5.0.1, or keeps it from other libraries ({reason.Message}). Everything else works as ever, and ExportDensity and "
        + "ExportSampler write the graphs of a flow by itself.", reason);

    [MethodImpl(MethodImplOptions.NoInlining)] // its types are looked up when it is called
    private static IDataView Create(IDataView view, IDataView source, IPipelinePart part) => new View(view, source, part);

    /// <summary>
    /// Whether ML.NET's converter is among the callers: it asks for the views at first, and there is no other sign of it.
    /// </summary>
    private static bool IsConversion() => new StackTrace().GetFrames()
        .Any(frame => frame.GetMethod()?.DeclaringType?.Assembly.GetName().Name == "Microsoft.ML.OnnxConverter");

    /// <summary>A view that stands for a part.</summary>
    internal interface IPart
    {
        /// <summary>The columns that it reads.</summary>
        ImmutableArray<PipelineInput> Inputs { get; }
    }

    private sealed class View(IDataView view, IDataView source, IPipelinePart part) : ITransformCanSaveOnnx, IPart
    {
        public ImmutableArray<PipelineInput> Inputs => part.Inputs;

        public IDataView Source => source;

        public DataViewSchema Schema => view.Schema;

        public bool CanShuffle => view.CanShuffle;

        public long? GetRowCount() => view.GetRowCount();

        public DataViewRowCursor GetRowCursor(IEnumerable<DataViewSchema.Column> columnsNeeded, Random? rand = null)
            => view.GetRowCursor(columnsNeeded, rand);

        public DataViewRowCursor[] GetRowCursorSet(IEnumerable<DataViewSchema.Column> columnsNeeded, int n, Random? rand = null)
            => view.GetRowCursorSet(columnsNeeded, n, rand);

        public bool CanSaveOnnx(OnnxContext ctx)
        {
            if (part.Refusal is not null)
                throw new InvalidOperationException(part.Refusal);
            PipelineGraph.Require(ctx, source, part);
            return true;
        }

        public void SaveAsOnnx(OnnxContext ctx)
        {
            try
            {
                part.AddTo(new PipelineGraph(ctx, source, part.Name), this, source);
            }
            catch (Exception e) when (e is TypeLoadException or MemberAccessException)
            {
                throw Refused(part, e);
            }
        }

        public void Save(ModelSaveContext ctx) => throw new NotSupportedException("Transformers are saved, views are not.");
    }
}
