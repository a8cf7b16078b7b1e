using System.Diagnostics;
using System.IO.Compression;
using System.Text;
using RealNvp.ML.Tests.Transforms.Images;

namespace RealNvp.ML.Tests.Eng;

/// <summary>
/// The packages as one uses them who has never seen this repository: packed with a version of their own, and two applications in a folder
/// outside of it that are made of them alone.
/// </summary>
[Collection<Builds>]
public sealed class PackageTests(ITestOutputHelper output) : IDisposable
{
    private static readonly string[] s_ids = ["RealNvp.ML.Export", "RealNvp.ML.Transforms", "RealNvp.ML.Trainers", "RealNvp.ML.Serving",
        "RealNvp.ML.AspNetCore"];

    private readonly TemporaryFolder _folder = new();
    private readonly string _version = $"0.0.1-test.{DateTime.UtcNow:yyMMddHHmmss}";

    public void Dispose()
    {
        _folder.Dispose();
        // the applications' restore has unpacked them beside all others
        string unpacked = Environment.GetEnvironmentVariable("NUGET_PACKAGES")
            ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages");
        foreach (string path in s_ids.Select(id => Path.Combine(unpacked, id.ToLowerInvariant(), _version)).Where(Directory.Exists))
            Directory.Delete(path, recursive: true);
    }

    [Fact]
    public void Applications_are_made_of_the_packages_alone()
    {
        string feed = Path.GetDirectoryName(_folder.File("feed/x"))!;
        var time = Stopwatch.StartNew();
        // a folder of its own for all that is built, so that nothing of this checkout's changes; its code has been analysed already
        foreach (string project in new[] { "Trainers", "Service" })
        {
            Dotnet("pack", Path.Combine(Repository.Root, "src", project), "-c", "Release", "-o", feed,
                $"-p:ArtifactsPath={_folder.File("artifacts")}", $"-p:MinVerVersionOverride={_version}",
                "-p:RunAnalyzers=false");
        }
        foreach (string project in new[] { "Export", "Transforms", "Serving" })
        {
            Dotnet("pack", Path.Combine(Repository.Root, "src", project), "-c", "Release", "-o", feed, "--no-build",
                $"-p:ArtifactsPath={_folder.File("artifacts")}", $"-p:MinVerVersionOverride={_version}");
        }
        output.WriteLine($"packed in {time.Elapsed.TotalSeconds:F0} s");
        foreach (string id in s_ids)
            AssertPackage(Path.Combine(feed, $"{id}.{_version}"), id);

        File.WriteAllText(_folder.File("apps/nuget.config"), $"""
            <configuration><packageSources><add key="packed" value="{feed}" /></packageSources></configuration>
            """);
        string trained = Application("Train", "RealNvp.ML.Trainers", """
            <PackageReference Include="TorchSharp-cpu" Version="0.107.0" />
            """, """
            using Microsoft.ML;
            using RealNvp.ML.Trainers;

            var random = new Random(1);
            var mlContext = new MLContext(seed: 1);
            IDataView rows = mlContext.Data.LoadFromEnumerable(Enumerable.Range(0, 300).Select(_ => new Row { A = random.NextSingle(),
                B = random.NextSingle() }));
            var pipeline = mlContext.Transforms.Concatenate("Features", "A", "B").Append(mlContext.AnomalyDetection.Trainers.RealNvp(
                new RealNvpTrainer.Options { Steps = 20, Threads = 1 }));
            using var model = pipeline.Fit(rows);
            mlContext.Model.Save(model, rows.Schema, args[0]);
            Console.WriteLine("trained");
            """);
        string scored = Application("Score", "RealNvp.ML.Transforms", "", """
            using Microsoft.ML;

            var mlContext = new MLContext();
            using var model = (IDisposable)mlContext.Model.Load(args[0], out _);
            using var engine = mlContext.Model.CreatePredictionEngine<Row, Scored>((ITransformer)model, new PredictionEngineOptions
                { OwnsTransformer = false });
            Console.WriteLine($"score {engine.Predict(new Row { A = 0.5f, B = 0.5f }).Score}");

            class Scored { public float Score { get; set; } }
            """);
        string model = _folder.File("model.zip");
        Assert.Equal("trained", Run(trained, model));
        Assert.Matches(@"^score -?\d", Run(scored, model));

        string[] natives = [.. Directory.GetFiles(Path.GetDirectoryName(scored)!, "*", SearchOption.AllDirectories)];
        Assert.DoesNotContain(natives, path => path.Contains("torch", StringComparison.OrdinalIgnoreCase));
        Assert.Contains(natives, path => Path.GetFileName(path) == "libonnxruntime.so" || !OperatingSystem.IsLinux());
        // of one platform: those of all would be over a gigabyte, and over 150 MB
        Assert.InRange(Megabytes(trained), 300, 700);
        Assert.InRange(Megabytes(scored), 20, 100);
        output.WriteLine($"published: {Megabytes(trained)} MB with training, {Megabytes(scored)} MB without; "
            + $"{time.Elapsed.TotalSeconds:F0} s");
    }

    private void AssertPackage(string path, string id)
    {
        using ZipArchive package = ZipFile.OpenRead(path + ".nupkg"), symbols = ZipFile.OpenRead(path + ".snupkg");
        string[] names = [.. package.Entries.Select(entry => entry.FullName)];
        foreach (string name in new[] { "README.md", "icon.png", $"lib/net10.0/{id}.dll", $"lib/net10.0/{id}.xml" })
            Assert.Contains(name, names);
        Assert.Contains($"lib/net10.0/{id}.pdb", symbols.Entries.Select(entry => entry.FullName));
        string specification = Text(package, $"{id}.nuspec");
        foreach (string word in new[] { "<readme>README.md</readme>", "<icon>icon.png</icon>", "<releaseNotes># Changes", "<license ",
            $"<version>{_version}</version>" })
            Assert.Contains(word, specification, StringComparison.Ordinal);
        Assert.DoesNotMatch(@"\]\((?!https?:)", Text(package, "README.md")); // no link to a file that is not there
        // nothing of the builder's folders
        Assert.DoesNotContain(Repository.Root, Text(package, $"lib/net10.0/{id}.dll"), StringComparison.Ordinal);
        Assert.DoesNotContain(Repository.Root, Text(symbols, $"lib/net10.0/{id}.pdb"), StringComparison.Ordinal);
        Assert.DoesNotContain(_folder.Root, Text(package, $"lib/net10.0/{id}.dll"), StringComparison.Ordinal);

        static string Text(ZipArchive archive, string name)
        {
            using var reader = new StreamReader(archive.GetEntry(name)!.Open(), Encoding.Latin1);
            return reader.ReadToEnd();
        }
    }

    /// <summary>A console application of one program, published.</summary>
    private string Application(string name, string package, string more, string program)
    {
        File.WriteAllText(_folder.File($"apps/{name}/{name}.csproj"), $"""
            <Project Sdk="Microsoft.NET.Sdk">
              <PropertyGroup>
                <TargetFramework>net10.0</TargetFramework>
                <OutputType>Exe</OutputType>
                <ImplicitUsings>enable</ImplicitUsings>
              </PropertyGroup>
              <ItemGroup>
                <PackageReference Include="{package}" Version="{_version}" />
                <PackageReference Include="Microsoft.ML.OnnxRuntime" Version="1.31.1" />
                {more}
              </ItemGroup>
            </Project>
            """);
        File.WriteAllText(_folder.File($"apps/{name}/Program.cs"),
            program + "\nclass Row { public float A { get; set; } public float B { get; set; } }\n");
        string published = _folder.File($"apps/published/{name}/{name}.dll");
        Dotnet("publish", Path.GetDirectoryName(_folder.File($"apps/{name}/x"))!, "-c", "Release", "-o", Path.GetDirectoryName(published)!);
        return published;
    }

    private static string Run(string application, string model)
    {
        (int code, string output, string error) = Repository.Dotnet(["exec", application, model]);
        Assert.True(code == 0, output + error);
        return output.Trim();
    }

    private static void Dotnet(params string[] arguments)
    {
        (int code, string output, string error) = Repository.Dotnet(arguments);
        Assert.True(code == 0, $"dotnet {string.Join(' ', arguments)}\n{output}{error}");
        Assert.DoesNotContain("warning ", output, StringComparison.Ordinal);
    }

    private static long Megabytes(string application) => Directory.GetFiles(Path.GetDirectoryName(application)!, "*",
        SearchOption.AllDirectories)
        .Sum(path => new FileInfo(path).Length) >> 20;
}
