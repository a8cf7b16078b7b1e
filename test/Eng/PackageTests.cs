using System.Diagnostics;
using System.IO.Compression;
using System.Text;
using System.Text.Json;
using RealNvp.ML.Tests.Tool;
using RealNvp.ML.Tests.Transforms.Images;

namespace RealNvp.ML.Tests.Eng;

/// <summary>
/// The packages as one uses them who has never seen this repository: packed with a version of their own, and applications in a folder
/// outside of it that are made of them alone: one trains, one scores, one serves.
/// </summary>
[Collection<Builds>]
public sealed class PackageTests(ITestOutputHelper output) : IDisposable
{
    /// <summary>By the folders of their projects.</summary>
    private static readonly Dictionary<string, string> s_ids = new[] { "Export", "Transforms", "Trainers", "Pretrained", "Serving",
        "Service", "Grpc", "Orleans" }.ToDictionary(folder => folder, folder => "RealNvp.ML." + folder switch
        {
            "Service" => "AspNetCore",
            "Grpc" => "AspNetCore.Grpc",
            _ => folder,
        });

    private const string ToolId = "RealNvp.ML.Tool";

    private readonly TemporaryFolder _folder = new();
    private readonly string _version = $"0.0.1-test.{DateTime.UtcNow:yyMMddHHmmss}";

    public void Dispose()
    {
        _folder.Dispose();
        // the applications' restore has unpacked them beside all others
        string unpacked = Environment.GetEnvironmentVariable("NUGET_PACKAGES")
            ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages");
        foreach (string path in s_ids.Values.Select(id => Path.Combine(unpacked, id.ToLowerInvariant(), _version)).Where(Directory.Exists))
            Directory.Delete(path, recursive: true);
    }

    [Fact]
    public void Applications_are_made_of_the_packages_alone()
    {
        string feed = Path.GetDirectoryName(_folder.File("feed/x"))!;
        var time = Stopwatch.StartNew();
        // what the tests were built with is packed: building it again took longer than all that follows
        File.WriteAllText(_folder.File("packages.slnf"), JsonSerializer.Serialize(new
        {
            solution = new
            {
                path = Path.Combine(Repository.Root, "RealNvp.ML.sln"),
                projects = s_ids.Select(id => $"src\\{id.Key}\\{id.Value}.csproj"),
            },
        }));
        Dotnet("pack", _folder.File("packages.slnf"), "--no-build", "-c", Repository.Configuration, $"-p:PackageOutputPath={feed}",
            $"-p:MinVerVersionOverride={_version}");
        output.WriteLine($"packed in {time.Elapsed.TotalSeconds:F0} s");
        foreach (string id in s_ids.Values)
            AssertPackage(Path.Combine(feed, $"{id}.{_version}"), id);

        File.WriteAllText(_folder.File("apps/nuget.config"), $"""
            <configuration><packageSources><add key="packed" value="{feed}" /></packageSources></configuration>
            """);
        string trained = Application("Train", ["RealNvp.ML.Trainers", "RealNvp.ML.Pretrained"], """
            <PackageReference Include="TorchSharp-cpu" Version="0.107.0" />
            """, """
            using Microsoft.ML;
            using Microsoft.ML.Data;
            using Microsoft.ML.Transforms.Image;
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

            IDataView pictures = mlContext.Data.LoadFromEnumerable([new Picture()]);
            using var net = mlContext.Transforms.PretrainedFeatures("Features", "Image").Fit(pictures);
            Console.WriteLine(net.Transform(pictures).GetColumn<float[]>("Features").Single().Length);

            class Picture
            {
                [ImageType(2, 2)]
                public MLImage Image { get; set; } = MLImage.CreateFromPixels(2, 2, MLPixelFormat.Rgba32, new byte[16]);
            }
            """);
        string scored = Application("Score", ["RealNvp.ML.Transforms"], "", """
            using Microsoft.ML;

            var mlContext = new MLContext();
            using var model = (IDisposable)mlContext.Model.Load(args[0], out _);
            using var engine = mlContext.Model.CreatePredictionEngine<Row, Scored>((ITransformer)model, new PredictionEngineOptions
                { OwnsTransformer = false });
            Console.WriteLine(engine.Predict(new Row { A = 0.5f, B = 0.5f }).Score);

            class Scored { public float Score { get; set; } }
            """);
        string served = Application("Serve", ["RealNvp.ML.AspNetCore", "RealNvp.ML.AspNetCore.Grpc", "RealNvp.ML.Orleans"], "", """
            using System.Net;
            using System.Net.Sockets;
            using System.Text.Json;
            using Microsoft.AspNetCore.Builder;
            using Microsoft.AspNetCore.Hosting;
            using Microsoft.Extensions.DependencyInjection;
            using Microsoft.Extensions.Hosting;
            using Microsoft.Extensions.Logging;
            using Orleans;
            using Orleans.Hosting;
            using RealNvp.ML.Orleans;

            var web = WebApplication.CreateSlimBuilder();
            web.Logging.ClearProviders();
            web.WebHost.UseUrls("http://127.0.0.1:0");
            web.Services.AddRealNvp(args[0]).AddRealNvpGrpc();
            await using WebApplication service = web.Build();
            service.MapRealNvp();
            service.MapRealNvpGrpc();
            await service.StartAsync();
            using var client = new HttpClient();
            using var rows = new StringContent("[[0.5, 0.5]]");
            using var answer = await client.PostAsync(service.Urls.Single() + "/models/model/score", rows);
            JsonElement results = JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement;
            Console.WriteLine(results.GetProperty("rows")[0].GetProperty("Score").GetSingle());

            HostApplicationBuilder builder = Host.CreateApplicationBuilder();
            builder.Logging.ClearProviders();
            builder.UseOrleans(silo => silo.UseLocalhostClustering(FreePort(), FreePort()).AddRealNvp(args[0]));
            using IHost host = builder.Build();
            await host.StartAsync();
            FlowTable scored = await host.Services.GetRequiredService<IClusterClient>().GetGrain<IFlowGrain>("model")
                .Score(new FlowTable(1).With("A", [0.5f]).With("B", [0.5f]));
            Console.WriteLine(scored.Numbers("Score")[0]);
            await host.StopAsync();

            static int FreePort()
            {
                using var listener = new TcpListener(IPAddress.Loopback, 0);
                listener.Start();
                return ((IPEndPoint)listener.LocalEndpoint).Port;
            }
            """);
        File.WriteAllText(_folder.File("apps/All.proj"), """
            <Project>
              <ItemGroup>
                <App Include="*/*.csproj" />
              </ItemGroup>
              <Target Name="Restore">
                <MSBuild Projects="@(App)" Targets="Restore" />
              </Target>
              <Target Name="Publish">
                <MSBuild Projects="@(App)" Targets="Publish" Properties="Configuration=Release" BuildInParallel="true" />
              </Target>
            </Project>
            """);
        Dotnet("msbuild", _folder.File("apps/All.proj"), "-restore", "-t:Publish", "-m", "-v:m", "-nologo");
        output.WriteLine($"published after {time.Elapsed.TotalSeconds:F0} s");

        string model = _folder.File("model.zip");
        Assert.Equal("trained\n512", Run(trained, model));
        string score = Run(scored, model);
        Assert.Matches(@"^-?\d", score);
        Assert.Equal($"{score}\n{score}", Run(served, model));

        foreach (string application in new[] { scored, served })
        {
            string[] files = [.. Directory.GetFiles(Path.GetDirectoryName(application)!, "*", SearchOption.AllDirectories)];
            Assert.DoesNotContain(files, path => path.Contains("torch", StringComparison.OrdinalIgnoreCase));
            Assert.Contains(files, path => Path.GetFileName(path) == "libonnxruntime.so" || !OperatingSystem.IsLinux());
        }
        // of one platform: those of all would be over a gigabyte, and over 150 MB; the weights of ResNet18 are 45 MB
        Assert.InRange(Megabytes(trained), 300, 700);
        Assert.InRange(Megabytes(scored), 20, 70);
        Assert.InRange(Megabytes(served), 20, 90);
        output.WriteLine($"published: {Megabytes(trained)} MB with training and a pretrained net, {Megabytes(scored)} MB with scoring, "
            + $"{Megabytes(served)} MB with a service and a silo; {time.Elapsed.TotalSeconds:F0} s");
    }

    /// <summary>What the command weighs is libtorch: nothing stands beside it that it does not load.</summary>
    [Fact]
    public void The_tool_brings_what_it_loads_and_no_more()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "The names are those of Linux.");
        (int code, string text, string error) = Repository.Dotnet("msbuild", Path.Combine("src", "Tool"), "-nologo",
            "-p:Configuration=Release", "-p:BuildProjectReferences=false", "-t:ResolveReferences;ComputeResolvedFilesToPublishList",
            "-getItem:ResolvedFileToPublish");
        Assert.True(code == 0, text + error);
        string[] paths = [.. JsonDocument.Parse(text).RootElement.GetProperty("Items").GetProperty("ResolvedFileToPublish")
            .EnumerateArray().Select(item => item.GetProperty("FullPath").GetString()!)];
        string[] names = [.. paths.Select(path => Path.GetFileName(path))];
        foreach (string needed in new[] { "libtorch.so", "libtorch_cpu.so", "libc10.so", "libLibTorchSharp.so", "libonnxruntime.so",
            "libSkiaSharp.so", "TorchSharp.dll", "RealNvp.ML.Trainers.dll", "RealNvp.ML.AspNetCore.Grpc.dll" })
            Assert.Contains(needed, names);
        Assert.DoesNotContain(names, name => Path.GetExtension(name) is ".dbg" or ".xml" or ".lib" or ".dylib"
            || name.Contains("python", StringComparison.Ordinal) || name.Contains("test", StringComparison.OrdinalIgnoreCase)
            || name.StartsWith("onnxruntime", StringComparison.Ordinal));
        output.WriteLine($"{paths.Sum(path => new FileInfo(path).Length) >> 20} MB in {paths.Length} files, of which libtorch_cpu.so "
            + $"{new FileInfo(paths.Single(path => path.EndsWith("libtorch_cpu.so", StringComparison.Ordinal))).Length >> 20} MB");
    }

    /// <summary>Two minutes of packing and unpacking libtorch: run it before a release.</summary>
    [Fact(Explicit = true)]
    public void The_tool_is_installed_from_a_folder_and_trains_and_scores()
    {
        string feed = Path.GetDirectoryName(_folder.File("feed/x"))!;
        Dotnet("pack", Path.Combine(Repository.Root, "src", "Tool"), "-c", "Release", "-o", feed,
            $"-p:ArtifactsPath={_folder.File("artifacts")}", $"-p:MinVerVersionOverride={_version}", "-p:RunAnalyzers=false");
        output.WriteLine($"package: {new FileInfo(Directory.GetFiles(feed, "*.nupkg").Single()).Length / 1e6:F1} MB");
        string tools = Path.GetDirectoryName(_folder.File("tools/x"))!;
        Dotnet("tool", "install", ToolId, "--tool-path", tools, "--source", feed, "--version", _version);
        string data = _folder.File("data.csv"), trained = _folder.File("plant.zip");
        File.WriteAllText(data, Plant.Csv(Plant.Rows(400, seed: 1)));
        Command("train", data, "-o", trained, "--steps", "40");
        Assert.Equal(401, Command("score", trained, data, "--keep", "none").Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
        Command("export", trained, "-o", _folder.File("graphs"), "--check", data);
        Assert.True(File.Exists(_folder.File("graphs/pipeline.onnx")));

        string Command(params string[] arguments)
        {
            using Process process = Process.Start(new ProcessStartInfo(Path.Combine(tools, "realnvp"), arguments)
            {
                RedirectStandardOutput = true,
            })!;
            string text = process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            Assert.Equal(0, process.ExitCode);
            return text;
        }
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

        static string Text(ZipArchive archive, string name)
        {
            using var reader = new StreamReader(archive.GetEntry(name)!.Open(), Encoding.Latin1);
            return reader.ReadToEnd();
        }
    }

    /// <summary>Writes a console application of one program.</summary>
    /// <returns>Where it is when it is published.</returns>
    private string Application(string name, string[] packages, string more, string program)
    {
        File.WriteAllText(_folder.File($"apps/{name}/{name}.csproj"), $"""
            <Project Sdk="Microsoft.NET.Sdk">
              <PropertyGroup>
                <TargetFramework>net10.0</TargetFramework>
                <OutputType>Exe</OutputType>
                <ImplicitUsings>enable</ImplicitUsings>
              </PropertyGroup>
              <ItemGroup>
                {string.Concat(packages.Select(package => $"<PackageReference Include=\"{package}\" Version=\"{_version}\" />"))}
                <PackageReference Include="Microsoft.ML.OnnxRuntime" Version="1.31.1" />
                {more}
              </ItemGroup>
            </Project>
            """);
        File.WriteAllText(_folder.File($"apps/{name}/Program.cs"),
            program + "\nclass Row { public float A { get; set; } public float B { get; set; } }\n");
        return _folder.File($"apps/{name}/bin/Release/net10.0/publish/{name}.dll");
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
