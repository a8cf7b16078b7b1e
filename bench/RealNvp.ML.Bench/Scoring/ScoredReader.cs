using Microsoft.ML;
using Microsoft.ML.Data;

namespace RealNvp.ML.Bench.Scoring;

/// <summary>Reads a scored view as a consumer of everything does: each of the five added columns of each row, through one cursor.</summary>
internal static class ScoredReader
{
    /// <summary>Reads the first rows and returns a sum over what was read.</summary>
    public static double Read(IDataView scored, int rows)
    {
        DataViewSchema schema = scored.Schema;
        using DataViewRowCursor cursor = scored.GetRowCursor(
            [schema["Score"], schema["PredictedLabel"], schema["LogLikelihood"], schema["PValue"], schema["Latent"]]);
        ValueGetter<float> getScore = cursor.GetGetter<float>(schema["Score"]);
        ValueGetter<bool> getLabel = cursor.GetGetter<bool>(schema["PredictedLabel"]);
        ValueGetter<float> getLogLikelihood = cursor.GetGetter<float>(schema["LogLikelihood"]);
        ValueGetter<float> getPValue = cursor.GetGetter<float>(schema["PValue"]);
        ValueGetter<VBuffer<float>> getLatent = cursor.GetGetter<VBuffer<float>>(schema["Latent"]);
        float score = 0, logLikelihood = 0, pValue = 0;
        bool label = false;
        VBuffer<float> latent = default;
        double sum = 0;
        for (int row = 0; row < rows && cursor.MoveNext(); row++)
        {
            getScore(ref score);
            getLabel(ref label);
            getLogLikelihood(ref logLikelihood);
            getPValue(ref pValue);
            getLatent(ref latent);
            sum += score + logLikelihood + pValue + (label ? 1 : 0) + latent.GetValues()[0];
        }
        return sum;
    }
}
