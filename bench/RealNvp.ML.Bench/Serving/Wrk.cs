using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using RealNvp.ML.Bench.Running;

namespace RealNvp.ML.Bench.Serving;

/// <summary>What wrk saw of a server.</summary>
/// <param name="Requests">Requests per second.</param>
/// <param name="Median">Milliseconds that half of the requests took at most.</param>
/// <param name="P99">The same for 99 of 100.</param>
/// <param name="Answered">All requests.</param>
/// <param name="Failed">Of those, answers other than 2xx and 3xx, and broken connections.</param>
internal sealed record Load(double Requests, double Median, double P99, long Answered, long Failed);

/// <summary>wrk, a load generator in C (Debian's package of the name): connections, each with one request after the other.</summary>
internal static class Wrk
{
    private const string Script = """
        local file = io.open(os.getenv("BODY"), "rb")
        local body = file:read("*a")
        if #body > 0 then
          wrk.method = "POST"
          wrk.body = body
        end
        wrk.headers["Content-Type"] = "application/json"
        local header = os.getenv("HEADER")
        if header ~= "" then wrk.headers["Inference-Header-Content-Length"] = header end
        function done(summary, latency, requests)
          local e = summary.errors
          print(string.format("RESULT %d %d %f %f %d", summary.requests, summary.duration, latency:percentile(50) / 1000,
            latency:percentile(99) / 1000, e.connect + e.read + e.write + e.status + e.timeout))
        end
        """;

    /// <summary>Loads a server for a time.</summary>
    /// <param name="url">The address.</param>
    /// <param name="body">The body of each request; empty for a GET.</param>
    /// <param name="header">How many bytes of it are JSON; 0 for all.</param>
    /// <param name="connections">Requests at the same time.</param>
    /// <param name="seconds">How long.</param>
    /// <exception cref="BenchmarkFailedException">wrk is not here, or fails.</exception>
    public static Load Run(string url, byte[] body, int header, int connections, int seconds)
    {
        string folder = Directory.CreateTempSubdirectory("realnvp-wrk-").FullName;
        try
        {
            string script = Path.Combine(folder, "post.lua"), file = Path.Combine(folder, "body");
            File.WriteAllText(script, Script);
            File.WriteAllBytes(file, body);
            var start = new ProcessStartInfo("wrk",
                ["-t", "1", "-c", $"{connections}", "-d", $"{seconds}s", "--timeout", "10s", "-s", script, url])
            {
                RedirectStandardOutput = true,
            };
            start.Environment["BODY"] = file;
            start.Environment["HEADER"] = header == 0 ? "" : $"{header}";
            using Process process = Process.Start(start)!;
            string text = process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            string? line = text.Split('\n').FirstOrDefault(line => line.StartsWith("RESULT ", StringComparison.Ordinal));
            if (line is null)
                throw new BenchmarkFailedException($"wrk gave no result: {text}");
            double[] values = [.. line.Split(' ')[1..].Select(value => double.Parse(value, CultureInfo.InvariantCulture))];
            return new(values[0] / (values[1] / 1e6), values[2], values[3], (long)values[0], (long)values[4]);
        }
        catch (Win32Exception)
        {
            throw new BenchmarkFailedException("wrk is not here: Debian's package of the name has it.");
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
