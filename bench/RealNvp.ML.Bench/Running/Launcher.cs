using RealNvp.ML.Bench.Reporting;

namespace RealNvp.ML.Bench.Running;

/// <summary>Finds the subcommand, runs it, and writes what it found.</summary>
internal static class Launcher
{
    /// <summary>Runs the subcommand that the first argument names.</summary>
    /// <returns>The exit code: 0, 1 where the result does not hold, or 2 where the arguments make no sense.</returns>
    public static int Run(string[] args, params Benchmark[] benchmarks)
    {
        bool help = args.Any(argument => argument is "--help" or "-h" or "-?");
        if (args.Length == 0 || benchmarks.FirstOrDefault(benchmark => benchmark.Name == args[0]) is not { } chosen)
        {
            TextWriter usage = help ? Console.Out : Console.Error;
            usage.WriteLine("Usage: RealNvp.ML.Bench SUBCOMMAND [OPTIONS]");
            foreach (Benchmark benchmark in benchmarks)
                usage.WriteLine($"  {benchmark.Name,-12} {benchmark.Question}");
            usage.WriteLine(BenchmarkArguments.Usage);
            return help ? 0 : 2;
        }
        if (help)
        {
            WriteHelp(Console.Out, chosen);
            return 0;
        }
        BenchmarkArguments arguments;
        try
        {
            arguments = BenchmarkArguments.Parse(args.AsSpan(1), [.. chosen.Options.Keys], chosen.Flags);
        }
        catch (ArgumentException e)
        {
            Console.Error.WriteLine(e.Message);
            WriteHelp(Console.Error, chosen);
            return 2;
        }

        var report = new Report(chosen.Name, chosen.Question);
        int written = 0;
        string? failure = null;
        using (var progress = new Progress(Console.Error))
        {
            try
            {
                chosen.Run(new BenchmarkContext(arguments, progress, report, Save));
            }
            catch (BenchmarkFailedException e)
            {
                failure = e.Message;
            }
        }
        if (failure is not null)
            Console.Error.WriteLine(failure);
        if (report.IsEmpty)
            return failure is null ? 0 : 1;
        Console.WriteLine(report.ToMarkdown());
        Save();
        return failure is null ? 0 : 1;

        void Save()
        {
            if (arguments.Markdown is { } markdown)
                File.WriteAllText(markdown, report.ToMarkdown());
            if (arguments.Json is { } json)
                File.AppendAllLines(json, report.Figures.Skip(written).Select(figure => figure.ToJson()));
            written = report.Figures.Count;
        }
    }

    private static void WriteHelp(TextWriter output, Benchmark benchmark)
    {
        output.WriteLine($"{benchmark.Name}: {benchmark.Question}");
        output.WriteLine(BenchmarkArguments.Usage);
        foreach ((string name, string help) in benchmark.Options)
            output.WriteLine($"  {name,-17} {help}");
    }
}
