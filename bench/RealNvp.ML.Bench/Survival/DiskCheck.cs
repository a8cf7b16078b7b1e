using System.Diagnostics;
using Microsoft.ML;
using RealNvp.ML.Bench.Reporting;
using RealNvp.ML.Bench.Running;
using RealNvp.ML.Trainers;
using RealNvp.ML.Transforms;

namespace RealNvp.ML.Bench.Survival;

/// <summary>
/// A disk without room and a folder that cannot be written, on Linux: files that are there stay as they are, nothing half written is left,
/// training ends well and hands the flow over. The disk is a small tmpfs where one can be mounted, and a limit on the size of files else.
/// </summary>
internal static class DiskCheck
{
    private const int KiB = 24, PageKiB = 4;

    public static void Run(BenchmarkContext context, TimeSpan time, List<string> failures)
    {
        if (!OperatingSystem.IsLinux())
        {
            context.Report.Add("## Full disks\n\nOnly on Linux.");
            return;
        }
        context.Progress.Show("disk: full, and read-only", 0, 1);
        var table = new MarkdownTable("Disk", "What was tried", "What came of it");
        using var folder = new Scratch();
        bool mounted = Shell($"mount -t tmpfs -o size={KiB}k tmpfs '{folder.Root}'");
        try
        {
            Add(mounted ? "full tmpfs" : "limit on files", ChildProcess.StartAfter(
                mounted ? "true" : $"trap '' XFSZ; ulimit -f {PageKiB}", "disk", folder.Root, "full"));
            bool readOnly = mounted ? Shell($"mount -o remount,ro '{folder.Root}'") : Shell($"chmod a-w '{folder.Root}'");
            if (readOnly)
                Add("read-only folder", ChildProcess.StartAfter("true", "disk", folder.Root, "read-only"));
        }
        finally
        {
            if (mounted) Shell($"umount '{folder.Root}'");
            else Shell($"chmod u+w '{folder.Root}'");
        }
        context.Report.Add($"## Full disks\n\nA disk with {PageKiB} KiB left, and a folder that cannot be written.");
        context.Report.Add(table);

        void Add(string disk, Process process)
        {
            using Process one = process;
            (int? code, string[] lines) = ChildProcess.Finish(one, TimeSpan.FromMinutes(5));
            foreach (string line in lines)
            {
                if (line.Split('|') is not ["tried", var what, var found, var good])
                    continue;
                table.Add(disk, what, found);
                if (good != "True")
                    failures.Add($"disk: {disk}: {what}: {found}");
            }
            if (code != 0)
                failures.Add($"disk: {disk}: the process ended with {code}: {string.Join(' ', lines.TakeLast(3))}");
        }
    }

    /// <summary>In a process of its own: a folder without room, and whether it is full or read-only.</summary>
    public static void OnFullDisk(string[] parts)
    {
        (string folder, bool full) = (parts[0], parts[1] == "full");
        string old = Path.Combine(folder, "old");
        var ml = new MLContext(seed: 1);
        using RealNvpTransformer model = SmallTrainings.Fit("table", 5);
        IDataView rows = SmallTrainings.Rows(ml, images: false);
        if (full)
        {
            File.WriteAllText(old, "old");
            for (int page = 2; page < KiB / PageKiB; page++) // one is left
                File.WriteAllBytes(Path.Combine(folder, $"filler {page}"), new byte[1024 * PageKiB]);
        }
        int files = Directory.GetFiles(folder).Length;
        Try("save a flow over an old file", () => model.Model.Save(old));
        Try("save a pipeline over an old file", () => ml.Model.SaveAtomically(model, rows.Schema, old));
        Try("export a graph over an old file", () => model.ExportDensity(old));
        int warnings = 0;
        ml.Log += (_, e) => warnings += e.RawMessage.Contains("is not written", StringComparison.Ordinal) ? 1 : 0;
        try
        {
            using RealNvpTransformer other = SmallTrainings.Fit("averaged", 20, Path.Combine(folder, "checkpoints"), ml: ml);
            Tell("train with checkpoints", "trained, although nothing could be written", false);
        }
        catch (CheckpointException e)
        {
            bool whole = e.Model.Members.Length == 2 && warnings > 0;
            Tell("train with checkpoints", $"{warnings} warnings; at the end an exception that holds the flow", full && whole);
        }
        catch (IOException)
        {
            Tell("train with checkpoints", "refused before training", !full || warnings == 0);
        }

        void Try(string what, Action act)
        {
            try
            {
                act();
                Tell(what, "done, although there is no room", false);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                bool whole = File.ReadAllText(old) == "old", alone = Directory.GetFiles(folder).Length == files;
                Tell(what, $"{e.GetType().Name}; the old file is {(whole ? "whole" : "lost")}{(alone ? "" : ", and there are others")}",
                    whole && alone);
            }
        }

        static void Tell(string what, string found, bool good) => Console.WriteLine($"tried|{what}|{found}|{good}");
    }

    private static bool Shell(string command)
    {
        using var process = Process.Start(new ProcessStartInfo("bash", ["-c", command + " 2>/dev/null"]))!;
        process.WaitForExit();
        return process.ExitCode == 0;
    }
}
