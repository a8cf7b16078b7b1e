using System.Runtime.CompilerServices;
using System.Text.Json;
using RealNvp.ML.Serving.Models;

namespace RealNvp.ML.AspNetCore.People;

/// <summary>A model's names as JSON has them, made once for each version.</summary>
internal sealed class ModelTexts
{
    private static readonly ConditionalWeakTable<ServedModel, ModelTexts> s_known = [];

    private ModelTexts(ServedModel model)
    {
        Fields = new RowFields(model.Inputs);
        Outputs = [.. model.Outputs.Select(output => JsonEncodedText.Encode(output.Name))];
        Features = [.. model.Flow.Model.Metadata.FeatureNames.Select(name => JsonEncodedText.Encode(name))];
    }

    /// <summary>How rows become columns.</summary>
    public RowFields Fields { get; }

    /// <summary>The names of the results.</summary>
    public JsonEncodedText[] Outputs { get; }

    /// <summary>The names of the features; empty where they have none.</summary>
    public JsonEncodedText[] Features { get; }

    /// <summary>Those of a model.</summary>
    public static ModelTexts Of(ServedModel model) => s_known.GetValue(model, static model => new ModelTexts(model));
}
