// The MSBuild task behind MendLibTorchSharp.targets: copies a shared library and marks one version that it needs as weak in the copy,
// so that the dynamic loader accepts its absence. It sets one flag in the section .gnu.version_r
// (64-bit little-endian ELF; Linux Standard Base, "Symbol Versioning").

using System;
using System.IO;
using System.Linq;
using System.Text;
using Microsoft.Build.Framework;
using Microsoft.Build.Utilities;

public sealed class MendVersionNeed : Task
{
    private const int SectionTypeVersionNeeds = 0x6ffffffe;   // SHT_GNU_verneed
    private const byte Weak = 2;                              // VER_FLG_WEAK

    [Required] public string Source { get; set; }
    [Required] public string Destination { get; set; }

    /// <summary>The version to make weak, e.g. GLIBCXX_3.4.32.</summary>
    [Required] public string Version { get; set; }

    private byte[] _file;

    public override bool Execute()
    {
        _file = File.ReadAllBytes(Source);
        int need = FindNeed();
        if (need < 0)
            Log.LogMessage("{0} does not need {1}: nothing to mend.", Source, Version);
        else
            _file[need + 4] |= Weak;   // vna_flags, low byte

        // a file that may be a link is replaced, never written through
        Directory.CreateDirectory(Path.GetDirectoryName(Destination));
        File.Delete(Destination);
        File.WriteAllBytes(Destination, _file);
        return true;
    }

    /// <summary>The position of the version's Elf64_Vernaux, or -1.</summary>
    private int FindNeed()
    {
        var isElf64 = _file.Length > 64 && _file.Take(6).SequenceEqual(new byte[] { 0x7f, (byte)'E', (byte)'L', (byte)'F', 2, 1 });
        if (!isElf64)
            return -1;
        int sections = Offset(0x28), sectionSize = UInt16(0x3A), sectionCount = UInt16(0x3C);
        for (int i = 0; i < sectionCount; i++)
        {
            int section = sections + i * sectionSize;
            if (Int32(section + 4) != SectionTypeVersionNeeds)
                continue;
            int names = Offset(sections + Int32(section + 0x28) * sectionSize + 0x18);
            int fileCount = Int32(section + 0x2C);
            // one Elf64_Verneed for each library, each with a chain of Elf64_Vernaux for the versions needed of it
            for (int library = Offset(section + 0x18); fileCount-- > 0; library += Int32(library + 12))
            {
                int need = library + Int32(library + 8);
                for (int count = UInt16(library + 2); count-- > 0; need += Int32(need + 12))
                    if (Text(names + Int32(need + 8)) == Version)
                        return need;
            }
        }
        return -1;
    }

    private string Text(int start) => Encoding.ASCII.GetString(_file, start, Array.IndexOf(_file, (byte)0, start) - start);

    private int Offset(int at) => checked((int)BitConverter.ToInt64(_file, at));

    private int Int32(int at) => BitConverter.ToInt32(_file, at);

    private int UInt16(int at) => BitConverter.ToUInt16(_file, at);
}
