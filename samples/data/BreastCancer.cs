using Microsoft.ML;
using Microsoft.ML.Data;

namespace RealNvp.ML.Samples;

/// <summary>The breast cancer data (README.md beside this file): one column for each feature, and <see cref="Class"/>.</summary>
public static class BreastCancer
{
    /// <summary>0 for malignant, 1 for benign.</summary>
    public const string Class = "Class";

    /// <summary>The copy beside the executable.</summary>
    public static string Path { get; } = System.IO.Path.Combine(AppContext.BaseDirectory, "breast_cancer.csv");

    /// <summary>The feature columns in the order of the file: ten measures as mean, standard error and worst value.</summary>
    public static string[] Features { get; } =
    [
        .. from statistic in new[] { "mean", "error of", "worst" }
           from measure in new[]
           {
               "radius", "texture", "perimeter", "area", "smoothness", "compactness", "concavity", "concave points", "symmetry",
                   "fractal dimension",
           }
           select $"{statistic} {measure}",
    ];

    /// <summary>All rows, read lazily.</summary>
    public static IDataView Load(MLContext mlContext) => mlContext.Data.CreateTextLoader(new TextLoader.Options
    {
        Separators = [','],
        HasHeader = true, // the first line holds counts and class names, no row
        Columns =
        [
            .. Features.Select((name, i) => new TextLoader.Column(name, DataKind.Single, i)),
            new TextLoader.Column(Class, DataKind.Single, Features.Length),
        ],
    }).Load(Path);

    /// <summary>The benign rows: what is normal here.</summary>
    public static IDataView Benign(MLContext mlContext, IDataView rows) => mlContext.Data.FilterRowsByColumn(rows, Class, lowerBound: 0.5);

    /// <summary>The malignant rows: the anomalies.</summary>
    public static IDataView Malignant(MLContext mlContext, IDataView rows)
        => mlContext.Data.FilterRowsByColumn(rows, Class, upperBound: 0.5);
}
