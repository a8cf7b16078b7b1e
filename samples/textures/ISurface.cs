namespace RealNvp.ML.Samples;

/// <summary>A texture that can be asked for each pixel.</summary>
internal interface ISurface
{
    /// <summary>Gives the colour of a pixel, and says whether a flaw of the texture itself goes through it.</summary>
    bool Paint(int x, int y, Flaw? flaw, Span<double> colour);
}
