using System.Runtime.CompilerServices;
using System.Text.Json;
using RealNvp.ML.AspNetCore.Http;
using RealNvp.ML.Serving.Models;
using RealNvp.ML.Transforms;

namespace RealNvp.ML.AspNetCore.People;

/// <summary>A model's names as JSON has them, made once for each version.</summary>
internal sealed class ModelTexts
{
    private static readonly ConditionalWeakTable<ServedModel, ModelTexts> s_known = [];

    private ModelTexts(ServedModel model)
    {
        Fields = new RowFields(model.Inputs);
        Outputs = [.. model.Outputs.Select(output => Reply.Text(output.Name))];
        Drawn = [.. model.FeatureGroups.Select(group => (Reply.Text(group.Name), group))];
        Numbers = DrawnNumbers.Of(model.Flow.Model);
    }

    /// <summary>How rows become columns.</summary>
    public RowFields Fields { get; }

    /// <summary>The names of the results.</summary>
    public JsonEncodedText[] Outputs { get; }

    /// <summary>
    /// The columns of drawn rows: features, and of the model's texts one for all their categories; empty where features have no names.
    /// </summary>
    public (JsonEncodedText Name, FeatureGroup Group)[] Drawn { get; }

    /// <summary>What drawn features mean.</summary>
    public DrawnNumbers Numbers { get; }

    /// <summary>Those of a model.</summary>
    public static ModelTexts Of(ServedModel model) => s_known.GetValue(model, static model => new ModelTexts(model));
}
