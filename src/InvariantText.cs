using System.Globalization;
using System.Text;

// The compiler takes the type of this name that an assembly has itself before .NET's own, and makes every interpolated string of it.
namespace System.Runtime.CompilerServices;

/// <summary>
/// Makes the interpolated strings of this assembly, in the invariant culture: a library's messages, logs and files are the same in every
/// country, and no single <c>$"..."</c> has to say so. It is in each assembly under <c>src</c>. (Numbers that are turned into text by
/// other means must name their culture: CA1305 is an error.)
/// </summary>
[InterpolatedStringHandler]
internal readonly ref struct DefaultInterpolatedStringHandler
{
    private readonly StringBuilder _text;

    public DefaultInterpolatedStringHandler(int literalLength, int formattedCount)
        => _text = new StringBuilder(literalLength + 8 * formattedCount);

    public void AppendLiteral(string value) => _text.Append(value);

    public void AppendFormatted(string? value) => _text.Append(value);

    public void AppendFormatted(scoped ReadOnlySpan<char> value) => _text.Append(value);

    public void AppendFormatted<T>(T value, string? format = null)
        => _text.Append(value is IFormattable number ? number.ToString(format, CultureInfo.InvariantCulture) : value?.ToString());

    public void AppendFormatted<T>(T value, int alignment, string? format = null)
    {
        string text = (value is IFormattable number ? number.ToString(format, CultureInfo.InvariantCulture) : value?.ToString()) ?? "";
        _text.Append(alignment < 0 ? text.PadRight(-alignment) : text.PadLeft(alignment));
    }

    public string ToStringAndClear() => _text.ToString();
}
