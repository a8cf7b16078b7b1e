using Microsoft.ML;
using Microsoft.ML.Data;

namespace RealNvp.ML.Tests.Measuring;

/// <summary>Made-up tables, and their way into ML.NET.</summary>
internal static class Tables
{
    /// <summary>Rows as a data view with the column Features, of the shape of a row where that is more than its length.</summary>
    public static IDataView Load(MLContext ml, IEnumerable<float[]> rows, params int[] shape)
    {
        float[][] all = [.. rows];
        SchemaDefinition schema = SchemaDefinition.Create(typeof(Row));
        schema["Features"].ColumnType = new VectorDataViewType(NumberDataViewType.Single, shape is [] ? [all[0].Length] : shape);
        return ml.Data.LoadFromEnumerable(all.Select(row => new Row { Features = row }), schema);
    }

    /// <summary>Correlated Gaussian rows.</summary>
    public static IEnumerable<float[]> Gaussian(int count, int features, int seed)
    {
        var random = new Random(seed);
        for (int i = 0; i < count; i++)
        {
            double common = Normal(random);
            yield return [.. Enumerable.Range(0, features).Select(j => (float)(5 * j + 2 * common + Normal(random)))];
        }
    }

    /// <summary>A standard normal value.</summary>
    public static double Normal(Random random)
        => Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());

    private sealed class Row
    {
        public float[] Features { get; set; } = [];
    }
}
