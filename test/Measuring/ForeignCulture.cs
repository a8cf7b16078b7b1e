using System.Globalization;

namespace RealNvp.ML.Tests.Measuring;

/// <summary>
/// Until disposed of, a culture that writes 1.234,5 and has other signs too, as Germany, Turkey and Sweden have them. Made by hand, so
/// that it is there where .NET is told to be invariant, and the libraries of the system's languages are missing.
/// </summary>
internal sealed class ForeignCulture : IDisposable
{
    private readonly CultureInfo _culture = CultureInfo.CurrentCulture;
    private readonly CultureInfo? _ofThreads = CultureInfo.DefaultThreadCurrentCulture;

    // threads that are started meanwhile have it too
    public ForeignCulture() => (CultureInfo.CurrentCulture, CultureInfo.DefaultThreadCurrentCulture) = (Made, Made);

    /// <summary>The culture.</summary>
    public static CultureInfo Made { get; } = new("")
    {
        NumberFormat = new NumberFormatInfo
        {
            NumberDecimalSeparator = ",", NumberGroupSeparator = ".", PercentDecimalSeparator = ",", CurrencyDecimalSeparator = ",",
            NegativeSign = "\u2212", PositiveInfinitySymbol = "\u221E", NegativeInfinitySymbol = "\u2212\u221E",
            NaNSymbol = "\u00A4\u00A4\u00A4",
        },
    };

    public void Dispose() => (CultureInfo.CurrentCulture, CultureInfo.DefaultThreadCurrentCulture) = (_culture, _ofThreads);
}
