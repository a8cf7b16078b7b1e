using System.Globalization;

namespace RealNvp.ML.Samples;

/// <summary>What the command line asks for.</summary>
/// <param name="Folder">Where the pictures go.</param>
/// <param name="Steps">Training steps; null leaves them to the trainer.</param>
internal sealed record Arguments(string Folder, long? Steps)
{
    /// <summary>Reads <c>[OUTPUT_FOLDER] [--steps N]</c>.</summary>
    /// <returns>Null where there is anything else.</returns>
    public static Arguments? Read(string[] args)
    {
        var arguments = new Arguments(Path.Combine("artifacts", "samples", "Digits"), Steps: null);
        for (int i = 0; i < args.Length; i++)
        {
            if (args[i] != "--steps" && !args[i].StartsWith('-'))
                arguments = arguments with { Folder = args[i] };
            else if (args[i] == "--steps" && i + 1 < args.Length
                && long.TryParse(args[++i], NumberStyles.None, CultureInfo.InvariantCulture, out long steps) && steps > 0)
                arguments = arguments with { Steps = steps };
            else
                return null;
        }
        return arguments;
    }
}
