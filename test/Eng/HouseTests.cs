using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;
using RealNvp.ML.Pretrained;
using RealNvp.ML.Trainers;
using RealNvp.ML.Transforms;

namespace RealNvp.ML.Tests.Eng;

/// <summary>Reads the sources: rooms do not look back, and lines end where a reader's screen does.</summary>
public partial class HouseTests
{
    [Fact]
    public void Folders_below_a_root_do_not_use_each_other()
        => Assert.Empty(Directory.GetDirectories(Path.Combine(Repository.Root, "src"))
            .SelectMany(project => Circles(project).Select(circle => $"{Path.GetFileName(project)}: {circle}")));

    [Fact]
    public void Lines_have_at_most_140_columns()
        => Assert.Empty(new[] { "src", "test", "bench", "samples", "eng" }
            .SelectMany(folder => Sources(Path.Combine(Repository.Root, folder)))
            .SelectMany(file => File.ReadLines(file).Select((line, i) => (Place: $"{Path.GetFileName(file)}:{i + 1}", line.Length))
                .Where(line => line.Length > 140)));

    /// <summary>Other tests run beside: what is the whole process's, or the machine's, is for the collection Alone.</summary>
    [Fact]
    public void Tests_that_touch_what_belongs_to_the_process_run_alone()
    {
        (string Name, string Text)[] classes = [.. Sources(Path.Combine(Repository.Root, "test"))
            .SelectMany(file => NotCode().Replace(File.ReadAllText(file), " ").Split("\n}\n")
                .Select(text => (Path.GetFileName(file), text)))
            .Where(one => TestMethod().IsMatch(one.text))];
        Assert.Contains("MpiTests.cs", classes.Where(one => OfTheProcess().IsMatch(one.Text)).Select(one => one.Name));
        Assert.Empty(classes.Where(one => !one.Text.Contains("[Collection<Alone>]", StringComparison.Ordinal))
            .SelectMany(one => OfTheProcess().Matches(one.Text).Select(match => $"{one.Name}: {match.Value}")));
        // torch's own generator is drawn from by all that run beside: a test would have other numbers each time
        Assert.Empty(classes.SelectMany(one => DrawnFromAll().Matches(one.Text).Select(match => $"{one.Name}: {match.Value}")));
    }

    [Fact]
    public void Extension_methods_are_where_users_of_MLNET_look()
        => Assert.All(
            new[] { typeof(RealNvpTransformer), typeof(RealNvpTrainer), typeof(Backbone) }
                .SelectMany(type => type.Assembly.GetExportedTypes())
                .Where(type => type.IsDefined(typeof(ExtensionAttribute), false)),
            type => Assert.Equal("Microsoft.ML", type.Namespace));

    [Fact]
    public void Circle_is_found_where_there_is_one()
    {
        DirectoryInfo root = Directory.CreateTempSubdirectory("realnvp-house-");
        try
        {
            Write("A/One.cs", "class One { Two? Next; }");
            Write("B/Two.cs", "class Two; // One is only named here, and \"One\" here");
            Write("C/Three.cs", "class Three(One one, Two two);");
            Assert.Empty(Circles(root.FullName));
            Write("B/More.cs", "record Four(One Back);");
            Assert.Equal(["A <-> B"], Circles(root.FullName));
        }
        finally
        {
            root.Delete(recursive: true);
        }

        void Write(string name, string text)
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(root.FullName, name))!);
            File.WriteAllText(Path.Combine(root.FullName, name), text);
        }
    }

    /// <summary>
    /// The pairs of folders each of which names types that the other one declares. A type that two folders declare counts for neither, and
    /// a member of a type's name counts as a use.
    /// </summary>
    private static IEnumerable<string> Circles(string project)
    {
        var code = Sources(project).Select(file => (
            Folder: Path.GetRelativePath(project, Path.GetDirectoryName(file)!).Replace('\\', '/'),
            Text: NotCode().Replace(File.ReadAllText(file), " "))).ToArray();
        Dictionary<string, string> homes = code
            .SelectMany(file => Declaration().Matches(file.Text).Select(match => (Type: match.Groups[1].Value, file.Folder)))
            .GroupBy(type => type.Type, type => type.Folder)
            .Where(type => type.Distinct().Count() == 1).ToDictionary(type => type.Key, type => type.First());
        HashSet<(string From, string To)> uses = [.. code.SelectMany(file => Name().Matches(file.Text)
            .Select(match => homes.GetValueOrDefault(match.Value)).OfType<string>()
            .Where(home => home != file.Folder).Select(home => (file.Folder, home)))];
        return uses.Where(use => string.CompareOrdinal(use.From, use.To) < 0 && uses.Contains((use.To, use.From)))
            .Select(use => $"{use.From} <-> {use.To}").Order(StringComparer.Ordinal);
    }

    private static IEnumerable<string> Sources(string folder) => Directory.EnumerateFiles(folder, "*.cs", SearchOption.AllDirectories)
        .Where(file => !file.Split(Path.DirectorySeparatorChar).Any(part => part is "bin" or "obj")).Order(StringComparer.Ordinal);

    [GeneratedRegex(@"\[(Fact|Theory)\b")]
    private static partial Regex TestMethod();

    [GeneratedRegex(@"\b(SetCurrentDirectory|SetEnvironmentVariable|DefaultThreadCurrentCulture|ForeignCulture|set_default_dtype"
        + @"|set_num_threads|Threads = [2-9]|RealNvpCores\.Max =|NativeHeap\.Users|MemoryRun|OpenMpi|GC\.Collect|GetTotalMemory)")]
    private static partial Regex OfTheProcess();

    [GeneratedRegex(@"\bmanual_seed\w*|\b(randn|rand|randint|randperm)\((?![^;]*generator: )")]
    private static partial Regex DrawnFromAll();

    [GeneratedRegex(@"//[^\n]*|/\*.*?\*/|"""""".*?""""""|@?\$?""(?:\\.|[^""\\\n])*""|^using [^\n]*|^namespace [^\n]*",
        RegexOptions.Singleline | RegexOptions.Multiline)]
    private static partial Regex NotCode();

    [GeneratedRegex(@"\b(?:class|struct|interface|enum|record(?:\s+struct)?|delegate\s+[\w<>\[\],?.]+)\s+([A-Z]\w*)")]
    private static partial Regex Declaration();

    [GeneratedRegex(@"\b[A-Z]\w*\b")]
    private static partial Regex Name();
}
