namespace RealNvp.ML.Tests.Samples;

/// <summary>The command line of samples/Defects. A run of it, even the smallest, takes longer than a test may.</summary>
public sealed class DefectsTests
{
    [Theory, InlineData("--steps"), InlineData("--steps", "0"), InlineData("--train", "2"), InlineData("--texture", "silk")]
    public void Refuses_other_arguments(params string[] arguments)
    {
        var (exitCode, _, error) = Sample.Defects.Run(arguments);
        Assert.Equal(2, exitCode);
        Assert.StartsWith("Usage: Defects [OUTPUT_FOLDER]", error, StringComparison.Ordinal);
    }
}
