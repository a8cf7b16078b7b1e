using System.Globalization;

namespace RealNvp.ML.Samples;

/// <summary>What the command line asks for.</summary>
/// <param name="Folder">Where the heat maps go.</param>
/// <param name="Texture">What the pictures show.</param>
/// <param name="Steps">Training steps: fewer than the trainer's own choice, so that it takes minutes on two cores.</param>
/// <param name="Train">Good pictures to train on.</param>
/// <param name="Test">Pictures to judge.</param>
/// <param name="Seed">Which pictures.</param>
internal sealed record Arguments(string Folder, Texture Texture, int Steps, int Train, int Test, int Seed)
{
    private const int LeastTrain = 8, LeastTest = 8;

    /// <summary>Reads <c>[OUTPUT_FOLDER] [--texture weave|grain] [--steps N] [--train N] [--test N] [--seed N]</c>.</summary>
    /// <returns>Null where there is anything else.</returns>
    public static Arguments? Read(string[] args)
    {
        var arguments = new Arguments(Path.Combine("artifacts", "samples", "Defects"), Texture.Weave, Steps: 100, Train: 100, Test: 40,
            Seed: 1);
        for (int i = 0; i < args.Length; i++)
        {
            string? value = args[i].StartsWith('-') && i + 1 < args.Length ? args[i + 1] : null;
            int? count = int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out int number) ? number : null;
            switch (args[i])
            {
                case "--texture" when value is "weave" or "grain":
                    arguments = arguments with { Texture = value == "weave" ? Texture.Weave : Texture.Grain };
                    break;
                case "--steps" when count > 0:
                    arguments = arguments with { Steps = count.Value };
                    break;
                case "--train" when count >= LeastTrain:
                    arguments = arguments with { Train = count.Value };
                    break;
                case "--test" when count >= LeastTest:
                    arguments = arguments with { Test = count.Value };
                    break;
                case "--seed" when count > 0:
                    arguments = arguments with { Seed = count.Value };
                    break;
                case { } folder when !folder.StartsWith('-'):
                    arguments = arguments with { Folder = folder };
                    continue;
                default:
                    return null;
            }
            i++;
        }
        return arguments;
    }
}
