using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using RealNvp.ML.Export;
using RealNvp.ML.Trainers.Designs;

namespace RealNvp.ML.Trainers.Training;

/// <summary>A design as JSON.</summary>
/// <param name="Kind">Which design.</param>
/// <param name="Values">What was chosen.</param>
internal sealed record SavedDesign(string Kind, JsonNode Values)
{
    private const string Table = "table", Image = "image", Maps = "maps";

    /// <summary>Of a design.</summary>
    public static SavedDesign Of(FlowDesign design) => design switch
    {
        TableDesign table => new(Table, JsonSerializer.SerializeToNode(table, SavedJson.Default.TableDesign)!),
        ImageDesign image => new(Image, JsonSerializer.SerializeToNode(image, SavedJson.Default.ImageDesign)!),
        FeatureMapDesign maps => new(Maps, JsonSerializer.SerializeToNode(maps, SavedJson.Default.FeatureMapDesign)!),
        _ => throw new NotSupportedException($"{design.GetType()} is not saved."),
    };

    /// <summary>The design.</summary>
    /// <exception cref="JsonException">It is none, or one of another version.</exception>
    public FlowDesign Read() => Kind switch
    {
        Table => Values.Deserialize(ReadJson.Default.TableDesign),
        Image => Values.Deserialize(ReadJson.Default.ImageDesign),
        Maps => Values.Deserialize(ReadJson.Default.FeatureMapDesign),
        _ => (FlowDesign?)null,
    } ?? throw new JsonException($"'{Kind}' is no design.");
}

/// <summary>What a recipe has beside its columns of numbers.</summary>
internal sealed record SavedRecipe(string Kind, JsonNode Design, int Members, int Seed, double Dropout, double Contamination,
    bool CalibratesScoreMap, string[] Names, Dictionary<string, string> Training, SavedRecipe.WhiteningFacts? Whitening,
    SavedRecipe.GaussianFacts? Gaussian, SavedRecipe.ConditionFacts? Condition, double TailWeight = 0,
    int[][]? OneHotGroups = null)
{
    /// <summary>What there is to say of a whitening.</summary>
    internal sealed record WhiteningFacts(double Shrinkage, double Power, int Rows);

    /// <summary>What there is to say of the Gaussian that a flow of maps starts as.</summary>
    internal sealed record GaussianFacts(double Shrinkage, double Power, double MeanMaps, double VarianceMaps);

    /// <summary>What there is to say of a condition.</summary>
    internal sealed record ConditionFacts(bool MayBeUnknown, string[] Names);
}

/// <summary>Writes designs, plans and recipes without reflection, which trimmed applications lack.</summary>
[JsonSourceGenerationOptions(UseStringEnumConverter = true, RespectNullableAnnotations = true, RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(SavedRecipe))]
[JsonSerializable(typeof(TableDesign))]
[JsonSerializable(typeof(ImageDesign))]
[JsonSerializable(typeof(FeatureMapDesign))]
[JsonSerializable(typeof(TrainingPlan))]
internal sealed partial class SavedJson : JsonSerializerContext;

/// <summary>Reads designs, whose shapes have no constructor for a reader.</summary>
[JsonSourceGenerationOptions(UseStringEnumConverter = true, Converters = [typeof(ShapeReader)])]
[JsonSerializable(typeof(TableDesign))]
[JsonSerializable(typeof(ImageDesign))]
[JsonSerializable(typeof(FeatureMapDesign))]
internal sealed partial class ReadJson : JsonSerializerContext;

/// <summary>Reads a shape by its dimensions; what else was written of it follows from those.</summary>
internal sealed class ShapeReader : JsonConverter<FlowShape>
{
    public override FlowShape Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        JsonArray dimensions = JsonNode.Parse(ref reader)?[nameof(FlowShape.Dimensions)]?.AsArray()
            ?? throw new JsonException("A shape has no dimensions.");
        try
        {
            return FlowShape.FromDimensions([.. dimensions.Select(dimension => (int)dimension!)]);
        }
        catch (ArgumentException e)
        {
            throw new JsonException(e.Message, e);
        }
    }

    public override void Write(Utf8JsonWriter writer, FlowShape value, JsonSerializerOptions options)
        => throw new NotSupportedException();
}
