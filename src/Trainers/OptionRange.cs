namespace RealNvp.ML.Trainers;

/// <summary>The one message of options that are out of their range.</summary>
internal static class OptionRange
{
    /// <summary>Requires that an option is in its range.</summary>
    /// <param name="holds">Whether it is.</param>
    /// <param name="group">The option that it belongs to, or empty.</param>
    /// <param name="name">Its name.</param>
    /// <param name="found">Its value.</param>
    /// <param name="expected">The range, as the end of a sentence.</param>
    /// <exception cref="ArgumentOutOfRangeException">It is not.</exception>
    public static void Require(bool holds, string group, string name, object? found, string expected)
    {
        if (holds)
            return;
        string path = group.Length == 0 ? name : $"{group}.{name}";
        throw new ArgumentOutOfRangeException(name, found, $"{path} is {found ?? "null"}, expected {expected}.");
    }
}
