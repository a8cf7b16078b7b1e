using System.ComponentModel;
using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text.Json;
using RealNvp.ML.Tests.Eng;

namespace RealNvp.ML.Tests.CrossRuntime;

/// <summary>
/// onnxruntime-web under Node. Packages are fetched once, as the lock says, into the ignored artifacts folder. Where node or npm is missing
/// or packages cannot be fetched, tests are skipped and say why.
/// </summary>
public sealed class NodeRuntime
{
    private static readonly string[] s_files = ["package.json", "package-lock.json", ".npmrc", "run.mjs", "page.mjs"];
    private static readonly string[] s_browsers = ["chromium", "chromium-browser", "google-chrome"];

    private static readonly string s_folder = Path.Combine(Repository.Root, "artifacts", "cross-runtime");
    private static readonly Lazy<string?> s_problem = new(Prepare); // once, also where two classes of tests begin at the same time

    private readonly string? _problem = s_problem.Value;

    /// <summary>
    /// All outputs of a graph, flags as 0 and 1. The graph's optional inputs keep their defaults: this runtime refuses to override them.
    /// </summary>
    internal Dictionary<string, float[]> Run(byte[] graph, string input, float[][] rows) => Run(graph, (input, rows));

    /// <summary>The same of a graph with several batch inputs.</summary>
    internal Dictionary<string, float[]> Run(byte[] graph, params (string Name, float[][] Rows)[] inputs) => Run(graph, folder =>
        [.. inputs.SelectMany(input =>
        {
            string file = Path.Combine(folder, input.Name + ".f32");
            File.WriteAllBytes(file, MemoryMarshal.AsBytes<float>(input.Rows.SelectMany(row => row).ToArray()).ToArray());
            return new[] { input.Name, $"{input.Rows[0].Length}", file };
        })]);

    /// <summary>The same of a graph with columns of one value per row, numbers (null for NaN) or texts.</summary>
    internal Dictionary<string, float[]> Run(byte[] graph, IReadOnlyDictionary<string, object?[]> columns) => Run(graph, folder =>
    {
        string file = Path.Combine(folder, "columns.json");
        File.WriteAllText(file, JsonSerializer.Serialize(columns));
        return [file];
    });

    /// <summary>Opens a page in headless Chromium as page.mjs tells, and gives what that printed.</summary>
    internal string OpenPage(string pageFolder)
    {
        Assert.SkipWhen(_problem is not null, _problem ?? "");
        string? browser = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator)
            .SelectMany(folder => s_browsers.Select(name => Path.Combine(folder, name))).FirstOrDefault(File.Exists);
        Assert.SkipWhen(browser is null, "Chromium is not installed here.");
        (int code, string text) = Start("node", "page.mjs", pageFolder, browser!);
        Assert.True(code == 0, $"node page.mjs failed: {text}");
        return text;
    }

    private Dictionary<string, float[]> Run(byte[] graph, Func<string, string[]> writeInputs)
    {
        Assert.SkipWhen(_problem is not null, _problem ?? "");
        DirectoryInfo work = Directory.CreateTempSubdirectory("realnvp-node-");
        try
        {
            string graphFile = Path.Combine(work.FullName, "graph.onnx");
            File.WriteAllBytes(graphFile, graph);
            DirectoryInfo outputs = work.CreateSubdirectory("outputs");
            (int code, string text) = Start("node", ["run.mjs", graphFile, .. writeInputs(work.FullName), outputs.FullName]);
            Assert.True(code == 0, $"node run.mjs failed: {text}");
            return outputs.GetFiles().ToDictionary(file => Path.GetFileNameWithoutExtension(file.Name), Values);
        }
        finally
        {
            work.Delete(recursive: true);
        }
    }

    private static float[] Values(FileInfo file)
    {
        byte[] bytes = File.ReadAllBytes(file.FullName);
        return file.Extension == ".u8" ? [.. bytes.Select(flag => (float)flag)] : MemoryMarshal.Cast<byte, float>(bytes).ToArray();
    }

    private static string? Prepare()
    {
        Directory.CreateDirectory(s_folder);
        foreach (string command in new[] { "node", "npm" })
        {
            if (Start(command, "--version").ExitCode != 0)
                return $"{command} is not installed here.";
        }
        string source = Path.Combine(Repository.Root, "test", "CrossRuntime"), stamp = Path.Combine(s_folder, "installed.lock");
        foreach (string file in s_files)
            File.Copy(Path.Combine(source, file), Path.Combine(s_folder, file), overwrite: true);
        string wanted = File.ReadAllText(Path.Combine(source, "package-lock.json"));
        if (File.Exists(stamp) && File.ReadAllText(stamp) == wanted)
            return null;
        (int code, string text) = Start("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund");
        if (code != 0)
            return $"npm could not fetch the packages of test/CrossRuntime: {text.Split('\n')[0].Trim()}";
        File.WriteAllText(stamp, wanted); // last: only a whole installation counts
        return null;
    }

    /// <summary>Runs a command and gives its exit code, 127 where it does not exist, and all that it printed.</summary>
    private static (int ExitCode, string Text) Start(string command, params string[] arguments)
    {
        bool script = OperatingSystem.IsWindows() && command == "npm"; // a .cmd file there
        var start = new ProcessStartInfo(script ? "cmd" : command, script ? ["/c", command, .. arguments] : arguments)
        {
            WorkingDirectory = s_folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        try
        {
            using Process process = Process.Start(start)!;
            Task<string> error = process.StandardError.ReadToEndAsync();
            string output = process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            return (process.ExitCode, output + error.Result);
        }
        catch (Win32Exception e)
        {
            return (127, e.Message);
        }
    }
}
