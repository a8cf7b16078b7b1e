using System.Diagnostics;
using System.Globalization;
using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Tests.Transforms;

namespace RealNvp.ML.Tests.Transforms
{
    /// <summary>
    /// A second process that knows nothing of our library: .NET runs <see cref="StartupHook"/> there instead of the tests, which loads a
    /// saved model with ML.NET alone and writes the scores of some rows.
    /// </summary>
    internal static class FreshProcess
    {
        /// <summary>Names the model to load.</summary>
        public const string ModelVariable = "REALNVP_TESTS_LOAD_MODEL";

        /// <summary>The rows that are scored, which need no class of ours.</summary>
        public static FeatureRow[] Rows { get; } = [.. Enumerable.Range(0, 20).Select(i => new FeatureRow
        {
            Id = i,
            Features = [.. Enumerable.Range(0, FeatureRow.Size).Select(j => 10f * j - 5 + MathF.Sin(i + j))],
        })];

        /// <summary>Says for how many seconds the process lives on after its work.</summary>
        public const string LingerVariable = "REALNVP_TESTS_LINGER";

        /// <summary>Lines that the process writes: the loaded transformers, then one score per row.</summary>
        /// <param name="modelPath">The model.</param>
        /// <param name="environment">Variables to change; null removes one.</param>
        public static string[] Load(string modelPath, params (string Name, string? Value)[] environment)
            => Run(typeof(FreshProcess).Assembly.Location, [(ModelVariable, modelPath), .. environment]);

        /// <summary>Lines that a process of these tests, from a folder of their own, writes.</summary>
        /// <param name="assembly">The tests' assembly.</param>
        /// <param name="environment">Variables to change; null removes one.</param>
        public static string[] Run(string assembly, params (string Name, string? Value)[] environment)
        {
            var start = new ProcessStartInfo("dotnet", ["exec", assembly])
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
                Environment = { ["DOTNET_STARTUP_HOOKS"] = assembly },
            };
            foreach ((string name, string? value) in environment)
                start.Environment[name] = value;
            using Process process = Process.Start(start)!;
            Task<string> output = process.StandardOutput.ReadToEndAsync(), errors = process.StandardError.ReadToEndAsync();
            if (!process.WaitForExit(TimeSpan.FromMinutes(1)))
            {
                process.Kill();
                Assert.Fail("The process does not end.");
            }
            Assert.True(process.ExitCode == 0, errors.Result + output.Result);
            return output.Result.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        }
    }
}

/// <summary>
/// What .NET runs before the entry point of a process where DOTNET_STARTUP_HOOKS names this assembly; the name is .NET's.
/// </summary>
internal static class StartupHook
{
    public static void Initialize()
    {
        try
        {
            if (Environment.GetEnvironmentVariable(RealNvp.ML.Tests.Trainers.TrainingProcess.Variable) is { } training)
            {
                RealNvp.ML.Tests.Trainers.TrainingProcess.Train(training);
                Environment.Exit(0);
            }
            if (Environment.GetEnvironmentVariable(RealNvp.ML.Tests.Transforms.Pipelines.OtherMlNetTests.Variable) is not null)
            {
                RealNvp.ML.Tests.Transforms.Pipelines.OtherMlNetTests.Run();
                Environment.Exit(0);
            }
            if (AppDomain.CurrentDomain.GetAssemblies().Any(assembly => assembly.GetName().Name == "RealNvp.ML.Transforms"))
                throw new InvalidOperationException("The library is loaded already: this process proves nothing.");
            var ml = new MLContext();
            ITransformer model = ml.Model.Load(Environment.GetEnvironmentVariable(FreshProcess.ModelVariable)!, out _);
            Console.WriteLine(string.Join(" ", ((TransformerChain<ITransformer>)model).Select(transformer => transformer.GetType().Name)));
            foreach (float score in model.Transform(ml.Data.LoadFromEnumerable(FreshProcess.Rows)).GetColumn<float>("Copy"))
                Console.WriteLine(score.ToString("R", CultureInfo.InvariantCulture));
            if (Environment.GetEnvironmentVariable(FreshProcess.LingerVariable) is { } seconds)
                Thread.Sleep(TimeSpan.FromSeconds(int.Parse(seconds, CultureInfo.InvariantCulture)));
            Environment.Exit(0);
        }
        catch (Exception e)
        {
            Console.Error.WriteLine(e);
            Environment.Exit(1);
        }
    }
}
