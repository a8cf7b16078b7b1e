using Microsoft.ML.OnnxRuntime;
using RealNvp.ML.Export;
using RealNvp.ML.Tests.Measuring;

namespace RealNvp.ML.Tests.Exports;

/// <summary>A row has the same numbers to the bit in whatever batch it stands: alone, at another place, beside others.</summary>
[Trait("Area", "Export")]
public sealed class BatchTests
{
    /// <summary>Odd, so that rows begin at every place in memory.</summary>
    private const int Count = 41;

    public static TheoryData<string> Cases => [.. FlowCases.All.Keys];

    [Theory]
    [MemberData(nameof(Cases))]
    public void Tables(string flow)
    {
        FlowModel model = FlowCases.All[flow]();
        Check(model, FlowCases.Rows(model.InputShape.Size, Count), DensityOutputs.Decision);
    }

    [Theory]
    [InlineData(10)]
    [InlineData(33)]
    [InlineData(130)]
    public void Wide_tables(int features)
    {
        FlowModel model = Flows.Random(features);
        Check(model, Flows.Rows(model, Count, 1), DensityOutputs.Decision);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void Pictures(int channels)
    {
        FlowModel model = ImageFlows.Random(channels);
        Check(model, ImageFlows.Rows(model, Count), DensityOutputs.Decision | DensityOutputs.ScoreMap | DensityOutputs.BitsPerDimension);
    }

    [Fact]
    public void Feature_maps()
    {
        FlowModel model = FeatureMapFlows.Random(members: 2);
        Check(model, FeatureMapFlows.Rows(model, Count), DensityOutputs.Decision | DensityOutputs.ScoreMap);
    }

    private static void Check(FlowModel model, float[][] rows, DensityOutputs outputs)
    {
        Check(model.BuildDensityGraph(outputs), "Features", rows);
        if (!model.IsMixture)
            Check(model.BuildSamplingGraph(), "Latent", rows);
    }

    private static void Check(byte[] graph, string input, float[][] rows)
    {
        using var options = new SessionOptions { LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR, IntraOpNumThreads = 1 };
        using var session = new InferenceSession(graph, options);
        Dictionary<string, float[]> whole = GraphResults.Of(session, input, rows);
        foreach (int size in (int[])[1, 2, 5])
        {
            for (int from = 0; from + size <= rows.Length; from += size)
            {
                foreach ((string output, float[] values) in GraphResults.Of(session, input, rows[from..(from + size)]))
                {
                    int width = values.Length / size;
                    Assert.Equal(whole[output][(from * width)..((from + size) * width)], values);
                }
            }
        }
    }
}
