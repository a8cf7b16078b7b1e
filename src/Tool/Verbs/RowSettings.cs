using System.CommandLine;
using Microsoft.ML;
using RealNvp.ML.Tool.Models;
using RealNvp.ML.Tool.Rows;
using RealNvp.ML.Tool.Running;
using RealNvp.ML.Tool.Tables;

namespace RealNvp.ML.Tool.Verbs;

/// <summary>Arguments and options of verbs that add columns to rows.</summary>
internal sealed class RowSettings
{
    private readonly Argument<string[]> _data = VerbOptions.Data(
        "CSV or Parquet files, folders of such, a folder of images, or - (default) for CSV on standard input.");
    private readonly Option<string?> _output = VerbOptions.Output(
        "A file, or a folder for several (FOLDER/). Parquet where it ends in .parquet or the input does, compressed CSV where it ends in "
        + ".gz. Default: standard output, as CSV.");
    private readonly Option<string> _keep = new("--keep")
    {
        Description = "The columns of the input that are repeated: all, none, or names.", HelpName = "COLUMNS", DefaultValueFactory = _
            => "all",
    };
    private readonly Option<string?> _shard = VerbOptions.Checked(new Option<string?>("--shard")
    {
        Description = "Work on part i of n alone: of several files every n-th, of one file its i-th part (of blocks of 16,384 rows).",
        HelpName = "i/n",
    }, text => text is null || Shard.Read(text) is not null, "expected i/n with i from 1 to n");
    private readonly Option<bool> _force = new("--force") { Description = "Make outputs again that are there and up to date." };
    private readonly Option<int?> _block = VerbOptions.Count("--block",
        "Rows of CSV that are read, scored and written together: 1 answers line by line. Default 16384.");
    private readonly Option<string?> _device = VerbOptions.Device();
    private readonly CsvSettings _csv = new();

    /// <summary>Adds them to a verb.</summary>
    public void AddTo(Command verb, bool sharded)
    {
        verb.Add(_data);
        verb.Add(_output);
        verb.Add(_keep);
        if (sharded)
        {
            verb.Add(_shard);
            verb.Add(_force);
        }
        verb.Add(_block);
        verb.Add(_device);
        _csv.AddTo(verb);
    }

    /// <summary>The files to work on.</summary>
    public IReadOnlyList<string> Files(ParseResult said) => Sources.Files(said.GetRequiredValue(_data));

    /// <summary>Where to; null for standard output.</summary>
    public string? Output(ParseResult said) => said.GetValue(_output) is { } path && path != Sources.Standard ? path : null;

    /// <summary>Where the nets run.</summary>
    public string? Device(ParseResult said) => said.GetValue(_device);

    /// <summary>The work that the options describe.</summary>
    public RowWork Work(ParseResult said, SavedModel model, string modelPath, Terminal terminal, IReadOnlyList<(string, Type)> added,
        Func<IDataView, int, IReadOnlyList<ResultColumn>> compute, Func<IReadOnlyList<ResultColumn>, IReadOnlyList<int>>? choose = null)
        => new(model, terminal)
        {
            ModelPath = modelPath,
            Csv = _csv.Read(said),
            RowsPerBlock = said.GetValue(_block) ?? ITable.RowsPerBlock,
            Keep = said.GetRequiredValue(_keep) switch
            {
                "all" => null,
                "none" => [],
                var names => names.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries),
            },
            Shard = said.GetValue(_shard) is { } shard ? Shard.Read(shard) : null,
            Force = said.GetValue(_force),
            Added = added,
            Compute = compute,
            Choose = choose,
        };
}
