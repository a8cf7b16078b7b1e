using System.Globalization;
using System.Reflection;
using RealNvp.ML.Bench.Running;
using RealNvp.ML.Trainers;

namespace RealNvp.ML.Bench.Flows;

/// <summary>
/// Trainer options other than those that a subcommand reports, as <c>Members=4,Mixing=Linear</c>, those of tables and of the optimizer by
/// their own names. Such a run chooses defaults; it is not a result, so its report says what it is and it yields no figures.
/// </summary>
internal sealed class Experiment
{
    private static readonly Choice[] s_choices = [.. Choices()];

    private readonly (Choice Choice, object Value)[] _changes;
    private readonly Func<RealNvpTrainer.Options> _unchanged;

    /// <summary>Reads the changes; null or empty for none.</summary>
    /// <param name="changes">As on the command line.</param>
    /// <param name="unchanged">What is changed; the trainer's defaults where it is left out.</param>
    /// <exception cref="BenchmarkFailedException">An option is unknown or its value does not fit.</exception>
    public Experiment(string? changes, Func<RealNvpTrainer.Options>? unchanged = null)
    {
        _changes = [.. (changes ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Select(Parse)];
        _unchanged = unchanged ?? (() => new RealNvpTrainer.Options());
    }

    /// <summary>Whether nothing is changed.</summary>
    public bool IsDefault => _changes.Length == 0;

    /// <summary>The options, all but the seed.</summary>
    public RealNvpTrainer.Options Options()
    {
        RealNvpTrainer.Options options = _unchanged();
        foreach ((Choice choice, object value) in _changes)
            choice.Set(options, value);
        return options;
    }

    /// <summary>
    /// The same of a flow that is not trained: of a table a normal distribution of standardised columns, their tails compressed.
    /// </summary>
    public RealNvpTrainer.Options Untrained()
    {
        RealNvpTrainer.Options options = Options();
        (options.Steps, options.Epochs, options.LearningRate, options.Members) = (1, null, 1e-9, 1);
        options.Table = options.Table with { MixtureBound = 0 };
        return options;
    }

    /// <summary>Every option that can change a result, in words.</summary>
    public static string Describe(RealNvpTrainer.Options options)
        => string.Join(", ", s_choices.Select(choice => string.Create(CultureInfo.InvariantCulture, $"{choice.Name} = "
        + $"{choice.Get(options) ?? "null"}")));

    /// <inheritdoc/>
    public override string ToString()
        => string.Join(", ", _changes.Select(change => string.Create(CultureInfo.InvariantCulture, $"{change.Choice.Name} = "
        + $"{change.Value}")));

    private static IEnumerable<Choice> Choices()
    {
        foreach (FieldInfo field in typeof(RealNvpTrainer.Options).GetFields(BindingFlags.Public | BindingFlags.Instance))
        {
            bool isNone = field.Name is nameof(RealNvpTrainer.Options.Seed) or nameof(RealNvpTrainer.Options.Threads)
                or nameof(RealNvpTrainer.Options.CancellationToken);
            if (field.FieldType.IsValueType && !isNone)
                yield return new(field.Name, field.FieldType, field.GetValue, field.SetValue);
            if (field.Name is not (nameof(RealNvpTrainer.Options.Table) or nameof(RealNvpTrainer.Options.Optimizer)))
                continue;
            foreach (PropertyInfo part in field.FieldType.GetProperties(BindingFlags.Public | BindingFlags.Instance))
            {
                yield return new(part.Name, part.PropertyType, options => part.GetValue(field.GetValue(options)),
                    (options, value) => part.SetValue(field.GetValue(options), value));
            }
        }
    }

    private static (Choice Choice, object Value) Parse(string change)
    {
        string[] pair = change.Split('=', 2, StringSplitOptions.TrimEntries);
        Choice choice = s_choices.FirstOrDefault(choice => choice.Name == pair[0])
            ?? throw new BenchmarkFailedException($"The trainer has no option '{pair[0]}' to experiment with. It has "
                + string.Join(", ", s_choices.Select(choice => choice.Name)) + ".");
        Type type = Nullable.GetUnderlyingType(choice.Type) ?? choice.Type;
        try
        {
            string text = pair.Length == 2 ? pair[1] : "";
            return (choice, type.IsEnum ? Enum.Parse(type, text, ignoreCase: true)
                : Convert.ChangeType(text, type, CultureInfo.InvariantCulture));
        }
        catch (Exception e) when (e is FormatException or OverflowException or ArgumentException or InvalidCastException)
        {
            throw new BenchmarkFailedException($"'{change}' does not fit the option {choice.Name}, a {type.Name}.");
        }
    }

    /// <summary>An option, or a part of one; the options of a run have parts of their own, which may be set.</summary>
    private sealed record Choice(string Name, Type Type, Func<object, object?> Get, Action<object, object> Set);
}
