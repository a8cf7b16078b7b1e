using System.Diagnostics;
using System.Globalization;

namespace RealNvp.ML.Bench.Running;

/// <summary>How much of a GPU's memory is in use, of all processes, as NVIDIA's own tool says.</summary>
internal static class GpuMemory
{
    /// <summary>MiB in use on the first GPU; NaN where the tool is missing.</summary>
    public static double UsedMiB()
    {
        try
        {
            var start = new ProcessStartInfo("nvidia-smi", ["--query-gpu=memory.used", "--format=csv,noheader,nounits", "--id=0"])
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            };
            using Process process = Process.Start(start)!;
            string text = process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            return double.TryParse(text.Trim(), NumberStyles.Float, CultureInfo.InvariantCulture, out double used) ? used : double.NaN;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return double.NaN;
        }
    }
}
