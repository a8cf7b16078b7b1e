namespace RealNvp.ML.Bench.Running;

/// <summary>One line that says how far a measurement is: rewritten in a terminal, and one line per stage in a file or a pipe.</summary>
internal sealed class Progress(TextWriter writer) : IDisposable
{
    private readonly bool _live = !Console.IsErrorRedirected;
    private string _stage = "";
    private int _shown;

    /// <summary>Says that <paramref name="done"/> of <paramref name="total"/> parts of a stage are finished.</summary>
    public void Show(string stage, int done, int total)
    {
        if (_live)
        {
            string line = $"{stage}  [{new string('#', 30 * done / total),-30}] {done}/{total}";
            writer.Write('\r' + line.PadRight(_shown));
            _shown = line.Length;
        }
        else if (stage != _stage)
        {
            writer.WriteLine($"{stage} ...");
        }
        _stage = stage;
    }

    /// <summary>Clears the line.</summary>
    public void Dispose()
    {
        if (_live && _shown > 0)
            writer.Write('\r' + new string(' ', _shown) + '\r');
    }
}
