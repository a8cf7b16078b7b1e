namespace RealNvp.ML.Bench.Cuda;

/// <summary>One way to run a graph on rows that it was given before.</summary>
internal interface ILane : IDisposable
{
    /// <summary>Rows per second in batches of so many rows, measured for so many seconds.</summary>
    double Rate(int batch, double seconds);

    /// <summary>The results of the first rows.</summary>
    float[] Results(int rows);
}
