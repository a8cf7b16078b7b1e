using System.Globalization;

namespace RealNvp.ML.Samples;

/// <summary>What the command line asks for.</summary>
/// <param name="Folder">Where the pictures go.</param>
/// <param name="Steps">Training steps; null leaves them to the trainer.</param>
/// <param name="Class">The digit that is drawn; null for all ten.</param>
internal sealed record Arguments(string Folder, long? Steps, int? Class)
{
    /// <summary>Reads <c>[OUTPUT_FOLDER] [--steps N] [--class N]</c>.</summary>
    /// <returns>Null where there is anything else.</returns>
    public static Arguments? Read(string[] args)
    {
        var arguments = new Arguments(Path.Combine("artifacts", "samples", "Digits"), Steps: null, Class: null);
        for (int i = 0; i < args.Length; i++)
        {
            if (!args[i].StartsWith('-'))
                arguments = arguments with { Folder = args[i] };
            else if (args[i] == "--steps" && i + 1 < args.Length
                && long.TryParse(args[++i], NumberStyles.None, CultureInfo.InvariantCulture, out long steps) && steps > 0)
                arguments = arguments with { Steps = steps };
            else if (args[i] == "--class" && i + 1 < args.Length
                && int.TryParse(args[++i], NumberStyles.None, CultureInfo.InvariantCulture, out int digit) && digit < Digits.Classes)
                arguments = arguments with { Class = digit };
            else
                return null;
        }
        return arguments;
    }
}
