using RealNvp.ML.Tool.Tables;

namespace RealNvp.ML.Tool.Rows;

/// <summary>Writes rows with what was added to them.</summary>
internal interface IRowWriter : IDisposable
{
    /// <summary>Writes the next rows.</summary>
    /// <param name="block">Has what is carried along.</param>
    /// <param name="results">The columns that are added; the same ones in every call.</param>
    /// <param name="rows">Which rows; null for all.</param>
    void Write(Block block, IReadOnlyList<ResultColumn> results, IReadOnlyList<int>? rows = null);
}
