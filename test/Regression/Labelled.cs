using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Trainers;

namespace RealNvp.ML.Tests.Regression;

/// <summary>A row with its label.</summary>
internal sealed class LabelledRow
{
    public float Label { get; set; }

    public float[] Features { get; set; } = [];
}

/// <summary>A row with two labels.</summary>
internal sealed class TwiceLabelledRow
{
    public float[] Label { get; set; } = [];

    public float[] Features { get; set; } = [];
}

/// <summary>What a regression adds.</summary>
internal sealed class Predicted
{
    public float Score { get; set; }

    public float Median { get; set; }

    public float Lower { get; set; }

    public float Upper { get; set; }

    public float LogLikelihood { get; set; }
}

/// <summary>Tables with labels, their way into ML.NET, and small trainings on them.</summary>
internal static class Labelled
{
    /// <summary>Rows as a data view with the columns Label and Features.</summary>
    public static IDataView Load(MLContext ml, IEnumerable<LabelledRow> rows)
    {
        LabelledRow[] all = [.. rows];
        SchemaDefinition schema = SchemaDefinition.Create(typeof(LabelledRow));
        schema["Features"].ColumnType = new VectorDataViewType(NumberDataViewType.Single, all[0].Features.Length);
        return ml.Data.LoadFromEnumerable(all, schema);
    }

    /// <summary>Rows of two labels.</summary>
    public static IDataView Load(MLContext ml, IEnumerable<TwiceLabelledRow> rows)
    {
        SchemaDefinition schema = SchemaDefinition.Create(typeof(TwiceLabelledRow));
        schema["Label"].ColumnType = schema["Features"].ColumnType = new VectorDataViewType(NumberDataViewType.Single, 2);
        return ml.Data.LoadFromEnumerable(rows, schema);
    }

    /// <summary>y = 3 + 2 a - b + s e with normal e, and s = 0.5 where a is below 0, 1.5 where it is not.</summary>
    public static LabelledRow[] Rows(int count, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(_ =>
        {
            (double a, double b) = (Tables.Normal(random), Tables.Normal(random));
            return new LabelledRow { Label = (float)(Mean(a, b) + Deviation(a) * Tables.Normal(random)), Features = [(float)a, (float)b] };
        })];
    }

    public static double Mean(double a, double b) => 3 + 2 * a - b;

    public static double Deviation(double a) => a < 0 ? 0.5 : 1.5;

    /// <summary>A trainer of so many steps, quick.</summary>
    public static RealNvpRegressionTrainer Trainer(MLContext ml, long steps, Action<RealNvpRegressionTrainer.Options>? set = null)
    {
        var options = new RealNvpRegressionTrainer.Options();
        options.Flow.Table = options.Flow.Table with { HiddenUnits = 32 };
        (options.Flow.Members, options.Flow.Steps, options.Flow.Epochs, options.Flow.Seed) = (1, steps, null, 1);
        set?.Invoke(options);
        return ml.Regression.Trainers.RealNvp(options);
    }
}
