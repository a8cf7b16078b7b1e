using System.CommandLine;
using System.CommandLine.Parsing;

namespace RealNvp.ML.Tool.Running;

/// <summary>
/// What begins with a dash in the place of a model or file is a mistyped option: the parser takes it for the file, of which it would be
/// said that it is not there. (A file of such a name is written ./-name, or stands behind --.)
/// </summary>
internal static class UnknownOption
{
    /// <summary>The message, or null where there is no such thing.</summary>
    public static string? In(ParseResult said)
    {
        int behindDashes = said.Tokens.SkipWhile(token => token.Type != TokenType.DoubleDash).Skip(1).Count();
        string? unknown = said.CommandResult.Children.OfType<ArgumentResult>().SelectMany(argument => argument.Tokens)
            .Select(token => token.Value).SkipLast(behindDashes).Concat(behindDashes > 0 ? [] : said.UnmatchedTokens)
            .FirstOrDefault(word => word.Length > 1 && word[0] == '-');
        if (unknown is null)
            return null;
        string name = unknown.Split('=')[0];
        string? near = LongNames(said.CommandResult).Select(known => (Name: known, Distance: Distance(name, known)))
            .Where(known => known.Distance <= Math.Max(1, known.Name.Length / 4)).OrderBy(known => known.Distance).FirstOrDefault().Name;
        return $"There is no option {name}{(near is null ? "." : $": did you mean {near}?")}";
    }

    private static IEnumerable<string> LongNames(CommandResult command)
        => command.Command.Options.Concat(command.Command.Parents.OfType<Command>().SelectMany(parent => parent.Options)
            .Where(option => option.Recursive)).Select(option => option.Name)
            .Where(name => name.StartsWith("--", StringComparison.Ordinal));

    /// <summary>How many letters are missing, too many, others, or have changed places with their neighbours.</summary>
    private static int Distance(string one, string other)
    {
        var edits = new int[one.Length + 1, other.Length + 1];
        for (int i = 0; i <= one.Length; i++)
        {
            for (int j = 0; j <= other.Length; j++)
            {
                if (i == 0 || j == 0)
                {
                    edits[i, j] = i + j;
                    continue;
                }
                int same = edits[i - 1, j - 1] + (one[i - 1] == other[j - 1] ? 0 : 1);
                edits[i, j] = Math.Min(same, 1 + Math.Min(edits[i - 1, j], edits[i, j - 1]));
                if (i > 1 && j > 1 && one[i - 1] == other[j - 2] && one[i - 2] == other[j - 1])
                    edits[i, j] = Math.Min(edits[i, j], 1 + edits[i - 2, j - 2]);
            }
        }
        return edits[one.Length, other.Length];
    }
}
