using System.Text.RegularExpressions;

namespace RealNvp.ML.Tests.Samples;

/// <summary>samples/Cluster from end to end: processes of this machine, one of which is killed.</summary>
[Collection<Alone>]
public sealed class ClusterTests
{
    [Fact]
    public void A_killed_silo_costs_no_request_and_no_score()
    {
        var (exitCode, output, error) = Sample.Cluster.Run("1");
        Assert.True(exitCode == 0, output + error);
        Assert.Empty(error);
        Assert.Matches("^clustered by (Redis|Orleans' development clustering)", output);
        Assert.Contains("a silo is killed", output, StringComparison.Ordinal);
        MatchCollection phases = Regex.Matches(output,
            @"^(.+): (\S+) requests/s, .* (\d+) failed, (\d+) wrong scores$", RegexOptions.Multiline);
        Assert.Equal(["three silos", "meanwhile", "three silos again"], phases.Select(phase => phase.Groups[1].Value));
        Assert.All(phases, phase => Assert.Equal(("0", "0"), (phase.Groups[3].Value, phase.Groups[4].Value)));
        Assert.All(phases, phase => Assert.NotEqual("0", phase.Groups[2].Value));
    }
}
