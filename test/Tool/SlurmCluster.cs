using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;

namespace RealNvp.ML.Tests.Tool;

/// <summary>Slurm with one node, this machine, for as long as a test takes: munged, slurmctld and slurmd out of one folder.</summary>
internal sealed class SlurmCluster : IDisposable
{
    private static readonly string[] s_needed = ["/usr/sbin/munged", "/usr/sbin/slurmctld", "/usr/sbin/slurmd", "/usr/bin/sbatch"];

    private readonly string _folder;

    public SlurmCluster(string folder)
    {
        _folder = folder;
        string[] missing = [.. s_needed.Where(path => !File.Exists(path))];
        WhyNot = missing.Length > 0 ? $"Slurm is not installed ({missing[0]} is missing): apt install slurm-wlm munge."
            : Environment.IsPrivilegedProcess ? Start() : "Slurm's daemons need root to start.";
    }

    /// <summary>Why there is no Slurm here; null where it runs.</summary>
    public string? WhyNot { get; }

    /// <summary>What runs .NET programs.</summary>
    public string Dotnet { get; } = Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet";

    /// <summary>Runs a command of Slurm's and gives its output.</summary>
    public string Run(string command, params string[] arguments)
    {
        (int code, string output) = Try(command, arguments);
        Assert.True(code == 0, $"{command} {string.Join(' ', arguments)}: {output}");
        return output;
    }

    /// <summary>Waits for something for two minutes.</summary>
    public void Await(Func<bool> done, string what)
    {
        for (var time = Stopwatch.StartNew(); !done(); Thread.Sleep(5))
            Assert.True(time.Elapsed < TimeSpan.FromMinutes(2), $"Waited in vain for {what}.\n{Logs()}");
    }

    public void Dispose()
    {
        foreach (string name in new[] { "slurmd.pid", "ctld.pid", "munge.pid" })
        {
            if (!File.Exists(In(name)) || !int.TryParse(File.ReadAllText(In(name)), CultureInfo.InvariantCulture, out int id))
                continue;
            try
            {
                using var process = Process.GetProcessById(id);
                Try("/bin/kill", $"{id}"); // they end their own children and remove what they made
                if (!process.WaitForExit(10_000))
                    process.Kill();
            }
            catch (ArgumentException)
            {
                // it has ended by itself
            }
        }
    }

    /// <remarks>A task that is queued again waits until the credential of its first run has expired: five seconds instead of 120.</remarks>
    private string? Start()
    {
        string host = Environment.MachineName.Split('.')[0];
        foreach (string name in new[] { "state", "spool" })
            Directory.CreateDirectory(In(name));
        File.WriteAllBytes(In("key"), RandomNumberGenerator.GetBytes(128));
        Try("/bin/chmod", "400", In("key"));
        int port = 20_000 + 2 * (Environment.ProcessId % 10_000);
        File.WriteAllText(In("slurm.conf"), $"""
            ClusterName=test
            SlurmctldHost={host}(127.0.0.1)
            SlurmctldPort={port}
            SlurmdPort={port + 1}
            SlurmUser=root
            SlurmdUser=root
            AuthType=auth/munge
            AuthInfo=socket={In("munge.socket")},cred_expire=5
            CredType=cred/munge
            StateSaveLocation={In("state")}
            SlurmdSpoolDir={In("spool")}
            SlurmctldPidFile={In("ctld.pid")}
            SlurmdPidFile={In("slurmd.pid")}
            SlurmctldLogFile={In("ctld.log")}
            SlurmdLogFile={In("slurmd.log")}
            ProctrackType=proctrack/linuxproc
            TaskPlugin=task/none
            JobAcctGatherType=jobacct_gather/none
            AccountingStorageType=accounting_storage/none
            SelectType=select/cons_tres
            SelectTypeParameters=CR_Core
            MpiDefault=none
            ReturnToService=2
            JobRequeue=1
            SchedulerParameters=sched_interval=1,bf_interval=1,batch_sched_delay=0,requeue_delay=1
            SlurmdParameters=config_overrides
            NodeName={host} NodeAddr=127.0.0.1 CPUs=2 State=UNKNOWN
            PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
            """ + "\n");
        (string Command, string[] Arguments)[] daemons =
        [
            ("/usr/sbin/munged", ["--force", $"--key-file={In("key")}", $"--socket={In("munge.socket")}", $"--pid-file={In("munge.pid")}",
                $"--log-file={In("munge.log")}", $"--seed-file={In("munge.seed")}"]),
            ("/usr/sbin/slurmctld", ["-f", In("slurm.conf")]),
            ("/usr/sbin/slurmd", ["-f", In("slurm.conf")]),
        ];
        foreach ((string command, string[] arguments) in daemons)
        {
            (int code, string output) = Try(command, arguments);
            if (code != 0)
                return $"{command} does not start here: {output} {Logs()}";
        }
        for (var time = Stopwatch.StartNew(); time.Elapsed < TimeSpan.FromSeconds(30); Thread.Sleep(100))
        {
            if (Try("sinfo", "--noheader", "-o", "%t") is (0, var state) && state.Trim() == "idle")
                return null;
        }
        return $"Slurm's node does not become idle here. {Logs()}";
    }

    private string In(string name) => Path.Combine(_folder, name);

    private string Logs() => string.Join('\n', Directory.GetFiles(_folder, "*.log")
        .Select(path => $"{Path.GetFileName(path)}: {string.Join(" | ", File.ReadLines(path).TakeLast(3))}"));

    private (int Code, string Output) Try(string command, params string[] arguments)
    {
        // daemons keep what they were started with: to a file, not into a pipe of ours
        string output = In($"{Guid.NewGuid():N}.out");
        var start = new ProcessStartInfo("/bin/sh", ["-c", "out=$1; shift; exec \"$@\" > \"$out\" 2>&1 < /dev/null", "sh", output, command,
            .. arguments]) { WorkingDirectory = _folder };
        start.Environment["SLURM_CONF"] = In("slurm.conf");
        using var process = Process.Start(start)!;
        process.WaitForExit();
        string text = File.ReadAllText(output);
        File.Delete(output);
        return (process.ExitCode, text);
    }
}
