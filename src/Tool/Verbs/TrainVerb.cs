using System.CommandLine;
using Microsoft.ML;
using RealNvp.ML.Tool.Models;
using RealNvp.ML.Tool.Running;
using RealNvp.ML.Tool.Tables;
using RealNvp.ML.Trainers;
using RealNvp.ML.Transforms;

namespace RealNvp.ML.Tool.Verbs;

/// <summary><c>realnvp train</c>: from rows to a saved model.</summary>
internal sealed class TrainVerb
{
    private readonly Argument<string[]> _data = VerbOptions.Data(
        "CSV or Parquet files with the same columns, a folder of such, a folder of images, or - for CSV on standard input.");
    private readonly Option<string> _output = new("--output", "-o")
    {
        Description = "The model: the whole pipeline as ML.NET saves it.", HelpName = "MODEL", DefaultValueFactory = _ => "model.zip",
    };
    private readonly Option<string[]> _columns = VerbOptions.Names("--columns",
        "The features. Default: every column but identifiers, counters, "
        + "texts of more than --max-categories kinds, and what another option names.");
    private readonly Option<string[]> _ignore = VerbOptions.Names("--ignore", "Columns that are no features.");
    private readonly Option<string[]> _categories = VerbOptions.Names("--categories",
        "Columns whose cells are names, one feature for each, also where they look like numbers. Columns of texts are anyway.");
    private readonly Option<string[]> _condition = VerbOptions.Names("--condition",
        "Learn p(features | these columns): what is odd given them. They are no features then.");
    private readonly Option<string?> _label = new("--label")
    {
        Description = "The column that says which rows are anomalies. It is no feature, and those rows are not learned from.",
        HelpName = "COLUMN",
    };
    private readonly Option<string[]> _anomaly = Labels.Option();
    private readonly Option<string?> _group = new("--group")
    {
        Description = "The column that tells devices, patients or days apart whose rows are alike: all rows of one are learned from or "
            + "held out, so that the rate of false alarms holds for new ones. It is no feature.",
        HelpName = "COLUMN",
    };
    private readonly Option<int> _maxCategories = new("--max-categories")
    {
        Description = "A column of more different texts is no feature unless it is named.", HelpName = "N", DefaultValueFactory = _ => 50,
    };
    private readonly Option<string> _missing = new Option<string>("--missing")
    {
        Description = "Cells that are empty, NA, N/A, NaN, null, None or ?. mean: get the mean of the training rows, here and in scoring; "
            + "flag: so, and a feature says that they were missing; skip: their rows are not learned from and get no score. An empty "
            + "category is none of the known ones.",
        HelpName = "mean|flag|skip",
        DefaultValueFactory = _ => "mean",
    }.AcceptOnlyFromAmong("mean", "flag", "skip");
    private readonly Option<double?> _contamination = VerbOptions.Share("--contamination",
        "The share of rows like these that will be flagged: the rate of false alarms. Default 0.05.");
    private readonly Option<double?> _trim = VerbOptions.Share("--trim",
        "The share of each batch that is left out as least likely, where anomalies are among the rows. Default 0.", below: 0.5);
    private readonly Option<int?> _epochs = VerbOptions.Count("--epochs", "Passes over the rows. Default: by the number of rows.");
    private readonly Option<int?> _steps = VerbOptions.Count("--steps", "Optimizer steps, instead of epochs.");
    private readonly Option<int?> _members = VerbOptions.Count("--members", "Flows whose mixture is the model. Default 1.");
    private readonly Option<int?> _couplings = VerbOptions.Count("--couplings", "Couplings of a table's flow. Default 8.", least: 2);
    private readonly Option<int?> _hidden = VerbOptions.Count("--hidden", "Width of the nets of a table's flow. Default 64.");
    private readonly Option<bool> _density = new("--density")
    {
        Description = "Settings for the highest held-out likelihood rather than for ranking anomalies; takes longer.",
    };
    private readonly Option<string?> _checkpoints = new("--checkpoints")
    {
        Description = "Write checkpoints there; the same command goes on from the last one.", HelpName = "FOLDER",
    };
    private readonly Option<int?> _threads = VerbOptions.Count("--threads", "Threads of libtorch.");
    private readonly ImageSettings _images = new();
    private readonly Option<int> _seed = VerbOptions.Seed();
    private readonly Option<string?> _device = VerbOptions.Device();
    private readonly CsvSettings _csv = new();
    private readonly Option<bool> _quiet = VerbOptions.Quiet();

    /// <summary>The verb.</summary>
    public static Command Create(Terminal terminal) => new TrainVerb().Command(terminal);

    private Command Command(Terminal terminal)
    {
        var verb = new Command("train", """
            Learn the density of rows and save a model.

            Numbers are taken as they are, texts become categories, identifiers are passed over; what was chosen is said on standard error
            and saved in the model, which scores files whose columns stand in another order, and loads in any ML.NET application.

            realnvp train data.csv -o model.zip
            realnvp train data.csv --label fraud --ignore date,comment --contamination 0.01
            realnvp train readings.parquet --condition hour,site
            realnvp train photos/ --size 32x32 -o photos.zip
            """) { _data };
        foreach (Option option in new Option[] { _output, _columns, _ignore, _categories, _condition, _label, _anomaly, _group,
            _maxCategories, _missing, _contamination, _trim, _epochs, _steps, _members, _couplings, _hidden, _density, _checkpoints,
            _threads })
            verb.Add(option);
        _images.AddTo(verb);
        verb.Add(_seed);
        verb.Add(_device);
        _csv.AddTo(verb);
        verb.Add(_quiet);
        verb.Does(terminal, _quiet, (said, cancellation) => Train(said, terminal, cancellation));
        return verb;
    }

    private void Train(ParseResult said, Terminal terminal, CancellationToken cancellation)
    {
        Labels.RequireColumn(said, _anomaly, _label);
        if (said.GetValue(_epochs) is not null && said.GetValue(_steps) is not null)
            throw new UsageException("--epochs and --steps both say how long to train; give one.");
        string path = said.GetRequiredValue(_output);
        using var whole = new WholeFile(path);
        MLContext context = SavedModel.NewContext(device: null, terminal, said.GetValue(_seed));
        var meter = new TrainingMeter(terminal);
        using var spooled = new Spool();
        IReadOnlyList<string> files = [.. Sources.Files(said.GetRequiredValue(_data))
            .Select(file => file == Sources.Standard ? spooled.Take(terminal.Input, cancellation) : file)];
        CsvOptions csv = _csv.Read(said);
        ITable[] tables = [.. files.Select(file => Sources.Open(file, terminal, csv, []))];
        using ITable table = tables.Length == 1 ? tables[0] : new JoinedTable(tables);

        RefuseIdle(said, table);
        RealNvpTrainer.Options options = Options(said, cancellation, meter);
        (IEstimator<ITransformer> pipeline, IDataView rows, DataViewSchema inputs) = table is ImageTable images
            ? _images.Pipeline(said, context, images, options, terminal)
            : TableOf(said, context, table, csv, options, terminal, cancellation);
        ITransformer model = meter.Show(() => pipeline.Fit(rows));
        using var disposed = model as IDisposable;
        context.Model.Save(model, inputs, whole.Stream);
        whole.Complete();
        using RealNvpTransformer flow = model.FindRealNvp();
        terminal.Note($"{path}: a flow over {Counted.Of(flow.Model.InputShape.Size, "feature")}, "
            + (float.IsFinite(flow.Threshold)
                ? $"threshold {flow.Threshold:G6} at a contamination of {flow.Model.Calibration.Contamination:G4}"
            : "no threshold"));
    }

    /// <summary>Options that would do nothing are a mistake: what they were meant to do would silently be left undone.</summary>
    private void RefuseIdle(ParseResult said, ITable table)
    {
        Option[] idle = table is ImageTable
            ? [_columns, _ignore, _categories, _condition, _label, _anomaly, _group, _maxCategories, _missing, _couplings, _hidden,
                _density]
            : [.. _images.All];
        if (idle.FirstOrDefault(option => said.GetResult(option) is { Implicit: false }) is not { } given)
            return;
        throw new UsageException(table is ImageTable ? $"{given.Name} is for tables, and {table.Name} holds images."
            : $"{given.Name} is for folders of images, and {table.Name} is a table.");
    }

    private (IEstimator<ITransformer>, IDataView, DataViewSchema) TableOf(
        ParseResult said, MLContext context, ITable table, CsvOptions csv, RealNvpTrainer.Options options, Terminal terminal,
        CancellationToken cancellation)
    {
        MissingCells missing = Enum.Parse<MissingCells>(said.GetRequiredValue(_missing), ignoreCase: true);
        var asked = new ColumnOptions(said.GetRequiredValue(_columns), said.GetRequiredValue(_ignore), said.GetRequiredValue(_categories),
            said.GetRequiredValue(_condition), said.GetValue(_label), said.GetValue(_group), said.GetValue(_maxCategories),
            missing);
        if (table is CsvTable { Format.HasHeader: false })
        {
            terminal.Note($"{table.Name} has no header, it seems: its columns are called {Tables.Names.Listed(table.Columns)} (--header "
                + "yes: the first line names them)");
        }
        int? labelColumn = asked.Label is null ? null : table.Find(asked.Label);
        var anomalies = new Labels(said.GetRequiredValue(_anomaly));
        IReadOnlyList<ColumnFacts> facts = ColumnFacts.Of(table, labelColumn, anomalies.Count, cancellation);
        long rows = facts.Max(column => column.Rows); // no cell of some columns is looked at
        if (anomalies.Found > 0 && rows == 0)
        {
            string all = anomalies.Found == 1 ? "its one row is an anomaly" : $"all {anomalies.Found:N0} rows are anomalies";
            throw new ToolException($"{table.Name}: {all} by '{asked.Label}'; a flow learns the others.");
        }
        ColumnChoice choice = ColumnChoice.Of(table, facts, asked, terminal.Note, terminal.Warn);
        ModelInput[] inputs = [.. choice.Inputs];
        terminal.Note($"{Counted.Of(rows, "row")}; features: " + Tables.Names.Listed(choice.Features.Select(input
            => input.Kind == CellKind.Text ? $"{input.Name} (category)" : input.Name))
            + (choice.Condition.Count > 0 ? $"; given: {Tables.Names.Listed(choice.Condition.Select(input => input.Name))}" : ""));
        foreach (ColumnFacts column in facts.Where(column => column.Missing > 0 && inputs.Any(input => input.Name == column.Name)))
            terminal.Note($"column '{column.Name}': {Counted.Part(column.Missing, column.Rows, "cell")} missing");

        foreach (ColumnFacts column in facts.Where(column => choice.Features.Any(input => input.Name == column.Name)))
        {
            if (column.Constant is { } constant)
                terminal.Note($"column '{column.Name}': all cells are {constant}; another value will stand out (--ignore leaves it out)");
        }

        if (asked.Label is not null)
        {
            if (anomalies.Found == 0)
                terminal.Warn($"no row is left out: {anomalies.Told(asked.Label)}");
            else
                terminal.Note($"{Counted.Part(anomalies.Found, rows + anomalies.Found, "row")} "
                    + $"{(anomalies.Found == 1 ? "an anomaly" : "anomalies")} by '{asked.Label}', and not learned from");
        }
        List<Wanted> wanted = [.. inputs.Select(input => new Wanted(table.Find(input.Name), input.Kind))];
        List<(string? Name, CellKind Kind)> columns = [.. inputs.Select(input => ((string?)input.Name, input.Kind))];
        DataViewSchema read = new TableView(columns, () => []).Schema; // what is asked of rows to score, and no more
        if (asked.Group is { } group)
        {
            wanted.Add(new(table.Find(group), CellKind.Text));
            columns.Add((group, CellKind.Text));
            options.SamplingKeyColumnName = group;
        }
        Func<Block, int, bool>? takes = null;
        if (labelColumn is { } label)
        {
            wanted.Add(new(label, CellKind.Text));
            columns.Add((null, CellKind.Text));
            takes = (block, row) => !anomalies.Contains(block.Texts(wanted.Count - 1)[row].Span);
        }
        return (TablePipeline.Of(context, choice, missing, csv.Numbers?.Codes ?? [], options),
            new TableView(columns, () => table.Read(wanted, Kept.None, Range.All), takes), read);
    }

    private RealNvpTrainer.Options Options(ParseResult said, CancellationToken cancellation, TrainingMeter meter)
    {
        RealNvpTrainer.Options options = said.GetValue(_density) ? RealNvpTrainer.Options.ForDensity() : new();
        options.Table = options.Table with
        {
            Couplings = said.GetValue(_couplings) ?? options.Table.Couplings,
            HiddenUnits = said.GetValue(_hidden) ?? options.Table.HiddenUnits,
        };
        options.Contamination = said.GetValue(_contamination) ?? options.Contamination;
        options.Trim = said.GetValue(_trim) ?? options.Trim;
        options.Epochs = said.GetValue(_epochs) ?? (said.GetValue(_steps) is null ? options.Epochs : null);
        options.Steps = said.GetValue(_steps);
        options.Members = said.GetValue(_members) ?? options.Members;
        options.Threads = said.GetValue(_threads);
        options.Device = said.GetValue(_device);
        options.Seed = said.GetValue(_seed);
        if (said.GetValue(_checkpoints) is { } folder)
            options.Checkpoints = new(folder) { Resume = true };
        (options.Progress, options.CancellationToken) = (meter, cancellation);
        return options;
    }
}
