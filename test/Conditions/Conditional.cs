using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Trainers;
using RealNvp.ML.Transforms;

namespace RealNvp.ML.Tests.Conditions;

/// <summary>A row with its condition, and what a flow adds to it.</summary>
internal sealed class ConditionalRow
{
    public float[] Features { get; set; } = [];

    public float[] Condition { get; set; } = [];
}

/// <summary>Tables with conditions, their way into ML.NET, and small trainings on them.</summary>
internal static class Conditional
{
    /// <summary>Rows as a data view with the columns Features and Condition.</summary>
    public static IDataView Load(MLContext ml, IEnumerable<ConditionalRow> rows, string condition = "Condition")
    {
        ConditionalRow[] all = [.. rows];
        SchemaDefinition schema = SchemaDefinition.Create(typeof(ConditionalRow));
        schema["Features"].ColumnType = new VectorDataViewType(NumberDataViewType.Single, all[0].Features.Length);
        schema["Condition"].ColumnType = new VectorDataViewType(NumberDataViewType.Single, all[0].Condition.Length);
        schema["Condition"].ColumnName = condition;
        return ml.Data.LoadFromEnumerable(all, schema);
    }

    /// <summary>A flow of Features given Condition, after so many steps, without noise and quick.</summary>
    public static RealNvpTransformer Fit(MLContext ml, IEnumerable<ConditionalRow> rows, long steps,
        Action<RealNvpTrainer.Options>? set = null)
    {
        var options = new RealNvpTrainer.Options
        {
            ConditionColumnName = "Condition",
            Steps = steps,
            Table = new() { Couplings = 4, HiddenUnits = 32 },
            Dropout = 0,
            Noise = 0,
            Seed = 1,
        };
        set?.Invoke(options);
        return ml.AnomalyDetection.Trainers.RealNvp(options).Fit(Load(ml, rows));
    }

    /// <summary>The log-likelihoods of rows, in nats.</summary>
    public static float[] LogLikelihoods(MLContext ml, RealNvpTransformer flow, IEnumerable<ConditionalRow> rows)
        => [.. flow.Transform(Load(ml, rows)).GetColumn<float>("LogLikelihood")];
}
