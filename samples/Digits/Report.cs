using RealNvp.ML.Baselines;
using RealNvp.ML.Transforms;

namespace RealNvp.ML.Samples;

/// <summary>What this sample prints.</summary>
internal static class Report
{
    /// <summary>The held-out likelihood beside that of simpler densities.</summary>
    public static void BitsPerDimension(BitsPerDimensionEstimate given, BitsPerDimensionEstimate flow, SimpleModels simple)
        => Console.WriteLine($"""

            {flow.Rows} digits that the flow has never seen, bits per dimension, lower is better
              {"Real NVP given the digit's class",-36} {given.Mean:F3} +- {given.StandardError:F3}
              {"Real NVP",-36} {flow.Mean:F3} +- {flow.StandardError:F3}
              {SimpleModels.HistogramsName,-36} {simple.Histograms:F3}
              {SimpleModels.GaussianName,-36} {simple.Gaussian:F3}
            """);

    /// <summary>How many images are the likeliest given their own class.</summary>
    public static void Classes(int right, int all)
        => Console.WriteLine($"\nlikeliest given its own class: {right} of {all}, {(double)right / all:P1}");

    /// <summary>How well odd images are told from digits.</summary>
    public static void Detection(Scores digits, params (string Name, Scores Scores)[] odd)
    {
        Console.WriteLine($"\n{"told from the same digits, AUROC",-38} by Score   by Typicality");
        foreach ((string name, Scores scores) in odd)
        {
            (double score, double typicality) = scores.Auroc(digits);
            Console.WriteLine($"  {name,-36} {score,8:F3} {typicality,15:F3}");
        }
    }
}
