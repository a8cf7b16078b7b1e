using System.Text;
using Microsoft.ML;
using Microsoft.ML.Data;

namespace RealNvp.ML.Tool.Tables;

/// <summary>The image files of a folder, as a table of their paths.</summary>
internal sealed class ImageTable : ITable
{
    /// <summary>The column of a model that reads images.</summary>
    public const string PathColumn = "ImagePath";

    private readonly string[] _paths;

    /// <exception cref="FileNotFoundException">There is no image in the folder.</exception>
    public ImageTable(string folder)
    {
        Name = folder;
        // the library lists them; the size is never read
        _paths = [.. new MLContext().Data.LoadImageFolder(folder, height: 1, width: 1).GetColumn<string>(PathColumn)];
    }

    public string Name { get; }

    public IReadOnlyList<string> Columns { get; } = [PathColumn];

    public CellKind? KindOf(int column) => CellKind.Text;

    public int CountBlocks() => (_paths.Length + RowsPerBlock - 1) / RowsPerBlock;

    /// <summary>Few enough that a long run shows how far it is.</summary>
    private static int RowsPerBlock => 256;

    public IEnumerable<Block> Read(IReadOnlyList<Wanted> wanted, Kept kept, Range blocks)
        => _paths.Chunk(RowsPerBlock).Take(blocks).Select(paths => new Block(
            paths.Length, [.. wanted.Select(_ => paths.Select(path => path.AsMemory()).ToArray())], new Paths(paths, kept)));

    public void Dispose() { }

    private sealed class Paths(string[] paths, Kept kept) : KeptRows
    {
        public override void Append(int row, StringBuilder line, char separator)
        {
            if (kept.Columns.Count > 0)
                CsvCell.Append(line, paths[row], separator);
        }
    }
}
