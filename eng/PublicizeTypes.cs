// The MSBuild task behind Publicize.targets: copies assemblies and makes the named top-level types public in the copies.
// It edits flags in the TypeDef metadata table in place (ECMA-335, II.22 and II.24), so nothing moves and no library is needed:
// inline tasks compile against .NET Standard 2.0, which has no metadata reader.

using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text;
using Microsoft.Build.Framework;
using Microsoft.Build.Utilities;

public sealed class PublicizeTypes : Task
{
    /// <summary>The genuine assemblies.</summary>
    [Required] public string[] Sources { get; set; }

    /// <summary>Takes the copies, of the same names.</summary>
    [Required] public string Folder { get; set; }

    /// <summary>Full names of the types, e.g. Microsoft.ML.ModelLoadContext; the metadatum Assembly says of which.</summary>
    [Required] public ITaskItem[] Types { get; set; }

    public override bool Execute()
    {
        Directory.CreateDirectory(Folder);
        return Types.GroupBy(type => type.GetMetadata("Assembly"), type => type.ItemSpec).All(types => Publicize(types.Key, types));
    }

    private bool Publicize(string assembly, IEnumerable<string> types)
    {
        var source = Sources.FirstOrDefault(path => Path.GetFileNameWithoutExtension(path) == assembly);
        if (source == null)
        {
            Log.LogError("{0}.dll is not among the references, so its types cannot be made public.", assembly);
            return false;
        }
        var image = new Image(File.ReadAllBytes(source));
        var missing = new HashSet<string>(types);
        foreach (var row in image.TypeDefRows())
            if (missing.Remove(image.FullName(row)))
                image.MakePublic(row);
        if (missing.Count > 0)
        {
            Log.LogError(
                "{0} no longer contains {1}. This version of ML.NET changed the internals that RealNvp.ML.Transforms relies on.",
                Path.GetFileName(source), string.Join(", ", missing.OrderBy(name => name)));
            return false;
        }
        File.WriteAllBytes(Path.Combine(Folder, Path.GetFileName(source)), image.Bytes);
        return true;
    }

    /// <summary>A managed PE file, read just far enough to reach the rows of its TypeDef table.</summary>
    private sealed class Image
    {
        // metadata tables, by number
        private const int Module = 0, TypeRef = 1, TypeDef = 2, Field = 4, MethodDef = 6, ModuleRef = 26, TypeSpec = 27, AssemblyRef = 35;
        private const byte VisibilityMask = 7, Public = 1;

        public readonly byte[] Bytes;
        private readonly int[] _rowCounts = new int[64];
        private readonly int _strings, _stringIndexSize, _typeDefs, _typeDefSize;

        public Image(byte[] bytes)
        {
            Bytes = bytes;
            var metadata = MetadataRoot();
            int tables = Stream(metadata, "#~");
            _strings = Stream(metadata, "#Strings");

            byte heapSizes = Bytes[tables + 6];
            _stringIndexSize = (heapSizes & 1) != 0 ? 4 : 2;
            int guidIndexSize = (heapSizes & 2) != 0 ? 4 : 2;
            ulong present = BitConverter.ToUInt64(Bytes, tables + 8);
            int position = tables + 24;
            for (int table = 0; table < 64; table++)
            {
                if ((present >> table & 1) == 0)
                    continue;
                _rowCounts[table] = Int32(position);
                position += 4;
            }

            // TypeDef is the third table: only the row sizes of the two before it matter
            int moduleSize = 2 + _stringIndexSize + 3 * guidIndexSize;
            int typeRefSize = CodedIndexSize(2, Module, ModuleRef, AssemblyRef, TypeRef) + 2 * _stringIndexSize;
            _typeDefs = position + _rowCounts[Module] * moduleSize + _rowCounts[TypeRef] * typeRefSize;
            // flags, name, namespace, base type, first field, first method
            _typeDefSize = 4 + 2 * _stringIndexSize + CodedIndexSize(2, TypeDef, TypeRef, TypeSpec) + IndexSize(Field)
                + IndexSize(MethodDef);
        }

        public IEnumerable<int> TypeDefRows() => Enumerable.Range(0, _rowCounts[TypeDef]).Select(i => _typeDefs + i * _typeDefSize);

        public string FullName(int row) => String(row + 4 + _stringIndexSize) + "." + String(row + 4);

        public void MakePublic(int row) => Bytes[row] = (byte)((Bytes[row] & ~VisibilityMask) | Public);

        private int MetadataRoot()
        {
            int pe = Int32(0x3C), optionalHeader = pe + 24;
            bool pe32Plus = UInt16(optionalHeader) == 0x20B;
            int cliHeaderEntry = optionalHeader + (pe32Plus ? 112 : 96) + 14 * 8;
            return FileOffset(pe, Int32(FileOffset(pe, Int32(cliHeaderEntry)) + 8));
        }

        private int FileOffset(int pe, int virtualAddress)
        {
            int sections = pe + 24 + UInt16(pe + 20);
            for (int i = 0; i < UInt16(pe + 6); i++)
            {
                int section = sections + 40 * i, start = Int32(section + 12), rawSize = Int32(section + 16), rawStart = Int32(section + 20);
                if (virtualAddress >= start && virtualAddress < start + rawSize)
                    return virtualAddress - start + rawStart;
            }
            throw new InvalidDataException("The file has no section at " + virtualAddress.ToString("x") + ".");
        }

        private int Stream(int metadata, string wanted)
        {
            int flags = metadata + 16 + Int32(metadata + 12), header = flags + 4;
            for (int i = 0; i < UInt16(flags + 2); i++)
            {
                int name = header + 8;
                if (Text(name) == wanted)
                    return metadata + Int32(header);
                header = name + (Text(name).Length / 4 + 1) * 4;   // zero-terminated, padded to four bytes
            }
            throw new InvalidDataException("The metadata has no stream " + wanted + ".");
        }

        private int IndexSize(int table) => _rowCounts[table] > 0xFFFF ? 4 : 2;

        private int CodedIndexSize(int tagBits, params int[] tables)
            => tables.Any(table => _rowCounts[table] >= 1 << (16 - tagBits)) ? 4 : 2;

        private string String(int at) => Text(_strings + (_stringIndexSize == 4 ? Int32(at) : UInt16(at)));

        private string Text(int start) => Encoding.UTF8.GetString(Bytes, start, Array.IndexOf(Bytes, (byte)0, start) - start);

        private int Int32(int at) => BitConverter.ToInt32(Bytes, at);

        private int UInt16(int at) => BitConverter.ToUInt16(Bytes, at);
    }
}
