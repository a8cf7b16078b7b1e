using System.Text;
using RealNvp.ML.Export;
using RealNvp.ML.Export.Storage;
using RealNvp.ML.Tests.Transforms.Images;

namespace RealNvp.ML.Tests.Exports;

/// <summary>Files that are written beside their target: names of any length, and what a killed process left.</summary>
public sealed class AtomicFileTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("flow.rnvp"), InlineData("ein Fluß.rnvp")]
    [InlineData(238), InlineData(239), InlineData(251), InlineData(255)]
    public void A_flow_is_saved_under_any_name_that_a_file_may_have(object name)
    {
        string path = Path.Combine(_folder.Root, name as string ?? new string('x', (int)name));
        Flows.Random().Save(path);
        Assert.Equal([path], Directory.GetFiles(_folder.Root));
        Assert.Equal(Flows.Random().Summary(), FlowModel.Load(path).Summary());
    }

    [Fact]
    public void A_device_is_not_replaced_by_a_file()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "The null device is a file of Linux.");
        string link = Path.Combine(_folder.Root, "flow.rnvp"); // so that a failure costs the machine nothing
        File.CreateSymbolicLink(link, "/dev/null");
        Assert.Contains("is a device", Assert.Throws<IOException>(() => Flows.Random().Save(link)).Message, StringComparison.Ordinal);
        Assert.Equal("/dev/null", new FileInfo(link).LinkTarget);
    }

    [Fact]
    public void A_long_name_of_letters_of_several_bytes_too()
    {
        string path = Path.Combine(_folder.Root, new string('ü', 127));
        AtomicFile.Write(path, [1, 2, 3]);
        Assert.Equal([path], Directory.GetFiles(_folder.Root));
        Assert.Equal(3, new FileInfo(path).Length);
    }

    [Theory, InlineData("flow.rnvp"), InlineData("[a]*?.rnvp"), InlineData(250)]
    public void What_a_killed_process_left_goes_with_the_next_save_and_nothing_else(object name)
    {
        string path = Path.Combine(_folder.Root, name as string ?? new string('x', (int)name)), left = "";
        AtomicFile.Write(path, stream =>
        {
            left = Directory.GetFiles(_folder.Root).Single(file => file != path); // its name, while it is there
            stream.WriteByte(1);
        });
        string[] others = [Path.Combine(_folder.Root, "other.abcdefgh.ijk.tmp"), Path.Combine(_folder.Root, "flow.rnvp.tmp")];
        foreach (string file in others.Append(left))
            File.WriteAllText(file, "half");
        AtomicFile.Write(path, [2]);
        Assert.Equal(others.Append(path).Order(), Directory.GetFiles(_folder.Root).Order());
    }

    [Fact]
    public void What_another_process_still_writes_stays()
    {
        string path = Path.Combine(_folder.Root, "flow.rnvp");
        AtomicFile.Write(path, outer =>
        {
            outer.Write(Encoding.ASCII.GetBytes("outer"));
            AtomicFile.Write(path, Encoding.ASCII.GetBytes("inner"));
            Assert.Equal("inner", File.ReadAllText(path));
        });
        Assert.Equal("outer", File.ReadAllText(path));
        Assert.Equal([path], Directory.GetFiles(_folder.Root));
    }
}
