using System.Globalization;
using RealNvp.ML.Tool.Running;

namespace RealNvp.ML.Tool.Models;

/// <summary>What --device says.</summary>
internal static class Device
{
    /// <summary>The number of the GPU that is asked for; null for the CPU.</summary>
    public static int? Number(string? device) => device?.Split(':') switch
    {
        null or ["cpu"] => null,
        ["cuda"] => 0,
        ["cuda", var text] when int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number) => number,
        _ => throw new ToolException($"--device is '{device}', expected cpu, cuda or cuda:N."),
    };
}
