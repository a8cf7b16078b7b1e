using System.Text;

namespace RealNvp.ML.Tool.Tables;

/// <summary>Rows that were read together.</summary>
/// <param name="Rows">How many.</param>
/// <param name="Cells">For each wanted column an array of <see cref="float"/> or of <see cref="ReadOnlyMemory{T}"/> of char.</param>
/// <param name="Kept">What is carried along.</param>
internal sealed record Block(int Rows, IReadOnlyList<Array> Cells, KeptRows Kept)
{
    /// <summary>The numbers of a wanted column.</summary>
    public float[] Numbers(int wanted) => (float[])Cells[wanted];

    /// <summary>The texts of a wanted column.</summary>
    public ReadOnlyMemory<char>[] Texts(int wanted) => (ReadOnlyMemory<char>[])Cells[wanted];
}

/// <summary>What is carried along with the rows of a block.</summary>
internal abstract class KeptRows
{
    /// <summary>Appends the kept cells of a row as a line of CSV has them, without the end of the line.</summary>
    public abstract void Append(int row, StringBuilder line, char separator);
}
