using System.Reflection;
using System.Runtime.CompilerServices;
using Microsoft.ML;
using Microsoft.ML.Runtime;

// ML.NET finds the loaders of a saved model by these attributes, after it has loaded the assembly that the model names: no registration is
// needed. The attribute type is internal to ML.NET; without IgnoresAccessChecksTo the runtime drops it silently. The compiler sees it
// through a publicized copy of the reference assembly (eng/Publicize.targets); the genuine assembly is what runs.
[assembly: IgnoresAccessChecksTo("Microsoft.ML.Core")]

namespace System.Runtime.CompilerServices
{
    /// <summary>
    /// Asks the runtime to let this assembly use the non-public types of another. Known to the runtime by name; declared nowhere public.
    /// </summary>
    [AttributeUsage(AttributeTargets.Assembly, AllowMultiple = true)]
    internal sealed class IgnoresAccessChecksToAttribute(string assemblyName) : Attribute
    {
        /// <summary>The simple name of the other assembly.</summary>
        public string AssemblyName { get; } = assemblyName;
    }
}

namespace RealNvp.ML.Transforms.MlNet
{
    /// <summary>
    /// ML.NET's non-public members: persistence of our own transformers, the settings of an environment, and schema shapes. (What its
    /// conversion to ONNX needs: <see cref="ConvertibleView"/>.) The members have kept their signatures since ML.NET 1.5; a test fails
    /// where a new version changes one.
    /// </summary>
    internal static class MlNetInternals
    {
        private const string LoadContextType = "Microsoft.ML.ModelLoadContext, Microsoft.ML.Core";
        private const string EnvironmentType = "Microsoft.ML.Runtime.IHostEnvironmentInternal, Microsoft.ML.Core";
        private const string CatalogType = "Microsoft.ML.Data.IInternalCatalog, Microsoft.ML.Data";

        // ---- saving

        /// <summary>
        /// Starts a model directory of a saved pipeline: writes the header, and returns the writer of the model's own stream.
        /// The simple assembly name is stored, so that later assembly versions load it.
        /// </summary>
        /// <param name="context">The context that ML.NET passes to <see cref="ICanSaveModel.Save"/>.</param>
        /// <param name="layout">What will be written.</param>
        public static BinaryWriter BeginSave(ModelSaveContext context, SavedLayout layout)
        {
            CheckAtModel(context);
            // VersionInfo is an internal struct, which no accessor can pass: reflection, once per save
            Type versionType = typeof(ITransformer).Assembly.GetType("Microsoft.ML.VersionInfo", throwOnError: true)!;
            string assembly = layout.Home.GetName().Name!;
            object version = Activator.CreateInstance(versionType,
                layout.ModelSignature, layout.Version, layout.Version, layout.Version, assembly, layout.LoaderSignature, null)!;
            typeof(ModelSaveContext).GetMethod("SetVersionInfo", BindingFlags.Instance | BindingFlags.NonPublic)!
                .Invoke(context, [version]);
            return Writer(context);
        }

        /// <summary>Adds a named binary stream beside the model's own.</summary>
        [UnsafeAccessor(UnsafeAccessorKind.Method, Name = "SaveBinaryStream")]
        public static extern void SaveBinaryStream(ModelSaveContext context, string name, Action<BinaryWriter> action);

        [UnsafeAccessor(UnsafeAccessorKind.Method, Name = "CheckAtModel")]
        private static extern void CheckAtModel(ModelSaveContext context);

        [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "Writer")]
        private static extern ref BinaryWriter Writer(ModelSaveContext context);

        // ---- loading

        /// <summary>The reader of the model's own stream, just after the header, and the layout that was written.</summary>
        /// <param name="context">A ModelLoadContext.</param>
        public static (BinaryReader Reader, uint Written, uint Readable) BeginLoad(object context)
        {
            // the header is an internal struct, which no accessor can pass: reflection, once per load
            object header = Member(context, "Header");
            return (Reader(context), (uint)Member(header, "ModelVerWritten"), (uint)Member(header, "ModelVerReadable"));

            static object Member(object owner, string name)
                => owner.GetType().GetField(name, BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic)!.GetValue(owner)!;
        }

        /// <summary>Reads a named binary stream; false where there is none.</summary>
        [UnsafeAccessor(UnsafeAccessorKind.Method, Name = "TryLoadBinaryStream")]
        public static extern bool TryLoadBinaryStream(
            [UnsafeAccessorType(LoadContextType)] object context, string name, Action<BinaryReader> action);

        [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "Reader")]
        private static extern ref BinaryReader Reader([UnsafeAccessorType(LoadContextType)] object context);

        // ---- environments

        /// <summary>The environment that a trainers' catalog, such as <c>mlContext.AnomalyDetection.Trainers</c>, works in.</summary>
        public static IHostEnvironment EnvironmentOf(TrainCatalogBase.CatalogInstantiatorBase catalog) => EnvironmentOf(Owner(catalog));

        /// <summary>The environment that <c>mlContext.Transforms</c> works in.</summary>
        public static IHostEnvironment EnvironmentOf(TransformsCatalog catalog) => CatalogEnvironment(catalog);

        /// <summary>The environment that <c>mlContext.Data</c> works in.</summary>
        public static IHostEnvironment EnvironmentOf(DataOperationsCatalog catalog) => CatalogEnvironment(catalog);

        /// <summary>The transforms of the MLContext that a catalog such as <c>mlContext.AnomalyDetection</c> is of.</summary>
        public static TransformsCatalog TransformsOf(TrainCatalogBase catalog) => TransformsOf(EnvironmentOf(catalog));

        /// <summary>Transforms that work in an environment.</summary>
        public static TransformsCatalog TransformsOf(IHostEnvironment environment) => NewTransforms(environment);

        [UnsafeAccessor(UnsafeAccessorKind.Constructor)]
        private static extern TransformsCatalog NewTransforms(IHostEnvironment environment);

        /// <summary>The GPU that the MLContext behind <paramref name="environment"/> was set to, or null for CPU.</summary>
        [UnsafeAccessor(UnsafeAccessorKind.Method, Name = "get_GpuDeviceId")]
        public static extern int? GpuDeviceId([UnsafeAccessorType(EnvironmentType)] object environment);

        /// <summary>Whether a GPU that cannot be used is replaced by the CPU (ML.NET's default) or is an error.</summary>
        [UnsafeAccessor(UnsafeAccessorKind.Method, Name = "get_FallbackToCpu")]
        public static extern bool FallbackToCpu([UnsafeAccessorType(EnvironmentType)] object environment);

        /// <summary>
        /// The seed given to the MLContext itself, or null. Unlike the randomness of a registered host it does not depend on what was
        /// registered before.
        /// </summary>
        [UnsafeAccessor(UnsafeAccessorKind.Method, Name = "get_Seed")]
        public static extern int? Seed([UnsafeAccessorType(EnvironmentType)] object environment);

        [UnsafeAccessor(UnsafeAccessorKind.Method, Name = "get_Owner")]
        private static extern TrainCatalogBase Owner(TrainCatalogBase.CatalogInstantiatorBase catalog);

        /// <summary>The environment that a catalog such as <c>mlContext.AnomalyDetection</c> works in.</summary>
        [UnsafeAccessor(UnsafeAccessorKind.Method, Name = "get_Environment")]
        public static extern IHostEnvironment EnvironmentOf(TrainCatalogBase catalog);

        [UnsafeAccessor(UnsafeAccessorKind.Method, Name = "get_Environment")]
        private static extern IHostEnvironment CatalogEnvironment([UnsafeAccessorType(CatalogType)] object catalog);

        // ---- schema shapes

        /// <summary>The shape of a schema: exact by construction, annotations included.</summary>
        public static SchemaShape ShapeOf(DataViewSchema schema) => CreateShape(null, schema);

        /// <summary>What an estimator can tell before there is data: the shape of the input with columns added or replaced.</summary>
        public static SchemaShape ShapeWith(SchemaShape input, params DataViewSchema.DetachedColumn[] added)
        {
            var builder = new DataViewSchema.Builder();
            builder.AddColumns(added);
            SchemaShape shape = ShapeOf(builder.ToSchema());
            return new SchemaShape(input.Where(column => shape.All(other => other.Name != column.Name)).Concat(shape));
        }

        [UnsafeAccessor(UnsafeAccessorKind.StaticMethod, Name = "Create")]
        private static extern SchemaShape CreateShape(SchemaShape? type, DataViewSchema schema);

        // ---- views

        /// <summary>Whether a view, or one that it is made of, is the result of ML.NET's ShuffleRows.</summary>
        public static bool IsShuffled(IDataView view) => SourcesOf(view).Any(one => one.GetType().Name == "RowShufflingTransformer");

        /// <summary>
        /// A view and those that it is made of, as far as its fields tell: transforms, caches, appended rows and our own views have nothing
        /// else in common.
        /// </summary>
        private static IEnumerable<IDataView> SourcesOf(IDataView view)
        {
            const BindingFlags Own = BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly;
            var seen = new HashSet<IDataView>(ReferenceEqualityComparer.Instance);
            var open = new Stack<IDataView>([view]);
            while (open.TryPop(out IDataView? at))
            {
                if (!seen.Add(at))
                    continue;
                yield return at;
                for (Type? type = at.GetType(); type is not null; type = type.BaseType)
                {
                    foreach (FieldInfo field in type.GetFields(Own))
                    {
                        if (typeof(IDataView).IsAssignableFrom(field.FieldType) && field.GetValue(at) is IDataView one)
                            open.Push(one);
                        else if (field.FieldType == typeof(IDataView[]))
                            Array.ForEach((IDataView[]?)field.GetValue(at) ?? [], open.Push);
                    }
                }
            }
        }
    }
}
