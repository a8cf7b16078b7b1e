using RealNvp.ML.Trainers;
using SkiaSharp;

namespace RealNvp.ML.Samples;

/// <summary>The two pictures of this sample.</summary>
internal static class Charts
{
    private static readonly SKColor s_blue = new(0x1F, 0x6F, 0xB5), s_orange = new(0xE0, 0x6C, 0x1F);

    /// <summary>Training and validation NLL over the epochs, without the steep start.</summary>
    public static void TrainingCurve(IReadOnlyList<TrainingProgress> history, string path)
    {
        double[] seen = [.. history.SelectMany(at => new[] { at.TrainingNll, at.ValidationNll }).Where(double.IsFinite).Order()];
        TrainingProgress best = history.MinBy(at => at.ValidationNll)!;
        using var chart = new Chart("Training and validation",
            Axis.Over("Epoch", 0, history[^1].Epoch),
            Axis.Over("Negative log-likelihood per row, nats", seen[0], seen[seen.Length * 9 / 10]));
        chart.Line("training (with noise and dropout)", s_blue, history.Select(at => (at.Epoch, at.TrainingNll)));
        chart.Line("validation", s_orange, history.Select(at => (at.Epoch, at.ValidationNll)));
        chart.Mark(best.Epoch, "best model, kept");
        chart.Save(path);
    }

    /// <summary>How the scores of fresh normal rows and of anomalies spread, and where the threshold lies.</summary>
    public static void ScoreHistogram(ScoredRow[] rows, float threshold, string path)
    {
        const int Bins = 36;
        // scores reach from tens to thousands and beyond: the logarithm of how far they lie above the lowest
        double lowest = rows.Min(row => row.Score);
        double place(double score) => Math.Log(1 + (score - lowest) / 20);
        double to = rows.Max(row => place(row.Score)), width = to / Bins;
        double[] ticks = [-100, -50, -30, 0, 50, 100, 200, 500, 1_000, 10_000, 100_000, 1_000_000, 10_000_000];

        (double From, double To, double Height)[] bins(float label)
        {
            ScoredRow[] some = [.. rows.Where(row => row.Label == label)];
            return [.. some.GroupBy(row => Math.Min(Bins - 1, Math.Floor(place(row.Score) / width)))
                .Select(bin => (bin.Key * width, (bin.Key + 1) * width, 100.0 * bin.Count() / some.Length))];
        }

        (double From, double To, double Height)[] benign = bins(0), malignant = bins(1);
        using var chart = new Chart("Scores of rows that the flow has never seen",
            new Axis("Score (negative log-likelihood, nats; logarithmic from the lowest on)", 0, to,
                [.. ticks.Where(tick => tick >= lowest && place(tick) <= to).Select(tick => (place(tick), Axis.Words(tick)))]),
            Axis.Over("Share of the class, %", 0, benign.Concat(malignant).Max(bin => bin.Height)));
        chart.Bars("benign", s_blue, benign);
        chart.Bars("malignant", s_orange, malignant);
        if (float.IsFinite(threshold))
            chart.Mark(place(threshold), $"threshold {Axis.Words(Math.Round(threshold, 1))}");
        chart.Save(path);
    }
}
